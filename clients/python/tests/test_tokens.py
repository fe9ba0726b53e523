"""Tokens: a host that wants one is asked with one, by both clients, and who has none is told so."""

from __future__ import annotations

import asyncio

import pytest

import au_host
from au_host import AsyncClient, Client, RefusedError, async_compute

from .conftest import Server


def test_a_token_opens_a_host_that_wants_one(guarded: tuple[Server, str]) -> None:
    server, token = guarded
    with Client(server.url, token) as client:
        assert client.call("factorial", "factorial", [5]) == "120"
        handle = client.function("primes", "primes")(100)
        assert handle.get_result(timeout=30) == 25
        assert {"log", "status"} <= {event.kind for event in handle.events()}
        assert [line["message"] for line in handle.logs()] == ["sieving up to 100 with 5 small primes"]
        assert [job["id"] for job in client.jobs()] == [handle.key]


def test_no_token_and_a_wrong_one_are_refused_and_keep_nothing(guarded: tuple[Server, str]) -> None:
    server, token = guarded
    for wrong in (None, "au_of_another_host", token[:-1]):
        with Client(server.url, wrong) as client:
            handle = client.handle("01a21245-9dbe-726c-a4c4-2536dd5b4f00")
            asked = [
                lambda client=client: client.submit("factorial", "factorial", [5]),
                handle.get_status,
                handle.get_result,
                lambda handle=handle: list(handle.events()),
                client.modules,
            ]
            for ask in asked:
                with pytest.raises(RefusedError) as caught:
                    ask()
                assert (caught.value.status, caught.value.code) == (401, "unauthenticated")
                assert wrong is None or wrong not in str(caught.value)
    with Client(server.url, token) as client:
        assert list(client.jobs()) == []


def test_the_async_client_carries_its_token_too(guarded: tuple[Server, str]) -> None:
    server, token = guarded

    async def main() -> None:
        async with AsyncClient(server.url, token) as client:
            handle = await client.function("factorial", "factorial")(5)
            assert await handle.get_result(timeout=30) == "120"
            assert [event.kind async for event in handle.events()][-1] == "status"
        async with AsyncClient(server.url) as stranger:
            with pytest.raises(RefusedError):
                await stranger.modules()

    asyncio.run(main())


def test_the_token_of_a_bound_stub_is_that_of_the_environment(
    guarded: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, token = guarded
    monkeypatch.setenv("AU_HOST", server.url)
    monkeypatch.setenv("AU_TOKEN", token)
    au_host.set_default_client(None)

    @async_compute()
    def factorial(n: int) -> str: ...  # type: ignore[empty-body]

    assert factorial(5).get_result(timeout=30) == "120"
    au_host.default_client().close()
    au_host.set_default_client(None)
