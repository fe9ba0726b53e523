"""Following the events of a job across broken connections: decided in plain functions, as retries are."""

from __future__ import annotations

import httpx

from . import errors
from ._plans import checked, job_path
from ._retry import Backoff
from ._sse import Event, Parser


class Following:
    """What was heard of a job, and when to ask for the rest."""

    def __init__(self, key: str, heard: str | None, backoff: Backoff) -> None:
        """From the event after this one."""
        self.path = job_path(key, "/events")
        #: Whether nothing more will come.
        self.done = False
        #: How long to rest before the next request.
        self.rest = backoff.first
        self._heard = heard
        self._backoff = backoff
        self._tried = 0
        self._parser = Parser()

    def headers(self) -> dict[str, str]:
        """Give the headers of the next request."""
        self._parser = Parser()
        self.rest = self._backoff.first
        return {"accept": "text/event-stream", **({"last-event-id": self._heard} if self._heard else {})}

    def take(self, line: str) -> Event | None:
        """Take a line of a stream."""
        event = self._parser.take(line)
        if event is None:
            return None
        if event.kind == "error":
            raise errors.of_problem(event.data.get("status", 500), event.data)
        self._heard, self._tried, self.done = event.id or self._heard, 0, event.is_last
        return event

    def refused(self, response: httpx.Response) -> None:
        """Take an answer that is no stream."""
        self.done = response.status_code == 204
        rest = self._backoff.after_answer(self._tried, response)
        if rest is None:
            checked(response)
        self.rest = rest or self._backoff.first
        self._tried += 1

    def broken(self, error: httpx.TransportError) -> None:
        """Take the end of a connection."""
        rest = self._backoff.after_error(self._tried, error, True)
        if rest is None:
            raise errors.UnavailableError(f"the host does not answer: {error!r}") from error
        self.rest = rest
        self._tried += 1
