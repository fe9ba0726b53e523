"""How a call is run and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Union

#: Seconds, a timedelta, or as people write it: ``"90s"``, ``"2h"``.
Time = Union[float, timedelta, str]
#: Bytes, or as people write it: ``"64MiB"``.
Size = Union[int, str]

_TIMES = {"timeout", "retry_delay", "max_retry_delay", "ttl", "delay"}


@dataclass(frozen=True)
class Options:
    """How a call is run and kept; what is ``None`` is left to the host.

    >>> Options(timeout=1.5, memory="64MiB", labels={"team": "a"}).query()
    [('timeout', '1500ms'), ('memory', '64MiB'), ('label', 'team=a')]
    """

    #: Longest an attempt may take.
    timeout: Time | None = None
    memory: Size | None = None
    #: Most fuel, about one unit an instruction.
    fuel: int | None = None
    max_output: Size | None = None
    max_log: Size | None = None
    max_log_lines: int | None = None
    stack: Size | None = None
    table_elements: int | None = None
    instances: int | None = None
    #: Grants the time of day.
    clock: bool | None = None
    #: Grants random bytes.
    random: bool | None = None
    #: Grants environment variables.
    env: Mapping[str, str] | None = None
    #: Attempts in all, when a worker dies or the function says that it may work later. Jobs only, as all below.
    attempts: int | None = None
    retry_delay: Time | None = None
    max_retry_delay: Time | None = None
    #: How rests grow: ``"exponential"``, ``"linear"`` or ``"constant"``.
    backoff: str | None = None
    #: By how much of it, in percent, a rest may be shorter.
    jitter: int | None = None
    #: Kinds of failure that are tried again, in place of ``transient`` and ``lost``.
    retry_on: Sequence[str] | None = None
    #: Higher ones are started first; from -100 to 100.
    priority: int | None = None
    #: The queue to wait in, which may bound how many run.
    queue: str | None = None
    #: Of the jobs with the same, no more run than their queue allows of each.
    concurrency_key: str | None = None
    #: How long the ``key`` of a submit holds: ``"while-kept"``, or ``"until-finished"``, so that no two of its jobs run at once.
    key_holds: str | None = None
    #: How long it is kept after it finished.
    ttl: Time | None = None
    #: Start no earlier than this long from now.
    delay: Time | None = None
    #: Start no earlier than this moment, which has a time zone.
    run_at: datetime | None = None
    #: Notes to find it by.
    labels: Mapping[str, str] | None = None
    #: The URL that is told, by a signed POST, that it has finished.
    webhook: str | None = None

    def merged(self, **changes: Any) -> Options:
        """Give the same with these changes."""
        return replace(self, **changes)

    def query(self) -> list[tuple[str, str]]:
        """Give the parameters of a URL that say so."""
        pairs: list[tuple[str, str]] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            name = field.name.replace("_", "-")
            if isinstance(value, Mapping):
                pairs.extend(("label" if name == "labels" else name, f"{key}={text}") for key, text in value.items())
            elif name == "retry-on":
                pairs.extend((name, kind) for kind in value)
            else:
                pairs.append((name, _text(field.name, value)))
        return pairs


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{name} needs a time zone: datetime.now(timezone.utc)")
        return value.isoformat()
    if name in _TIMES and not isinstance(value, str):
        return time_text(value)
    return str(value)


def time_text(value: float | timedelta) -> str:
    """Give a span of time as the host reads it.

    >>> time_text(timedelta(minutes=2))
    '120000ms'
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{value!r} is no span of time")
    return f"{round(seconds * 1000)}ms"
