"""The client for ``async`` programs: the same plans, awaited."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, TypeVar

import httpx

from . import _plans, errors
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
        status: ComputationStatus | None = None,
        module: str | None = None,
        function: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Give what is known of jobs, newest first, page by page."""
        filters = _plans.filters(status, module, function, labels)
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
