"""Client of au-host: functions compiled to WebAssembly, run as sandboxed, durable jobs on another process or machine.

Example::

    from au_host import Client

    with Client("http://127.0.0.1:8282") as client:
        client.upload("factorial.wasm", name="math")
        factorial = client.function("math", "factorial")
        handle = factorial(100)          # a job; returns at once
        print(handle.get_status())       # ComputationStatus.RUNNING
        print(handle.get_result(timeout=30))
"""

from ._payload import Output
from ._plans import FunctionInfo, Module
from ._sse import Event
from .aio import AsyncClient, AsyncComputationHandle, AsyncFunction
from .binding import async_compute, default_client, set_default_client
from .client import Client, ComputationHandle, Function
from .errors import (
    AuHostError,
    ComputationCancelledError,
    ComputationError,
    ComputationNotReadyError,
    ComputationTimeoutError,
    ConflictError,
    ExpiredError,
    InvalidRequestError,
    NotFoundError,
    RefusedError,
    ServerError,
    UnavailableError,
)
from .options import Options
from .status import ComputationStatus

__all__ = [
    "AsyncClient",
    "AsyncComputationHandle",
    "AsyncFunction",
    "AuHostError",
    "Client",
    "ComputationCancelledError",
    "ComputationError",
    "ComputationHandle",
    "ComputationNotReadyError",
    "ComputationStatus",
    "ComputationTimeoutError",
    "ConflictError",
    "Event",
    "ExpiredError",
    "Function",
    "FunctionInfo",
    "InvalidRequestError",
    "Module",
    "NotFoundError",
    "Options",
    "Output",
    "RefusedError",
    "ServerError",
    "UnavailableError",
    "async_compute",
    "default_client",
    "set_default_client",
]
