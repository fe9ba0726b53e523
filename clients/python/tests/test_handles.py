"""Handles: the scenarios of au's own suites, and those that au gets wrong."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from au_host import (
    Client,
    ComputationCancelledError,
    ComputationError,
    ComputationHandle,
    ComputationNotReadyError,
    ComputationStatus,
    ComputationTimeoutError,
    ConflictError,
    NotFoundError,
)

UNKNOWN = "01a21245-9dbe-726c-a4c4-2536dd5b4f00"


def test_a_job_gives_its_result_and_is_ready(client: Client) -> None:
    handle = client.function("factorial", "factorial")(100)
    assert isinstance(handle, ComputationHandle)
    assert handle.get_status() in (ComputationStatus.PENDING, ComputationStatus.RUNNING, ComputationStatus.COMPLETED)
    assert int(handle.get_result(timeout=30)) == math.factorial(100)
    assert handle.is_ready()
    assert handle.get_status() is ComputationStatus.COMPLETED
    assert int(handle.get_result()) == math.factorial(100), "it can be read again"


def test_ids_are_strings_and_differ(client: Client) -> None:
    remote = client.function("factorial", "factorial")
    first, second = remote(1), remote(1)
    assert isinstance(first.key, str)
    assert first.key != second.key
    assert first == client.handle(first.key) != second
    assert len({first, client.handle(first.key)}) == 1


def test_another_process_reads_the_result_by_the_id_alone(client: Client) -> None:
    handle = client.function("factorial", "factorial")(20)
    program = (
        "import sys, au_host; print(au_host.ComputationHandle(sys.argv[2], au_host.Client(sys.argv[1])).get_result())"
    )
    output = subprocess.run([sys.executable, "-c", program, client.url, handle.key], capture_output=True, check=True)
    assert int(output.stdout) == math.factorial(20)


def test_a_wait_that_times_out_is_an_error_of_its_own_and_leaves_the_job_alone(client: Client) -> None:
    handle = client.function("spin", "spin")()
    for timeout in (0, 0.2):
        began = time.monotonic()
        with pytest.raises(ComputationTimeoutError) as caught:
            handle.get_result(timeout=timeout)
        assert time.monotonic() - began < timeout + 5
        assert isinstance(caught.value, TimeoutError)
    assert not handle.is_ready()
    assert handle.cancel()


def test_without_a_timeout_it_really_waits(client: Client) -> None:
    assert client.function("primes", "primes")(20_000_000).get_result() == 1_270_607


def test_a_wait_ends_as_soon_as_the_job_does(client: Client) -> None:
    handle = client.function("spin", "spin")()
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(handle.wait, 60)
        time.sleep(0.1)
        began = time.monotonic()
        assert handle.cancel()
        assert waiting.result() is ComputationStatus.CANCELLED
        assert time.monotonic() - began < 10


def test_a_failure_keeps_its_kind_message_and_trace(client: Client) -> None:
    handle = client.function("panic", "panic")("x must be positive")
    with pytest.raises(ComputationError, match="x must be positive") as caught:
        handle.get_result(timeout=30)
    error = caught.value
    assert (error.kind, error.job) == ("panic", handle.key)
    assert "x must be positive" in error.message
    assert error.trace
    assert handle.get_status() is ComputationStatus.FAILED
    assert handle.wait() is ComputationStatus.FAILED, "a wait does not raise it"
    with pytest.raises(ComputationError, match=r"trap|unreachable") as caught:
        client.function("trap", "trap").options(attempts=1)().get_result(timeout=30)
    assert caught.value.kind == "trap"


def test_a_limit_that_was_hit_is_named(client: Client) -> None:
    with pytest.raises(ComputationError) as caught:
        client.function("spin", "spin", timeout=0.2)().get_result(timeout=30)
    assert (caught.value.kind, caught.value.limit) == ("timed-out", {"name": "timeout", "value": 200})
    with pytest.raises(ComputationError) as caught:
        client.call("spin", "spin", fuel=1_000_000)
    assert caught.value.kind == "out-of-fuel"


def test_a_pending_job_that_is_cancelled_never_runs(client: Client) -> None:
    handle = client.function("factorial", "factorial").options(delay=3600)(5)
    assert handle.get_status() is ComputationStatus.PENDING
    assert handle.cancel("not needed")
    assert handle.wait(30) is ComputationStatus.CANCELLED
    with pytest.raises(ComputationCancelledError) as caught:
        handle.get_result()
    assert caught.value.reason == "not needed"


def test_a_running_job_that_is_cancelled_stops_and_says_why(client: Client) -> None:
    handle = client.function("spin", "spin")()
    while handle.get_status() is not ComputationStatus.RUNNING:
        pass
    assert handle.cancel(reason="enough")
    with pytest.raises(ComputationCancelledError, match="enough") as caught:
        handle.get_result(timeout=30)
    assert caught.value.reason == "enough"
    assert not handle.cancel(), "it has finished"
    assert handle.get_status() is ComputationStatus.CANCELLED


def test_a_finished_job_cannot_be_cancelled_and_stays_as_it_was(client: Client) -> None:
    handle = client.function("factorial", "factorial")(5)
    handle.wait(30)
    assert handle.cancel() is False
    assert handle.get_status() is ComputationStatus.COMPLETED


def test_cancels_just_after_a_submit_are_never_lost(client: Client) -> None:
    handles = [client.function("spin", "spin")() for _ in range(20)]
    assert all(handle.cancel() for handle in handles)
    assert {handle.wait(60) for handle in handles} == {ComputationStatus.CANCELLED}


def test_an_unknown_job_is_not_found_whatever_is_asked_of_it(client: Client) -> None:
    handle = ComputationHandle(UNKNOWN, client)
    asked = [
        handle.is_ready,
        handle.get_status,
        handle.get_result,
        handle.wait,
        handle.cancel,
        handle.delete,
        handle.retry,
        handle.input,
        lambda: handle.metadata,
        lambda: list(handle.logs()),
        lambda: list(handle.events()),
    ]
    for ask in asked:
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert (caught.value.status, caught.value.code) == (404, "not_found")
    assert UNKNOWN not in [job["id"] for job in client.jobs()]


@pytest.mark.parametrize("key", ["", "..", "../../x", "a/b", "a?b", "x" * 300, "a\nb"])
def test_what_cannot_be_an_id_is_refused_before_it_is_sent(client: Client, key: str) -> None:
    with pytest.raises(ValueError, match="cannot be the id of a job"):
        ComputationHandle(key, client)


def test_metadata_tells_what_was_asked_for_and_true_times(client: Client) -> None:
    remote = client.function("spin", "spin").options(
        timeout=0.5, attempts=1, labels={"team": "a", "x": "1=2"}, priority=3
    )
    handle = remote()
    handle.wait(30)
    job = handle.metadata
    assert (job["id"], job["function"], job["status"]) == (handle.key, "spin", "failed")
    assert job["options"]["labels"] == {"team": "a", "x": "1=2"}
    assert job["options"]["priority"] == 3
    read = lambda name: datetime.fromisoformat(job[name].replace("Z", "+00:00"))  # noqa: E731
    assert (read("finished") - read("started")).total_seconds() >= 0.5


def test_progress_and_log_are_told(client: Client) -> None:
    handle = client.function("primes", "primes")(10_000_000)
    assert handle.get_result() == 664_579
    progress = handle.progress
    assert progress is not None
    assert progress["note"] == "sieving"
    lines = list(handle.logs())
    assert "sieving up to 10000000" in lines[0]["message"]
    assert list(handle.logs(start=len(lines))) == []
    quiet = client.function("factorial", "factorial")(3)
    quiet.wait()
    assert quiet.progress is None


def test_events_come_in_order_and_go_on_from_the_last_id(client: Client) -> None:
    handle = client.function("primes", "primes")(10_000_000)
    events = list(handle.events())
    assert [event.kind for event in events if event.is_last] == ["status"]
    assert events[-1].data["status"] == "completed"
    assert {"status", "log"} <= {event.kind for event in events}
    again = list(handle.events())
    assert again[-1] == events[-1], "a finished job tells it again"
    line = next(place for place, event in enumerate(again) if event.kind == "log")
    rest = [event for event in handle.events(again[line].id) if event.kind != "progress"]
    assert rest == [event for event in again[line + 1 :] if event.kind != "progress"]
    assert list(handle.events(again[-1].id)) == []


def test_events_of_a_failure_and_of_a_cancel_end(client: Client) -> None:
    for event in client.function("panic", "panic").options(attempts=1)().events():
        last = event
    assert last.data["status"] == "failed"
    handle = client.function("spin", "spin")()
    for event in handle.events():
        if event.kind == "status" and event.data["status"] == "running":
            handle.cancel()
        last = event
    assert last.data["status"] == "cancelled"


def test_a_job_can_be_read_retried_and_forgotten(client: Client) -> None:
    handle = client.function("factorial", "factorial")(5)
    assert handle.get_result() == "120"
    assert handle.input().value == [5]
    again = handle.retry()
    assert again != handle
    assert again.get_result() == "120"
    handle.delete()
    with pytest.raises(NotFoundError):
        handle.get_status()
    running = client.function("spin", "spin")()
    with pytest.raises(ComputationNotReadyError):
        running.delete()
    running.cancel()


def test_a_key_in_flight_is_one_job_for_eight_at_once(client: Client) -> None:
    with ThreadPoolExecutor(8) as threads:
        submits = [threads.submit(client.submit, "factorial", "factorial", [7], key="seven") for _ in range(8)]
        assert len({submit.result().key for submit in submits}) == 1
    with pytest.raises(ConflictError) as caught:
        client.submit("factorial", "factorial", [8], key="seven")
    assert caught.value.code == "key_taken"


def test_a_chain_hands_its_results_on(client: Client) -> None:
    text = client.function("factorial", "factorial")(30).get_result()
    assert client.function("wordcount", "wordcount")(f"{text} {text}").get_result()["top"] == [[text, 2]]


def test_jobs_are_listed_newest_first_over_pages(client: Client) -> None:
    remote = client.function("factorial", "factorial", labels={"list": "me"})
    handles = remote.map(range(450))
    listed = [job["id"] for job in client.jobs(labels={"list": "me"}, module="factorial", function="factorial")]
    assert sorted(listed) == sorted(handle.key for handle in handles)
    assert listed == sorted(listed, reverse=True)
    client.get_many(handles, timeout=60)
    assert list(client.jobs(status=ComputationStatus.FAILED, labels={"list": "me"})) == []
    assert list(client.jobs(status="failed", labels={"list": "me"})) == []
    assert len(list(client.jobs(status="completed", labels={"list": "me"}))) == 450
    with pytest.raises(ValueError, match="nowhere"):
        list(client.jobs(status="nowhere"))
