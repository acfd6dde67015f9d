"""What went wrong on this host: one entry for each thing that can be said, however often it happens."""

from __future__ import annotations

from tracer.model import Failure, FailureKind
from tracer.stats.snapshot import ErrorSnapshot

MAX_MESSAGES = 64
"""So many messages are told apart; further ones are counted together, by their kind."""

FURTHER = "Further failures of this kind."


class Troubles:
    """Failures by kind and message."""

    def __init__(self) -> None:
        self._entries: dict[tuple[FailureKind, str], ErrorSnapshot] = {}

    def add(self, failure: Failure) -> None:
        message = failure.message
        if (failure.kind, message) not in self._entries and len(self._entries) >= MAX_MESSAGES:
            message = FURTHER
        known = self._entries.get((failure.kind, message))
        self._entries[failure.kind, message] = ErrorSnapshot(
            kind=failure.kind,
            message=message,
            remedy=failure.remedy,
            evidence=failure.evidence,
            count=1 if known is None else known.count + 1,
        )

    def snapshot(self) -> tuple[ErrorSnapshot, ...]:
        """Return the entries in the order of their first occurrence."""
        return tuple(self._entries.values())
