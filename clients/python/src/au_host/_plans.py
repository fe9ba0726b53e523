"""The API: what to ask, and what an answer means.

Each plan is a generator that yields requests and is sent their answers, so that both clients share it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
import uuid
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from . import errors
from ._payload import Input, Output, encode, to_json
from .options import Options, time_text
from .status import ComputationStatus

T = TypeVar("T")
#: Longest that one request waits for a job; a longer wait is several requests.
_WAIT = 20.0
#: Most inputs of one bulk submit, and most bytes, well below what hosts take.
_BULK = 5000
_BULK_BYTES = 4 << 20
_LOG_PAGE = 1000


@dataclass(frozen=True)
class Ask:
    """A request."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    #: Whether sending it twice does no more than once.
    repeatable: bool = True
    #: How long the host may take beyond the client's own timeout.
    patience: float = 0.0
    #: How long to rest before it is sent.
    pause: float = 0.0


Plan = Generator[Ask, httpx.Response, T]


@dataclass(frozen=True)
class FunctionInfo:
    """A function of a module, with the JSON schemas of its input and output if the module has them."""

    name: str
    summary: str
    input_schema: dict[str, Any] | None
    output_schema: dict[str, Any] | None

    @property
    def parameters(self) -> list[str]:
        """The names of its parameters, as far as its schema has them."""
        return [entry.get("title", "") for entry in (self.input_schema or {}).get("prefixItems", [])]


@dataclass(frozen=True)
class Module:
    """A module that a host has."""

    digest: str
    size: int
    functions: list[FunctionInfo]
    #: The names that point at it, where they were asked for.
    names: list[str]

    @classmethod
    def of(cls, data: Mapping[str, Any], names: Iterable[str] = ()) -> Module:
        """Read it from what a host says."""
        functions = [
            FunctionInfo(one["name"], one["summary"], one.get("input_schema"), one.get("output_schema"))
            for one in data["functions"]
        ]
        return cls(data["digest"], data["size"], functions, list(names))


def checked(response: httpx.Response) -> httpx.Response:
    """Raise what an answer says is wrong."""
    if response.status_code < 400:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    raise errors.of_problem(response.status_code, problem if isinstance(problem, dict) else {})


def part(text: str) -> str:
    """Give a name as one part of a path, whatever is in it."""
    if not text:
        raise ValueError("an empty string names nothing")
    return quote(text, safe=":").replace(".", "%2E") if set(text) <= {"."} else quote(text, safe=":")


