"""Webhooks: who is told that a job has finished can check that it is true."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import queue
import signal
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from au_host import Client, InvalidRequestError, RefusedError

from .conftest import PROGRAM, Server, add_examples, listening


@pytest.fixture
def receiver() -> Iterator[tuple[str, queue.Queue[tuple[dict[str, str], bytes]]]]:
    """A receiver, and what it was sent."""
    heard: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(204)
            self.end_headers()
            heard.put(({name.lower(): value for name, value in self.headers.items()}, body))

        def log_message(self, *_: object) -> None:
            pass

    with listening(Handler) as url:
        yield f"{url}/", heard


@pytest.fixture
def allowing(tmp_path: Path) -> Iterator[Server]:
    """A server that sends to this machine, too."""
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "au-host.toml").write_text('[webhook]\nallow = ["127.0.0.1"]\n')
    server = Server(tmp_path)
    with Client(server.url) as client:
        add_examples(client, "factorial")
    yield server
    server.stop(signal.SIGKILL)


def signature(secret: str, headers: dict[str, str], body: bytes) -> str:
    key = base64.b64decode(secret[len("whsec_") :])
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_a_job_tells_its_webhook(
    allowing: Server, receiver: tuple[str, queue.Queue[tuple[dict[str, str], bytes]]]
) -> None:
    url, heard = receiver
    env = {**os.environ, "AU_DATA": str(allowing.folder / "data")}
    secret = subprocess.check_output([str(PROGRAM), "webhook", "secret"], env=env, text=True).strip()
    with Client(allowing.url) as client:
        remote = client.function("factorial", "factorial", webhook=url)
        handles = [remote(20), *remote.map([5, 6]), client.submit("factorial", "factorial", [7], webhook=url)]
        told = {}
        for _ in handles:
            headers, body = heard.get(timeout=30)
            assert signature(secret, headers, body) in headers["webhook-signature"].split()
            told[headers["webhook-id"]] = json.loads(body)
        assert set(told) == {handle.key for handle in handles}
        assert {message["type"] for message in told.values()} == {"job.completed"}
        assert handles[0].metadata["webhook"]["url"] == url


def test_where_nothing_is_sent_is_an_error(client: Client) -> None:
    with pytest.raises(RefusedError, match="public"):
        client.submit("factorial", "factorial", [7], webhook="http://127.0.0.1/")
    with pytest.raises(InvalidRequestError, match="webhook"):
        client.submit("factorial", "factorial", [7], webhook="mailto:me@example.org")
