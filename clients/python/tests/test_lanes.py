"""Queues, policies of functions, schedules and hosts, on a real server."""

from __future__ import annotations

import asyncio

import pytest

from au_host import AsyncClient, Client, InvalidRequestError, NotFoundError
from au_host.status import ComputationStatus


def test_a_queue_is_limited_paused_resumed_and_forgotten(client: Client) -> None:
    mail = client.set_queue("mail", concurrency=8, per_key=1, paused=True)
    assert (mail["concurrency"], mail["per_function"], mail["per_key"], mail["paused"]) == (8, None, 1, True)
    handle = client.function("factorial", "factorial").options(queue="mail", concurrency_key="a")(5)
    assert [job["id"] for job in client.jobs(queue="mail")] == [handle.key]
    assert client.queue("mail")["pending"] == 1
    assert client.resume_queue("mail")["paused"] is False
    assert handle.get_result(timeout=30) == "120"
    assert client.pause_queue("mail")["paused"] is True
    client.remove_queue("mail")
    assert "mail" not in [queue["name"] for queue in client.queues()]
    assert "default" in [queue["name"] for queue in client.queues()]


def test_a_function_has_a_policy_until_it_is_taken_away(client: Client) -> None:
    client.set_function("factorial", "factorial", queue="sums", priority=7)
    shown = [one for one in client.function_policies() if one["queue"] == "sums"]
    assert [(one["module"], one["function"], one["priority"]) for one in shown] == [("factorial", "factorial", 7)]
    handle = client.function("factorial", "factorial")(5)
    assert [job["id"] for job in client.jobs(queue="sums")] == [handle.key]
    client.remove_function_policy("factorial", "factorial")
    assert [one for one in client.function_policies() if one["queue"] == "sums"] == []


def test_a_schedule_is_kept_run_paused_and_forgotten(client: Client) -> None:
    kept = client.set_schedule("nightly", "0 3 * * MON-FRI", "factorial", "factorial", [5], zone="Europe/Berlin", priority=3)
    assert (kept["name"], kept["zone"], kept["paused"]) == ("nightly", "Europe/Berlin", False)
    assert kept["next"] is not None
    handle = client.run_schedule("nightly")
    assert handle.get_result(timeout=30) == "120"
    assert handle.metadata["options"]["priority"] == 3
    assert client.pause_schedule("nightly")["next"] is None
    assert client.resume_schedule("nightly")["paused"] is False
    assert "nightly" in [one["name"] for one in client.schedules()]
    client.remove_schedule("nightly")
    with pytest.raises(NotFoundError):
        client.schedule("nightly")


def test_what_is_wrong_with_a_schedule_is_said(client: Client) -> None:
    with pytest.raises(InvalidRequestError, match="cron"):
        client.set_schedule("never", "99 * * * *", "factorial", "factorial")
    with pytest.raises(InvalidRequestError, match="zone"):
        client.set_schedule("never", "@daily", "factorial", "factorial", zone="Atlantis")


def test_the_host_lists_itself(client: Client) -> None:
    (host,) = client.workers()
    assert host["slots"] >= 1
    assert host["draining"] is False


def test_a_key_holds_until_its_job_has_finished(client: Client) -> None:
    once = {"key": "one at a time", "key_holds": "until-finished"}
    client.set_queue("held", paused=True)
    first = client.submit("factorial", "factorial", [5], queue="held", **once)
    assert client.submit("factorial", "factorial", [5], queue="held", **once) == first
    client.remove_queue("held")
    assert first.wait(30) == ComputationStatus.COMPLETED
    assert client.submit("factorial", "factorial", [5], **once) != first


def test_an_async_client_does_the_same(client: Client) -> None:
    async def all_of_it() -> None:
        async with AsyncClient(client.url) as other:
            assert (await other.set_queue("async", concurrency=2))["concurrency"] == 2
            assert (await other.pause_queue("async"))["paused"] and not (await other.resume_queue("async"))["paused"]
            assert "async" in [queue["name"] for queue in await other.queues()]
            assert (await other.queue("async"))["name"] == "async"
            await other.remove_queue("async")
            await other.set_function("factorial", "factorial", concurrency=1)
            assert [one["concurrency"] for one in await other.function_policies() if one["concurrency"]] == [1]
            await other.remove_function_policy("factorial", "factorial")
            await other.set_schedule("often", "@hourly", "factorial", "factorial", [5])
            assert await (await other.run_schedule("often")).get_result(timeout=30) == "120"
            assert (await other.pause_schedule("often"))["paused"] and not (await other.resume_schedule("often"))["paused"]
            assert (await other.schedule("often"))["name"] in [one["name"] for one in await other.schedules()]
            await other.remove_schedule("often")
            assert len(await other.workers()) == 1

    asyncio.run(all_of_it())