def job_path(key: str, more: str = "") -> str:
    """Give the path of a job."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", key):
        raise ValueError(f"{key!r} cannot be the id of a job")
    return f"/v1/jobs/{key}{more}"


def call(module: str, function: str, value: Input, content_type: str | None, options: Options) -> Plan[Output]:
    """Run now, keep nothing."""
    kind, content = encode(value, content_type)
    path = f"/v1/call/{part(module)}/{part(function)}"
    # Not sent again when the connection breaks: it may be running.
    answer = yield Ask("POST", path, options.query(), {"content-type": kind}, content, repeatable=False, patience=3600)
    return output_of(checked(answer))


def submit(
    module: str, function: str, value: Input, content_type: str | None, options: Options, key: str | None
) -> Plan[dict[str, Any]]:
    """Submit a job. The key makes a request that is sent again the same job."""
    kind, content = encode(value, content_type)
    path = f"/v1/submit/{part(module)}/{part(function)}"
    headers = {"content-type": kind, "idempotency-key": key or str(uuid.uuid4())}
    answer = yield Ask("POST", path, options.query(), headers, content)
    return object_of(answer)


def bulk(module: str, function: str, inputs: Iterable[Input], options: Options) -> Plan[list[str]]:
    """Submit many jobs, a few thousand a request: each request is kept whole or not at all."""
    path = f"/v1/submit/{part(module)}/{part(function)}/bulk"
    # All are written before the first is sent: a value that is no JSON leaves nothing behind.
    lines = [to_json(value) for value in inputs]
    ids: list[str] = []
    for chunk in _chunks(lines):
        headers = {"content-type": "application/x-ndjson"}
        answer = yield Ask("POST", path, options.query(), headers, b"\n".join(chunk), repeatable=False, patience=60)
        ids.extend(object_of(answer)["jobs"])
    return ids


def _chunks(lines: list[bytes]) -> Iterable[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        if chunk and (len(chunk) == _BULK or size + len(line) > _BULK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += len(line) + 1
    if chunk:
        yield chunk


def show(key: str) -> Plan[dict[str, Any]]:
    """Show a job."""
    return object_of((yield Ask("GET", job_path(key))))


def wait(key: str, timeout: float | None) -> Plan[dict[str, Any]]:
    """Show a job once it has finished; ``None``: however long that takes."""
    end = None if timeout is None else time.monotonic() + timeout
    pause = 0.0
    while True:
        began = time.monotonic()
        left = _WAIT if end is None else min(_WAIT, max(0.0, end - began))
        asked = Ask("GET", job_path(key), [("wait", time_text(left))], patience=left, pause=min(pause, left))
        job = object_of((yield asked))
        if ComputationStatus(job["status"]).is_finished:
            return job
        # A host that goes down answers at once, and is not to be asked again at once.
        pause = 0.2 if time.monotonic() - began < left / 2 else 0.0
        if end is not None and time.monotonic() >= end:
            raise errors.ComputationTimeoutError(f"job {key} is not finished after {timeout}s; it goes on")


def result(key: str, timeout: float | None) -> Plan[Output]:
    """Wait for the output of a job."""
    job = yield from wait(key, timeout)
    if job["status"] == "cancelled":
        reason = job.get("cancelled") or ""
        raise errors.ComputationCancelledError(
            f"job {key} was cancelled: {reason}", reason=reason, problem={"job": key}
        )
    answer = yield Ask("GET", job_path(key, "/output"))
    try:
        return output_of(checked(answer))
    except errors.ComputationError as error:
        error.job = error.job or key
        raise


def output_of(answer: httpx.Response) -> Output:
    """Read an output."""
    return Output(answer.headers.get("content-type", "application/octet-stream"), answer.content)


def cancel(key: str, reason: str | None) -> Plan[bool]:
    """Ask a job to stop; false if it has finished already."""
    query = [] if reason is None else [("reason", reason)]
    answer = yield Ask("POST", job_path(key, "/cancel"), query)
    try:
        checked(answer)
    except errors.ConflictError as error:
        if error.code != "finished":
            raise
        return False
    return True


def again(key: str) -> Plan[str]:
    """Submit the call of a job once more."""
    answer = yield Ask("POST", job_path(key, "/retry"), repeatable=False)
    return str(object_of(answer)["id"])


def delete(key: str) -> Plan[None]:
    """Forget a finished job."""
    checked((yield Ask("DELETE", job_path(key), repeatable=False)))


def input_of(key: str) -> Plan[Output]:
    """Give what a job was given."""
    return output_of(checked((yield Ask("GET", job_path(key, "/input")))))


def log_page(key: str, start: int) -> Plan[tuple[list[dict[str, Any]], int]]:
    """Give some lines of a log, and where the next begin."""
    query = [("from", str(start)), ("limit", str(_LOG_PAGE))]
    page = object_of((yield Ask("GET", job_path(key, "/logs"), query)))
    return page["lines"], page["next"]


def job_page(filters: list[tuple[str, str]], before: str | None) -> Plan[tuple[list[dict[str, Any]], str | None]]:
    """Give some jobs, newest first, and where the next page begins."""
    page = object_of((yield Ask("GET", "/v1/jobs", filters + ([("before", before)] if before else []))))
    return page["jobs"], page["next"]


def filters(
    status: ComputationStatus | str | None,
    module: str | None,
    function: str | None,
    queue: str | None,
    labels: Mapping[str, str] | None,
) -> list[tuple[str, str]]:
    """Say which jobs are meant."""
    pairs = [("limit", "200")]
    named = [("status", ComputationStatus(status).value if status else None), ("module", module), ("function", function), ("queue", queue)]
    pairs.extend((name, value) for name, value in named if value is not None)
    pairs.extend(("label", f"{name}={value}") for name, value in (labels or {}).items())
    return pairs


def upload(source: str | os.PathLike[str] | bytes, name: str | None) -> Plan[Module]:
    """Take a module in. The same bytes a second time change nothing."""
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    headers = {"content-type": "application/wasm", "content-digest": f"sha-256=:{digest}:"}
    query = [] if name is None else [("name", name)]
    answer = object_of((yield Ask("PUT", "/v1/modules", query, headers, content, patience=300)))
    return Module.of(answer["module"], [] if name is None else [name])


def modules() -> Plan[list[Module]]:
    """List modules."""
    found = yield from listed("modules")
    return [Module.of(one, one["aliases"]) for one in found]


def listed(kind: str) -> Plan[list[dict[str, Any]]]:
    """List all of a kind, such as ``queues``."""
    return list(object_of((yield Ask("GET", f"/v1/{kind}")))[kind])


def module(name: str) -> Plan[Module]:
    """Show a module."""
    return Module.of(object_of((yield Ask("GET", f"/v1/modules/{part(name)}"))))


def remove_module(name: str) -> Plan[None]:
    """Remove a name, and the module with its last name; or a module by its digest."""
    checked((yield Ask("DELETE", f"/v1/modules/{part(name)}", repeatable=False)))


def alias(name: str, module: str) -> Plan[None]:
    """Point a name at a module."""
    checked((yield Ask("PUT", f"/v1/aliases/{part(name)}", [("module", module)])))


def arguments(module: str, function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Plan[Input]:
    """Give the input that a Python call means. Only a mix of positions and names needs the function's schema."""
    if len(args) == 1 and not kwargs and isinstance(args[0], (bytes, bytearray, memoryview)):
        return args[0]
    if not args or not kwargs:
        return dict(kwargs) if kwargs else list(args)
    offered = (yield from globals()["module"](module)).functions
    names: list[str] = next((one.parameters for one in offered if one.name == function), [])
    if len(names) < len(args) or not all(names[: len(args)]):
        raise TypeError(f"{function} does not say what its parameters are called: give all by position, or all by name")
    named = dict(zip(names, args))
    doubled = named.keys() & kwargs.keys()
    if doubled:
        raise TypeError(f"{function} got {', '.join(sorted(doubled))} twice")
    return {**named, **kwargs}


def object_of(answer: httpx.Response) -> dict[str, Any]:
    """Give the JSON object that an answer is."""
    found = checked(answer).json()
    if not isinstance(found, dict):
        raise errors.ServerError("the host answered something else than was asked for", status=answer.status_code)
    return found
