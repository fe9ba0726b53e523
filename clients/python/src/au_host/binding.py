"""au's decorator: what is written here as a function runs there as a job."""

from __future__ import annotations

import functools
import inspect
import os
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from .client import Client, ComputationHandle, Function

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")
_default: Client | None = None


def set_default_client(client: Client | None) -> None:
    """Say which host `async_compute` means when it is not told."""
    global _default
    _default = client


def default_client() -> Client:
    """Give the host that was set, else the one of the environment: ``AU_HOST`` is its URL, ``AU_TOKEN`` the token."""
    global _default
    if _default is None:
        url = os.environ.get("AU_HOST")
        if not url:
            raise RuntimeError("no host: call set_default_client, give async_compute a client, or set AU_HOST to a URL")
        _default = Client(url, os.environ.get("AU_TOKEN"))
    return _default


def async_compute(
    client: Client | None = None,
    *,
    module: str | None = None,
    function: str | None = None,
    ttl_seconds: float | None = None,
    **options: Any,
) -> Callable[[Callable[P, T]], Callable[P, ComputationHandle[T]]]:
    """Bind a typed stub to a function of a host. Calling it submits a job; its body never runs.

    ``function`` is the stub's own name if it is not given, ``module`` the function's. What is returned has ``.remote``,
    the `Function` behind it, for ``map``, ``call`` and ``options``.

    Example::

        @async_compute(client, module="math")
        def factorial(n: int) -> str: ...

        handle = factorial(100)
        print(handle.get_result(timeout=30))
    """
    if callable(client) and not isinstance(client, Client):
        raise TypeError("async_compute is called first: @async_compute()")
    if ttl_seconds is not None:
        options["ttl"] = ttl_seconds

    def bind(stub: Callable[P, T]) -> Callable[P, ComputationHandle[T]]:
        signature = inspect.signature(stub)
        name = function or stub.__name__

        def remote() -> Function[T]:
            return (client or default_client()).function(module or name, name, **options)

        @functools.wraps(stub)
        def submit(*args: P.args, **kwargs: P.kwargs) -> ComputationHandle[T]:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return remote()(*bound.args, **bound.kwargs)

        submit.remote = _Remote(remote)  # type: ignore[attr-defined]
        return submit

    return bind


class _Remote:
    """The function behind a stub, looked up when it is used: the default client may be set later."""

    def __init__(self, of: Callable[[], Function[Any]]) -> None:
        self._of = of

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> ComputationHandle[Any]:
        return self._of()(*args, **kwargs)
