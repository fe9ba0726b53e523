"""A real ``au-host serve`` with the real examples: AU_HOST_BIN is the program, AU_GUESTS_DIR has the modules."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from au_host import Client

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(os.environ.get("AU_HOST_BIN", ROOT / "target/debug/au-host"))
GUESTS = Path(os.environ.get("AU_GUESTS_DIR", ROOT / "target/guests"))
EXAMPLES = ["factorial", "mandelbrot", "montecarlo", "panic", "primes", "spin", "trap", "trivial", "wordcount"]


class Server:
    """A server on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listen = "127.0.0.1:0"
        self.url = ""
        self.process: subprocess.Popen[str]
        self.start()

    def start(self) -> None:
        """Start it; again where it was before, if it was."""
        command = [str(PROGRAM), "serve", "--listen", self.listen]
        kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        env = {**kept, "HOME": str(self.folder), "AU_DATA": str(self.folder / "data")}
        self.process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert " at " in line, line
        self.url = line.split(" at ")[1].split(";")[0]
        if self.url.startswith("http://"):
            self.listen = self.url[len("http://") :]

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it by a signal."""
        self.process.send_signal(how)
        self.process.wait(30)
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The URL of something on this machine that answers by this handler."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def add_examples(client: Client, *names: str) -> None:
    for name in names or EXAMPLES:
        client.upload(GUESTS / f"{name}.wasm", name=name)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    with Client(server.url) as client:
        add_examples(client)
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[Server, str]]:
    """One that wants a token, and a token of its tenant ``acme``."""
    env = {**os.environ, "HOME": str(tmp_path), "AU_DATA": str(tmp_path / "data")}
    run = lambda *words: subprocess.check_output([str(PROGRAM), *words], env=env, text=True)  # noqa: E731
    run("module", "add", str(GUESTS / "factorial.wasm"), str(GUESTS / "primes.wasm"))
    token = run("token", "create", "test", "--tenant", "acme").strip()
    server = Server(tmp_path)
    yield server, token
    server.stop(signal.SIGKILL)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """One that a test may stop."""
    server = Server(tmp_path)
    with Client(server.url) as client:
        add_examples(client, "factorial", "spin")
    yield server
    if server.process.poll() is None:
        server.stop(signal.SIGKILL)
