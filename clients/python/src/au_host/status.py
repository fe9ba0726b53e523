"""Where a job stands."""

from __future__ import annotations

from enum import Enum


class ComputationStatus(Enum):
    """Where a job stands: au's names and values, and ``CANCELLED``.

    >>> ComputationStatus("completed").is_finished
    True
    """

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        """Whether it stays so: completed, failed or cancelled."""
        return self not in (ComputationStatus.PENDING, ComputationStatus.RUNNING)
