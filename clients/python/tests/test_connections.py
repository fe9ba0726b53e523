"""Connections: proxies, sockets, retries, hosts that go and come back; and the async client."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from au_host import (
    AsyncClient,
    Client,
    ComputationError,
    ComputationStatus,
    ComputationTimeoutError,
    NotFoundError,
    UnavailableError,
)

from .conftest import Server, add_examples, listening


class Scripted(BaseHTTPRequestHandler):
    """Answers as it is told, one answer a request; keeps what was asked. The far end of a network that misbehaves."""

    protocol_version = "HTTP/1.1"
    answers: list[Any]
    asked: list[tuple[str, str, dict[str, str]]]

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        answer = self.answers.pop(0)
        if answer is None:
            self.close_connection = True
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if headers.get("connection") == "close":
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def scripted() -> Iterator[tuple[str, type[Scripted]]]:
    class Own(Scripted):
        answers: list[Any] = []  # noqa: RUF012
        asked: list[tuple[str, str, dict[str, str]]] = []  # noqa: RUF012

    with listening(Own) as url:
        yield url, Own


BUSY = (503, {"retry-after": "1", "content-type": "application/problem+json"}, b'{"code":"busy","detail":"busy"}')
JOB = (202, {"content-type": "application/json"}, b'{"id":"01a2","status":"pending"}')


def test_a_submit_that_is_sent_again_carries_the_same_key(scripted: tuple[str, type[Scripted]]) -> None:
    url, far = scripted
    far.answers[:] = [BUSY, None, JOB]
    began = time.monotonic()
    with Client(url) as client:
        assert client.submit("m", "f", [1]).key == "01a2"
    assert time.monotonic() - began >= 1, "as long as Retry-After says"
    keys = {headers["idempotency-key"] for _, _, headers in far.asked}
    assert (len(far.asked), len(keys)) == (3, 1)


def test_what_may_have_been_done_is_not_sent_again(scripted: tuple[str, type[Scripted]]) -> None:
    url, far = scripted
    far.answers[:] = [None, JOB]
    with Client(url) as client, pytest.raises(UnavailableError):
        client.call("m", "f", [1])
    assert len(far.asked) == 1


def test_a_host_that_stays_busy_is_an_error_after_all(scripted: tuple[str, type[Scripted]]) -> None:
    url, far = scripted
    far.answers[:] = [(503, {}, b'{"code":"shutting_down","detail":"the host is shutting down"}')] * 3
    with Client(url, retries=2) as client, pytest.raises(UnavailableError, match="shutting down") as caught:
        client.modules()
    assert (caught.value.code, len(far.asked)) == ("shutting_down", 3)


def test_a_token_is_sent_and_never_shown(scripted: tuple[str, type[Scripted]]) -> None:
    url, far = scripted
    far.answers[:] = [(200, {}, b'{"modules":[]}'), (401, {}, b""), (500, {}, b"<html>")]
    with Client(url, "s3cret") as client:
        assert client.modules() == []
        assert "s3cret" not in repr(client) + repr(client.handle("x")) + repr(client.function("m", "f"))
        with pytest.raises(Exception, match="401"):
            client.modules()
        with pytest.raises(Exception, match="500"):
            client.modules()
    assert far.asked[0][2]["authorization"] == "Bearer s3cret"


def test_events_go_on_after_a_broken_connection_with_the_last_id(scripted: tuple[str, type[Scripted]]) -> None:
    url, far = scripted
    stream = {"content-type": "text/event-stream", "content-length": None, "connection": "close"}
    log = b': hello\n\nevent: log\nid: 1.1\ndata: {"message":"a"}\n\nevent: log\nid: 2.1\ndata: {"mess'
    end = b'event: log\nid: 2.1\ndata: {"message":"b"}\n\nevent: status\nid: 2.2\ndata: {"status":"completed"}\n\n'
    far.answers[:] = [(200, stream, log), None, BUSY, (200, stream, end)]
    with Client(url) as client:
        events = list(client.handle("x").events())
    assert [event.data.get("message") for event in events] == ["a", "b", None]
    assert [headers.get("last-event-id") for _, _, headers in far.asked] == [None, "1.1", "1.1", "1.1"]


def test_a_proxy_of_the_environment_is_not_for_this_machine(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for url in (client.url, client.url.replace("127.0.0.1", "localhost")):
        with Client(url, retries=0) as own:
            assert own.call("factorial", "factorial", [3]) == "6"


def test_a_unix_socket_does_the_same(tmp_path: Path) -> None:
    server = Server.__new__(Server)
    server.folder, server.listen = tmp_path, f"unix:{tmp_path}/au.sock"
    server.start()
    try:
        with Client(server.listen) as client:
            add_examples(client, "factorial")
            handle = client.function("factorial", "factorial")(5)
            assert handle.get_result(30) == "120"
            assert list(handle.events())[-1].is_last
    finally:
        server.stop()


def test_a_url_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="unix:PATH"):
        Client("127.0.0.1:80")


def test_nobody_there_is_an_error_that_says_so(tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:9", f"unix:{tmp_path}/nothing"):
        with Client(url, retries=1) as client, pytest.raises(UnavailableError, match="does not answer"):
            client.modules()


def test_a_host_that_is_killed_and_comes_back_goes_on_with_its_jobs(own_server: Server) -> None:
    with Client(own_server.url, retries=10) as client:
        done = client.function("factorial", "factorial")(5)
        assert done.get_result(30) == "120"
        running = client.function("spin", "spin")()
        while running.get_status() is not ComputationStatus.RUNNING:
            pass
        events: list[str] = []
        following = threading.Thread(target=lambda: events.extend(event.kind for event in running.events()))
        following.start()
        own_server.stop(9)
        with pytest.raises(UnavailableError), Client(own_server.url, retries=0) as other:
            other.modules()
        own_server.start()
        assert done.get_result(30) == "120", "what was acknowledged is there"
        with pytest.raises(ComputationTimeoutError):
            running.get_result(timeout=0.5)
        assert running.cancel("enough")
        assert running.wait(60) is ComputationStatus.CANCELLED
        following.join(60)
        assert not following.is_alive()
        assert events[-1] == "status"


def test_the_async_client_does_the_same(server: Server) -> None:
    async def main() -> None:
        async with AsyncClient(server.url) as client:
            remote = client.function("factorial", "factorial")
            handle = await remote(20)
            assert await handle.get_result(timeout=30) == "2432902008176640000"
            assert await handle.is_ready()
            assert await remote.call(n=5) == "120"
            handles = await remote.map(range(50))
            assert (await asyncio.gather(*(one.get_result(60) for one in handles)))[:4] == ["1", "1", "2", "6"]
            spin = await client.function("spin", "spin", timeout=60)()
            with pytest.raises(ComputationTimeoutError):
                await spin.get_result(timeout=0.1)
            kinds = []
            async for event in spin.events():
                kinds.append(event.kind)
                if len(kinds) == 1:
                    assert await spin.cancel()
            assert await spin.get_status() is ComputationStatus.CANCELLED
            assert kinds[-1] == "status"
            primes = await client.function("primes", "primes")(100)
            await primes.wait(30)
            assert [line["message"] async for line in primes.logs()] == ["sieving up to 100 with 5 small primes"]
            with pytest.raises(ComputationError):
                await (await client.function("panic", "panic")()).get_result()
            with pytest.raises(NotFoundError):
                await client.handle("01a21245-9dbe-726c-a4c4-2536dd5b4f00").get_status()
            assert len(await client.functions("factorial")) == 1
            await handle.delete()

    asyncio.run(main())
