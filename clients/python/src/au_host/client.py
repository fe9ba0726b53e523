"""The blocking client: hosts, handles of jobs, functions to call."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Generic, TypeVar

import httpx

from . import _lanes, _plans, errors
from ._connect import built, settings, silence
from ._following import Following
from ._payload import Input, Output
from ._plans import Ask, FunctionInfo, Module, Plan
from ._retry import Backoff
from ._sse import Event
from .options import Options
from .status import ComputationStatus

T = TypeVar("T")


class Client:
    """A host, reached at ``http://…``, ``https://…`` or ``unix:PATH``. Threads may share it.

    ``timeout`` is how many seconds the host may be silent. ``retries`` is how often a request is sent again that the
    host had no room for, or that never reached it; a submit that is sent again is still one job.

    Example::

        client = Client("http://127.0.0.1:8282", token="…")
        factorial = client.function("math", "factorial")
        print(factorial(100).get_result(timeout=30))
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 30.0, retries: int = 5) -> None:
        """Nothing is sent yet."""
        chosen, path = settings(url, token, timeout)
        self.url = url
        self._timeout = timeout
        self._backoff = Backoff(retries)
        self._http = httpx.Client(**chosen, transport=httpx.HTTPTransport(uds=path) if path else None)

    def __repr__(self) -> str:
        """Never the token."""
        return f"Client({self.url!r})"

    def __enter__(self) -> Client:
        """Close it at the end of the block."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close its connections. Jobs go on."""
        self._http.close()

    # Functions and jobs

    def function(self, module: str, function: str, **options: Any) -> Function[Any]:
        """Bind a function of a module: calling what is returned submits a job. ``options`` are those of `Options`."""
        return Function(self, module, function, Options(**options))

    def call(
        self, module: str, function: str, input: Input = (), *, content_type: str | None = None, **options: Any
    ) -> Any:
        """Run a function now and give its result; nothing is kept. ``input`` is a list, a dict, or bytes.

        Example::

            client.call("math", "factorial", [5])     # '120'
        """
        return self.run(_plans.call(module, function, input, content_type, Options(**options))).value

    def submit(
        self,
        module: str,
        function: str,
        input: Input = (),
        *,
        content_type: str | None = None,
        key: str | None = None,
        **options: Any,
    ) -> ComputationHandle[Any]:
        """Submit a job. With a ``key`` of your own, the same call submitted again is the same job while it is kept."""
        job = self.run(_plans.submit(module, function, input, content_type, Options(**options), key))
        return ComputationHandle(job["id"], self)

    def submit_many(self, calls: Iterable[tuple[Any, ...]]) -> list[ComputationHandle[Any]]:
        """Submit many calls, each ``(function, args)`` or ``(function, args, kwargs)``; handles come in their order.

        Calls of one function in a row go in one request, which is kept whole or not at all.
        """
        handles: list[ComputationHandle[Any]] = []
        row: list[Input] = []
        last: Function[Any] | None = None
        for function, args, *rest in calls:
            if last is not None and function is not last:
                handles += last._submit_row(row)
                row = []
            last = function
            row.append(function._input(tuple(args), rest[0] if rest else {}))
        return handles + (last._submit_row(row) if last is not None else [])

    def get_many(self, handles: Iterable[ComputationHandle[T]], *, timeout: float | None = None) -> list[T]:
        """Give the results of jobs in their order, all within ``timeout`` seconds. The first that has none raises."""
        end = None if timeout is None else time.monotonic() + timeout

        def left() -> float | None:
            return None if end is None else max(0.0, end - time.monotonic())

        return [handle.get_result(timeout=left()) for handle in handles]

    def handle(self, key: str) -> ComputationHandle[Any]:
        """Give the handle of a job by its id, from whichever process it was submitted. Nothing is asked yet."""
        return ComputationHandle(key, self)

    def jobs(
        self,
        *,
        status: ComputationStatus | str | None = None,
        module: str | None = None,
        function: str | None = None,
        queue: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Give what is known of jobs, newest first, page by page."""
        filters = _plans.filters(status, module, function, queue, labels)
        before: str | None = None
        while True:
            page, before = self.run(_plans.job_page(filters, before))
            yield from page
            if before is None:
                return

    # Modules

    def upload(self, source: str | os.PathLike[str] | bytes, *, name: str | None = None) -> Module:
        """Take a module in: a path, or its bytes. The same bytes a second time change nothing."""
        return self.run(_plans.upload(source, name))

    def modules(self) -> list[Module]:
        """List modules, those added last first."""
        return self.run(_plans.modules())

    def module(self, module: str) -> Module:
        """Show a module, by name or digest."""
        return self.run(_plans.module(module))

    def functions(self, module: str) -> list[FunctionInfo]:
        """List the functions of a module, with their schemas."""
        return self.module(module).functions

    def remove_module(self, module: str) -> None:
        """Remove a name, and the module with its last name; or, by its digest, a module with all its names."""
        self.run(_plans.remove_module(module))

    def alias(self, name: str, module: str) -> None:
        """Point a name at a module, in one step."""
        self.run(_plans.alias(name, module))

    # Queues, functions, schedules and hosts

    def queues(self) -> list[dict[str, Any]]:
        """List the queues that have limits, or jobs that have not finished, and the default one."""
        return self.run(_plans.listed("queues"))

    def queue(self, name: str) -> dict[str, Any]:
        """Show a queue: its limits, and how many jobs wait and run."""
        return self.run(_lanes.show("queues", name))

    def set_queue(
        self,
        name: str,
        *,
        concurrency: int | None = None,
        per_function: int | None = None,
        per_key: int | None = None,
        paused: bool = False,
    ) -> dict[str, Any]:
        """Say how many jobs of a queue may run at once over all hosts, in place of what was said before.

        In all, of each function, and of each ``concurrency_key``; ``None`` is as many as there is room for.
        """
        policy = {"concurrency": concurrency, "per_function": per_function, "per_key": per_key, "paused": paused}
        return self.run(_lanes.set_queue(name, policy))

    def pause_queue(self, name: str) -> dict[str, Any]:
        """Start nothing more of a queue; what runs goes on, and what comes waits."""
        return self.run(_lanes.turn("queues", name, "pause"))

    def resume_queue(self, name: str) -> dict[str, Any]:
        """Go on with a queue."""
        return self.run(_lanes.turn("queues", name, "resume"))

    def remove_queue(self, name: str) -> None:
        """Take the limits of a queue away; its jobs stay."""
        self.run(_lanes.remove("queues", name))

    def function_policies(self) -> list[dict[str, Any]]:
        """List the functions that have a policy, or jobs that have not finished."""
        return self.run(_plans.listed("functions"))

    def set_function(
        self,
        module: str,
        function: str,
        *,
        concurrency: int | None = None,
        queue: str | None = None,
        priority: int | None = None,
        retry: Mapping[str, Any] | None = None,
        paused: bool = False,
    ) -> dict[str, Any]:
        """Say how the jobs of a function are run where they do not say themselves, in place of what was said before.

        ``retry`` is as a job's metadata have it.
        """
        policy = {"concurrency": concurrency, "queue": queue, "priority": priority, "retry": retry, "paused": paused}
        return self.run(_lanes.set_function(module, function, policy))

    def remove_function_policy(self, module: str, function: str) -> None:
        """Take the policy of a function away; its jobs stay."""
        self.run(_lanes.remove_function(module, function))

    def schedules(self) -> list[dict[str, Any]]:
        """List schedules, in the order of their names."""
        return self.run(_plans.listed("schedules"))

    def schedule(self, name: str) -> dict[str, Any]:
        """Show a schedule: what it submits, what became of the last time, and when it is due ``next``."""
        return self.run(_lanes.show("schedules", name))

    def set_schedule(
        self,
        name: str,
        cron: str,
        module: str,
        function: str,
        input: Input = (),
        *,
        zone: str = "UTC",
        missed: str = "last",
        overlap: str = "allow",
        content_type: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Keep a schedule, in place of the one of this name: a call that is submitted whenever ``cron`` says.

        Times that passed while no host was there are ``missed``: ``"last"`` makes up for the last of them, ``"skip"`` for
        none. ``overlap="skip"`` lets a time pass while the job before has not finished. Other options are those of `Options`.

        Example::

            client.set_schedule("nightly", "0 3 * * MON-FRI", "math", "factorial", [20], zone="Europe/Berlin")
        """
        times = {"cron": cron, "zone": zone, "module": module, "function": function}
        times |= {"missed": missed, "overlap": overlap}
        return self.run(_lanes.set_schedule(name, times, input, content_type, Options(**options)))

    def pause_schedule(self, name: str) -> dict[str, Any]:
        """Submit nothing of a schedule until it is resumed."""
        return self.run(_lanes.turn("schedules", name, "pause"))

    def resume_schedule(self, name: str) -> dict[str, Any]:
        """Go on with a schedule. Times that passed meanwhile do not count."""
        return self.run(_lanes.turn("schedules", name, "resume"))

    def run_schedule(self, name: str) -> ComputationHandle[Any]:
        """Submit a job of a schedule now, beside those that come at their times."""
        return ComputationHandle(self.run(_lanes.run_schedule(name)), self)

    def remove_schedule(self, name: str) -> None:
        """Forget a schedule; its jobs stay."""
        self.run(_lanes.remove("schedules", name))

    def workers(self) -> list[dict[str, Any]]:
        """List the hosts that take what is due: their slots, what runs, when they were last seen."""
        return self.run(_plans.listed("workers"))

    # Requests

    def run(self, plan: Plan[T]) -> T:
        """Carry out a plan of this package."""
        try:
            ask = next(plan)
            while True:
                ask = plan.send(self._send(ask))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def _send(self, ask: Ask) -> httpx.Response:
        request = built(self._http, ask, self._timeout)
        if ask.pause:
            time.sleep(ask.pause)
        tried = 0
        while True:
            try:
                response = self._http.send(request)
                rest = self._backoff.after_answer(tried, response)
                if rest is None:
                    return response
            except httpx.TransportError as error:
                rest = self._backoff.after_error(tried, error, ask.repeatable)
                if rest is None:
                    raise errors.UnavailableError(f"{self.url} does not answer: {error!r}") from error
            tried += 1
            time.sleep(rest)

    def _stream(self, following: Following) -> AbstractContextManager[httpx.Response]:
        patience = silence(self._timeout)
        return self._http.stream("GET", following.path, headers=following.headers(), timeout=patience)


class ComputationHandle(Generic[T]):
    """A job, wherever it runs: au's handle. Made of the id alone, so another process can go on with it.

    Example::

        handle = ComputationHandle(job_id, client)
        if handle.is_ready():
            print(handle.get_result())
    """

    def __init__(self, key: str, client: Client) -> None:
        """Of the id of a job and a host. Nothing is asked yet."""
        _plans.job_path(key)
        #: The id of the job.
        self.key = key
        self._client = client

    def __repr__(self) -> str:
        """Show which job."""
        return f"ComputationHandle({self.key!r}, {self._client!r})"

    def __eq__(self, other: object) -> bool:
        """Whether it is the same job of the same host."""
        return isinstance(other, ComputationHandle) and (self.key, self._client.url) == (other.key, other._client.url)

    def __hash__(self) -> int:
        """Of the id."""
        return hash(self.key)

    def is_ready(self) -> bool:
        """Whether the job has finished, one way or another."""
        return self.get_status().is_finished

    def get_status(self) -> ComputationStatus:
        """Where the job stands."""
        return ComputationStatus(self.metadata["status"])

    def get_result(self, timeout: float | None = None) -> T:
        """Wait for the result, ``timeout`` seconds at most; ``None``: for as long as it takes, 0: not at all.

        Raises `ComputationTimeoutError` (the job goes on), `ComputationError` (it failed), `ComputationCancelledError`,
        and `NotFoundError` if there is no such job.
        """
        return self.get_output(timeout).value  # type: ignore[no-any-return]

    def get_output(self, timeout: float | None = None) -> Output:
        """Wait for the result as `get_result` does, and give its bytes and their type as they are."""
        return self._client.run(_plans.result(self.key, timeout))

    def wait(self, timeout: float | None = None) -> ComputationStatus:
        """Wait until the job has finished, and give how. A failure is not raised."""
        return ComputationStatus(self._client.run(_plans.wait(self.key, timeout))["status"])

    def cancel(self, reason: str | None = None) -> bool:
        """Ask the job to stop; false if it had finished already. One that runs is stopped, and ends as cancelled."""
        return self._client.run(_plans.cancel(self.key, reason))

    @property
    def metadata(self) -> dict[str, Any]:
        """All that is known of the job: times, options, usage, progress, why it failed."""
        return self._client.run(_plans.show(self.key))

    @property
    def progress(self) -> dict[str, Any] | None:
        """How far the job is: ``{"done": 0.5, "note": "…"}``, or ``None`` if it never said."""
        return self.metadata["progress"]  # type: ignore[no-any-return]

    def logs(self, start: int = 0) -> Iterator[dict[str, Any]]:
        """Give the lines of the job's log that there are, from line ``start`` on: ``at``, ``level``, ``message``."""
        while True:
            lines, start = self._client.run(_plans.log_page(self.key, start))
            yield from lines
            if not lines:
                return

    def events(self, last_event_id: str | None = None) -> Iterator[Event]:
        """Follow the job to its end: states, progress, log lines. Goes on where it was when the connection breaks.

        Example::

            for event in handle.events():
                if event.kind == "progress":
                    print(event.data["done"])
        """
        following = Following(self.key, last_event_id, self._client._backoff)
        while not following.done:
            try:
                with self._client._stream(following) as response:
                    if response.status_code == 200:
                        for line in response.iter_lines():
                            event = following.take(line)
                            if event is not None:
                                yield event
                            if following.done:
                                return
                    else:
                        response.read()
                        following.refused(response)
            except httpx.TransportError as error:
                following.broken(error)
            if not following.done:
                time.sleep(following.rest)

    def input(self) -> Output:
        """Give what the job was given."""
        return self._client.run(_plans.input_of(self.key))

    def retry(self) -> ComputationHandle[T]:
        """Submit the same call once more, as a new job."""
        return ComputationHandle(self._client.run(_plans.again(self.key)), self._client)

    def delete(self) -> None:
        """Forget the job, which must have finished, with its output and log."""
        self._client.run(_plans.delete(self.key))


class Function(Generic[T]):
    """A function of a module on a host. Calling it submits a job and gives its handle.

    Example::

        remote = client.function("math", "factorial")
        handle = remote(100)
        limited = remote.options(timeout=5, memory="64MiB", ttl="1h")
        handles = remote.map(range(1000))
        print(remote.call(5))            # now, and nothing is kept
    """

    def __init__(self, client: Client, module: str, function: str, options: Options, content_type: str | None = None):
        """As `Client.function` makes it."""
        self.module = module
        self.function = function
        self._client = client
        self._options = options
        self._content_type = content_type

    def __repr__(self) -> str:
        """Show which function of which host."""
        return f"Function({self._client!r}, {self.module!r}, {self.function!r})"

    def __call__(self, *args: Any, **kwargs: Any) -> ComputationHandle[T]:
        """Submit a job. One argument of bytes is sent as it is; anything else as JSON."""
        return self._submit(self._input(args, kwargs))

    def call(self, *args: Any, **kwargs: Any) -> T:
        """Run it now and give the result; nothing is kept."""
        plan = _plans.call(self.module, self.function, self._input(args, kwargs), self._content_type, self._options)
        return self._client.run(plan).value  # type: ignore[no-any-return]

    def map(self, *iterables: Iterable[Any]) -> list[ComputationHandle[T]]:
        """Submit a job for each item, as the built-in ``map`` would call it. Handles come in the order of the items."""
        return self._submit_row([self._input(args, {}) for args in zip(*iterables)])

    def submit_many(self, calls: Iterable[tuple[Any, ...]]) -> list[ComputationHandle[T]]:
        """Submit a job for each tuple of arguments. Handles come in their order."""
        return self._submit_row([self._input(tuple(args), {}) for args in calls])

    def options(self, *, content_type: str | None = None, **options: Any) -> Function[T]:
        """Give the same function, run and kept otherwise: see `Options`. ``content_type`` is that of bytes."""
        kind = content_type or self._content_type
        return Function(self._client, self.module, self.function, self._options.merged(**options), kind)

    def _input(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Input:
        return self._client.run(_plans.arguments(self.module, self.function, args, kwargs))

    def _submit(self, value: Input) -> ComputationHandle[T]:
        kind = self._content_type if isinstance(value, (bytes, bytearray, memoryview)) else None
        job = self._client.run(_plans.submit(self.module, self.function, value, kind, self._options, None))
        return ComputationHandle(job["id"], self._client)

    def _submit_row(self, inputs: list[Input]) -> list[ComputationHandle[T]]:
        if len(inputs) == 1 or any(isinstance(value, (bytes, bytearray, memoryview)) for value in inputs):
            return [self._submit(value) for value in inputs]
        ids = self._client.run(_plans.bulk(self.module, self.function, inputs, self._options))
        return [ComputationHandle(key, self._client) for key in ids]
