"""Server-sent events: lines to events, with no IO."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened to a job.

    ``kind`` is ``status`` (``data`` is the job), ``progress`` (``data`` has ``done`` and ``note``) or ``log`` (``data``
    has ``at``, ``level`` and ``message``). ``id`` is what to come back with.
    """

    kind: str
    id: str | None
    data: Any

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after it."""
        return self.kind == "status" and self.data["status"] in ("completed", "failed", "cancelled")


class Parser:
    """Takes lines, gives an event when one is whole.

    >>> parser = Parser()
    >>> [parser.take(line) for line in ["event: log", "id: 1.2", 'data: {"message": "x"}', ""]][-1]
    Event(kind='log', id='1.2', data={'message': 'x'})
    """

    def __init__(self) -> None:
        """With nothing taken yet."""
        self._fields: dict[str, str] = {}

    def take(self, line: str) -> Event | None:
        """Take a line without its end."""
        if line:
            name, _, value = line.partition(":")
            if name:
                self._fields[name] = value[1:] if value.startswith(" ") else value
            return None
        got, self._fields = self._fields, {}
        if "data" not in got:
            return None
        return Event(got.get("event", "message"), got.get("id"), json.loads(got["data"]))
