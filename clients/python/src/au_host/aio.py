"""The client for ``async`` programs: the same plans, awaited."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
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


class AsyncClient:
    """A host, as `Client` has it, for asyncio.

    Example::

        async with AsyncClient("http://127.0.0.1:8282") as client:
            handle = await client.function("math", "factorial")(100)
            print(await handle.get_result(timeout=30))
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 30.0, retries: int = 5) -> None:
        """Nothing is sent yet."""
        chosen, path = settings(url, token, timeout)
        self.url = url
        self._timeout = timeout
        self._backoff = Backoff(retries)
        self._http = httpx.AsyncClient(**chosen, transport=httpx.AsyncHTTPTransport(uds=path) if path else None)

    def __repr__(self) -> str:
        """Never the token."""
        return f"AsyncClient({self.url!r})"

    async def __aenter__(self) -> AsyncClient:
        """Close it at the end of the block."""
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Close its connections. Jobs go on."""
        await self._http.aclose()

    def function(self, module: str, function: str, **options: Any) -> AsyncFunction[Any]:
        """Bind a function of a module."""
        return AsyncFunction(self, module, function, Options(**options))

    def handle(self, key: str) -> AsyncComputationHandle[Any]:
        """Give the handle of a job by its id. Nothing is asked yet."""
        return AsyncComputationHandle(key, self)

    async def jobs(
        self,
        *,
        status: ComputationStatus | str | None = None,
        module: str | None = None,
        function: str | None = None,
        queue: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Give what is known of jobs, newest first, page by page."""
        filters = _plans.filters(status, module, function, queue, labels)
        before: str | None = None
        while True:
            page, before = await self.run(_plans.job_page(filters, before))
            for job in page:
                yield job
            if before is None:
                return

    async def upload(self, source: str | os.PathLike[str] | bytes, *, name: str | None = None) -> Module:
        """Take a module in: a path, or its bytes."""
        return await self.run(_plans.upload(source, name))

    async def modules(self) -> list[Module]:
        """List modules, those added last first."""
        return await self.run(_plans.modules())

    async def functions(self, module: str) -> list[FunctionInfo]:
        """List the functions of a module, with their schemas."""
        return (await self.run(_plans.module(module))).functions

    async def queues(self) -> list[dict[str, Any]]:
        """List the queues that have limits, or jobs that have not finished, and the default one."""
        return await self.run(_plans.listed("queues"))

    async def queue(self, name: str) -> dict[str, Any]:
        """Show a queue: its limits, and how many jobs wait and run."""
        return await self.run(_lanes.show("queues", name))

    async def set_queue(
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
        return await self.run(_lanes.set_queue(name, policy))

    async def pause_queue(self, name: str) -> dict[str, Any]:
        """Start nothing more of a queue; what runs goes on, and what comes waits."""
        return await self.run(_lanes.turn("queues", name, "pause"))

    async def resume_queue(self, name: str) -> dict[str, Any]:
        """Go on with a queue."""
        return await self.run(_lanes.turn("queues", name, "resume"))

    async def remove_queue(self, name: str) -> None:
        """Take the limits of a queue away; its jobs stay."""
        await self.run(_lanes.remove("queues", name))

    async def function_policies(self) -> list[dict[str, Any]]:
        """List the functions that have a policy, or jobs that have not finished."""
        return await self.run(_plans.listed("functions"))

    async def set_function(
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
        return await self.run(_lanes.set_function(module, function, policy))

    async def remove_function_policy(self, module: str, function: str) -> None:
        """Take the policy of a function away; its jobs stay."""
        await self.run(_lanes.remove_function(module, function))

    async def schedules(self) -> list[dict[str, Any]]:
        """List schedules, in the order of their names."""
        return await self.run(_plans.listed("schedules"))

    async def schedule(self, name: str) -> dict[str, Any]:
        """Show a schedule: what it submits, what became of the last time, and when it is due ``next``."""
        return await self.run(_lanes.show("schedules", name))

    async def set_schedule(
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
        return await self.run(_lanes.set_schedule(name, times, input, content_type, Options(**options)))

    async def pause_schedule(self, name: str) -> dict[str, Any]:
        """Submit nothing of a schedule until it is resumed."""
        return await self.run(_lanes.turn("schedules", name, "pause"))

    async def resume_schedule(self, name: str) -> dict[str, Any]:
        """Go on with a schedule. Times that passed meanwhile do not count."""
        return await self.run(_lanes.turn("schedules", name, "resume"))

    async def run_schedule(self, name: str) -> AsyncComputationHandle[Any]:
        """Submit a job of a schedule now, beside those that come at their times."""
        return AsyncComputationHandle(await self.run(_lanes.run_schedule(name)), self)

    async def remove_schedule(self, name: str) -> None:
        """Forget a schedule; its jobs stay."""
        await self.run(_lanes.remove("schedules", name))

    async def workers(self) -> list[dict[str, Any]]:
        """List the hosts that take what is due: their slots, what runs, when they were last seen."""
        return await self.run(_plans.listed("workers"))

    async def run(self, plan: Plan[T]) -> T:
        """Carry out a plan of this package."""
        try:
            ask = next(plan)
            while True:
                ask = plan.send(await self._send(ask))
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    async def _send(self, ask: Ask) -> httpx.Response:
        request = built(self._http, ask, self._timeout)
        if ask.pause:
            await asyncio.sleep(ask.pause)
        tried = 0
        while True:
            try:
                response = await self._http.send(request)
                rest = self._backoff.after_answer(tried, response)
                if rest is None:
                    return response
            except httpx.TransportError as error:
                rest = self._backoff.after_error(tried, error, ask.repeatable)
                if rest is None:
                    raise errors.UnavailableError(f"{self.url} does not answer: {error!r}") from error
            tried += 1
            await asyncio.sleep(rest)

    def _stream(self, following: Following) -> AbstractAsyncContextManager[httpx.Response]:
        patience = silence(self._timeout)
        return self._http.stream("GET", following.path, headers=following.headers(), timeout=patience)


class AsyncComputationHandle(Generic[T]):
    """A job, as `ComputationHandle` has it, awaited."""

    def __init__(self, key: str, client: AsyncClient) -> None:
        """Of the id of a job and a host. Nothing is asked yet."""
        _plans.job_path(key)
        self.key = key
        self._client = client

    def __repr__(self) -> str:
        """Show which job."""
        return f"AsyncComputationHandle({self.key!r}, {self._client!r})"

    async def is_ready(self) -> bool:
        """Whether the job has finished."""
        return (await self.get_status()).is_finished

    async def get_status(self) -> ComputationStatus:
        """Where the job stands."""
        return ComputationStatus((await self.metadata())["status"])

    async def get_result(self, timeout: float | None = None) -> T:
        """Wait for the result, as `ComputationHandle.get_result` does."""
        return (await self.get_output(timeout)).value  # type: ignore[no-any-return]

    async def get_output(self, timeout: float | None = None) -> Output:
        """Wait for the result, and give its bytes and their type."""
        return await self._client.run(_plans.result(self.key, timeout))

    async def wait(self, timeout: float | None = None) -> ComputationStatus:
        """Wait until the job has finished, and give how."""
        return ComputationStatus((await self._client.run(_plans.wait(self.key, timeout)))["status"])

    async def cancel(self, reason: str | None = None) -> bool:
        """Ask the job to stop; false if it had finished already."""
        return await self._client.run(_plans.cancel(self.key, reason))

    async def metadata(self) -> dict[str, Any]:
        """Give all that is known of the job."""
        return await self._client.run(_plans.show(self.key))

    async def logs(self, start: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Give the lines of the job's log that there are."""
        while True:
            lines, start = await self._client.run(_plans.log_page(self.key, start))
            for line in lines:
                yield line
            if not lines:
                return

    async def events(self, last_event_id: str | None = None) -> AsyncIterator[Event]:
        """Follow the job to its end, as `ComputationHandle.events` does."""
        following = Following(self.key, last_event_id, self._client._backoff)
        while not following.done:
            try:
                async with self._client._stream(following) as response:
                    if response.status_code == 200:
                        async for line in response.aiter_lines():
                            event = following.take(line)
                            if event is not None:
                                yield event
                            if following.done:
                                return
                    else:
                        await response.aread()
                        following.refused(response)
            except httpx.TransportError as error:
                following.broken(error)
            if not following.done:
                await asyncio.sleep(following.rest)

    async def delete(self) -> None:
        """Forget the job, which must have finished."""
        await self._client.run(_plans.delete(self.key))


class AsyncFunction(Generic[T]):
    """A function of a module on a host, as `Function` has it, awaited."""

    def __init__(self, client: AsyncClient, module: str, function: str, options: Options) -> None:
        """As `AsyncClient.function` makes it."""
        self.module = module
        self.function = function
        self._client = client
        self._options = options

    async def __call__(self, *args: Any, **kwargs: Any) -> AsyncComputationHandle[T]:
        """Submit a job."""
        value = await self._input(args, kwargs)
        plan = _plans.submit(self.module, self.function, value, None, self._options, None)
        return AsyncComputationHandle((await self._client.run(plan))["id"], self._client)

    async def call(self, *args: Any, **kwargs: Any) -> T:
        """Run it now and give the result; nothing is kept."""
        value = await self._input(args, kwargs)
        plan = _plans.call(self.module, self.function, value, None, self._options)
        return (await self._client.run(plan)).value  # type: ignore[no-any-return]

    async def map(self, *iterables: Iterable[Any]) -> list[AsyncComputationHandle[T]]:
        """Submit a job of JSON arguments for each item. Handles come in the order of the items."""
        inputs: list[Input] = [list(args) for args in zip(*iterables)]
        ids = await self._client.run(_plans.bulk(self.module, self.function, inputs, self._options))
        return [AsyncComputationHandle(key, self._client) for key in ids]

    def options(self, **options: Any) -> AsyncFunction[T]:
        """Give the same function, run and kept otherwise."""
        return AsyncFunction(self._client, self.module, self.function, self._options.merged(**options))

    async def _input(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Input:
        return await self._client.run(_plans.arguments(self.module, self.function, args, kwargs))
