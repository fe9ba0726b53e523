"""What can go wrong, sorted by what the caller can do about it.

A host answers with a problem document (RFC 9457). Its members are attributes of the error: ``code`` is stable,
``detail`` is for people, ``advice`` says what to do, ``request_id`` finds the request in the host's log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AuHostError(Exception):
    """Everything this package raises, but a wrong use of Python itself (``TypeError``, ``ValueError``)."""

    def __init__(self, detail: str, *, status: int | None = None, problem: Mapping[str, Any] | None = None) -> None:
        """Of what a person should read, and what the host said, if it did."""
        problem = problem or {}
        self.detail = detail
        #: The HTTP status, if the host answered.
        self.status = status
        #: The stable name of the problem: ``not_found``, ``busy``, …
        self.code: str = problem.get("code", "")
        self.advice: str = problem.get("try", "")
        self.request_id: str | None = problem.get("request_id")
        #: The id of the job it is about.
        self.job: str | None = problem.get("job")
        self.problem = dict(problem)
        super().__init__(detail)


class NotFoundError(AuHostError):
    """There is no such job, module or function here. ``nearest`` may say which one was meant."""

    @property
    def nearest(self) -> str | None:
        """A name that exists and looks like the one that was given."""
        return self.problem.get("nearest")


class ExpiredError(NotFoundError):
    """The job was here; its time to live ran out."""


class RefusedError(AuHostError):
    """Understood and not allowed: a right that is missing, a grant that is not given, a module that is not taken."""


class InvalidRequestError(AuHostError):
    """The request cannot be used as it is."""


class ConflictError(AuHostError):
    """It does not fit what is there: a job that has finished already, an idempotency key of another call."""


class UnavailableError(AuHostError):
    """The host cannot be reached, is busy or goes down, and was so on every try. Later may do."""


class ServerError(AuHostError):
    """The host failed. Its operator finds more under ``request_id``."""


class ComputationNotReadyError(AuHostError):
    """The job has no result yet."""


class ComputationTimeoutError(AuHostError, TimeoutError):
    """The wait is over and the job is not. The job goes on, and can be waited for again."""


class ComputationError(AuHostError):
    """The job failed: there is no result, and this is why."""

    def __init__(self, detail: str, *, status: int | None = None, problem: Mapping[str, Any] | None = None) -> None:
        """Of a problem whose member ``failure`` says why."""
        super().__init__(detail, status=status, problem=problem)
        failure: Mapping[str, Any] = self.problem.get("failure") or {}
        #: What sort of failure: ``failed``, ``trap``, ``panic``, ``timed-out``, ``out-of-memory``, …
        self.kind: str = failure.get("kind", "failed")
        #: What the function said.
        self.message: str = failure.get("message", detail)
        #: The limit that was hit: ``{"name": …, "value": …}``.
        self.limit: dict[str, Any] | None = failure.get("limit")
        #: Where in the function, innermost first.
        self.trace: list[str] = list(failure.get("trace") or [])


class ComputationCancelledError(AuHostError):
    """The job was cancelled: there is no result. ``reason`` is what the canceller said."""

    def __init__(
        self, detail: str, *, reason: str, status: int | None = None, problem: Mapping[str, Any] | None = None
    ) -> None:
        """Of the reason, too."""
        super().__init__(detail, status=status, problem=problem)
        self.reason = reason


_BY_CODE: dict[str, type[AuHostError]] = {
    "expired": ExpiredError,
    "failed": ComputationError,
    "timed_out": ComputationError,
    "unfinished": ComputationNotReadyError,
    "module_refused": RefusedError,
    "bad_origin": RefusedError,
}
_BY_STATUS: dict[int, type[AuHostError]] = {
    401: RefusedError,
    403: RefusedError,
    404: NotFoundError,
    409: ConflictError,
    410: ExpiredError,
    429: UnavailableError,
    503: UnavailableError,
}


def of_problem(status: int, problem: Mapping[str, Any]) -> AuHostError:
    """Give the error that a problem document is."""
    code = problem.get("code", "")
    detail = str(problem.get("detail") or problem.get("title") or f"the host answered {status}")
    if code == "cancelled":
        reason = detail.partition(" was cancelled: ")[2]
        return ComputationCancelledError(detail, reason=reason, status=status, problem=problem)
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status) or (ServerError if status >= 500 else InvalidRequestError)
    return kind(detail, status=status, problem=problem)
