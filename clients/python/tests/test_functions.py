"""Functions: what goes in and comes out, one at a time and many."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import au_host
from au_host import (
    Client,
    ComputationHandle,
    ComputationStatus,
    InvalidRequestError,
    NotFoundError,
    Output,
    RefusedError,
    async_compute,
)

from .conftest import GUESTS


def test_arguments_go_by_position_by_name_and_both(client: Client) -> None:
    remote = client.function("montecarlo", "montecarlo")
    results = [handle.get_result(30) for handle in (remote(100, 7), remote(samples=100, seed=7), remote(100, seed=7))]
    assert results[0]["pi"] == pytest.approx(3.14, abs=1)
    assert results == [results[0]] * 3
    with pytest.raises(TypeError, match="samples twice"):
        remote(100, samples=100)
    with pytest.raises(InvalidRequestError, match="n"):
        client.function("factorial", "factorial")(-1)


def test_bytes_go_in_and_come_out_as_they_are(client: Client) -> None:
    every = bytes(range(256)) * 100
    remote = client.function("trivial", "trivial")
    assert remote(every).get_result(30) == every
    assert remote.call(bytearray(every)) == every
    assert client.call("wordcount", "wordcount", b"one two two", content_type="text/plain")["total"] == 3
    assert (
        client.function("wordcount", "wordcount").options(content_type="text/plain")(b"a b").get_result()["total"] == 2
    )
    picture = client.function("mandelbrot", "mandelbrot")(32, 24).get_output(30)
    assert isinstance(picture, Output)
    assert picture.content_type == "image/png"
    assert picture.value.startswith(b"\x89PNG")


def test_numbers_of_any_size_and_text_of_any_kind_survive(client: Client) -> None:
    assert int(client.call("factorial", "factorial", [1000])) == math.factorial(1000)
    words = client.call("wordcount", "wordcount", ["Über über \u65e5\u672c\u8a9e 🦀 x\u0000y"])
    assert words["total"] == 5


@pytest.mark.parametrize("value", [{1, 2}, object(), float("nan"), lambda: 1])
def test_what_is_no_json_is_an_error_here_and_keeps_nothing(client: Client, value: object) -> None:
    remote = client.function("factorial", "factorial", labels={"no": "json"})
    with pytest.raises(TypeError, match="JSON"):
        remote(value)
    with pytest.raises(TypeError, match="JSON"):
        remote.map([1, value])
    assert list(client.jobs(labels={"no": "json"})) == []


def test_a_map_keeps_the_order_and_calls_as_the_built_in_does(client: Client) -> None:
    handles = client.function("factorial", "factorial").map([6, 20, 42])
    assert [int(result) for result in client.get_many(handles, timeout=30)] == [math.factorial(n) for n in (6, 20, 42)]
    pairs = client.function("montecarlo", "montecarlo").map([10, 20], [1, 2])
    assert [handle.input().value for handle in pairs] == [[10, 1], [20, 2]]
    assert client.function("factorial", "factorial").map([]) == []
    echoes = client.function("trivial", "trivial").map([b"a", b"b"])
    assert client.get_many(echoes) == [b"a", b"b"]


def test_a_batch_of_a_thousand_is_all_there(client: Client) -> None:
    handles = client.function("factorial", "factorial").map(n % 20 for n in range(1000))
    results = client.get_many(handles, timeout=120)
    assert [int(result) for result in results] == [math.factorial(n % 20) for n in range(1000)]


def test_a_map_with_one_bad_input_keeps_nothing(client: Client) -> None:
    remote = client.function("factorial", "factorial", labels={"bad": "one"})
    with pytest.raises(InvalidRequestError):
        remote.map([1, 2, "x"])
    assert list(client.jobs(labels={"bad": "one"})) == []


def test_many_calls_of_different_functions_keep_their_order(client: Client) -> None:
    factorial, words = client.function("factorial", "factorial"), client.function("wordcount", "wordcount")
    calls = [(factorial, [3]), (factorial, (), {"n": 4}), (words, ["a b"]), (factorial, [5])]
    results = client.get_many(client.submit_many(calls), timeout=30)
    assert (results[:2], results[2]["total"], results[3]) == (["6", "24"], 2, "120")


def test_modules_are_uploaded_listed_shown_and_removed(client: Client, tmp_path: Path) -> None:
    bytes_of = (GUESTS / "recurse.wasm").read_bytes()
    first = client.upload(GUESTS / "recurse.wasm", name="mine")
    assert client.upload(bytes_of).digest == first.digest == client.module(first.digest).digest
    client.alias("mine-too", "mine")
    listed = next(module for module in client.modules() if module.digest == first.digest)
    assert sorted(listed.names) == ["mine", "mine-too"]
    factorial = client.functions("factorial")[0]
    assert (factorial.name, factorial.parameters) == ("factorial", ["n"])
    assert factorial.summary.startswith("The product")
    client.remove_module(first.digest)
    with pytest.raises(NotFoundError):
        client.module("mine")
    with pytest.raises(RefusedError) as caught:
        client.upload(b"not wasm at all")
    assert caught.value.code == "module_refused"


def test_unknown_names_are_not_found_and_say_which_was_meant(client: Client) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.function("factorial", "factorail")(1)
    assert caught.value.nearest == "factorial"
    for module in ("nobody", "sha256:" + "0" * 64):
        with pytest.raises(NotFoundError):
            client.call(module, "x")
    for module in ("..", "../x", "A B", "\u00e4"):
        with pytest.raises(InvalidRequestError) as bad:
            client.call(module, "x")
        assert bad.value.code == "bad_id"


def test_what_the_host_does_not_give_is_refused(client: Client) -> None:
    with pytest.raises(RefusedError) as caught:
        client.function("factorial", "factorial", env={"SECRET": "1"})(1)
    assert caught.value.status == 403
    with pytest.raises(RefusedError):
        client.function("factorial", "factorial", memory="64GiB")(1)
    with pytest.raises(TypeError):
        client.function("factorial", "factorial", tiemout=1)


def test_a_stub_is_bound_as_in_au(client: Client) -> None:
    @async_compute(client, module="montecarlo")
    def montecarlo(samples: int, seed: int = 7) -> dict[str, float]:
        """Estimate pi."""
        raise AssertionError("the body never runs")

    handle = montecarlo(100)
    assert isinstance(handle, ComputationHandle)
    assert handle.get_result(timeout=30) == montecarlo(seed=7, samples=100).get_result(timeout=30)
    assert handle.input().value == [100, 7]
    assert (montecarlo.__name__, montecarlo.__doc__) == ("montecarlo", "Estimate pi.")
    with pytest.raises(TypeError):
        montecarlo()  # type: ignore[call-arg]
    assert montecarlo.remote.call(100, 7) == handle.get_result()  # type: ignore[attr-defined]
    assert len(montecarlo.remote.map([1, 2])) == 2  # type: ignore[attr-defined]


def test_au_code_runs_with_another_import_and_a_host_in_the_environment(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AU_HOST", client.url)
    au_host.set_default_client(None)

    @async_compute(ttl_seconds=3600)
    def factorial(n: int) -> int: ...  # type: ignore[empty-body]

    handle = factorial(100)
    assert handle.metadata["options"]["ttl"] is not None
    assert int(handle.get_result(timeout=30)) == math.factorial(100)
    assert handle.get_status() is ComputationStatus.COMPLETED
    au_host.default_client().close()
    au_host.set_default_client(None)
    monkeypatch.delenv("AU_HOST")
    with pytest.raises(RuntimeError, match="AU_HOST"):
        factorial(1)
    with pytest.raises(TypeError, match="called first"):
        async_compute(lambda: None)  # type: ignore[arg-type]
