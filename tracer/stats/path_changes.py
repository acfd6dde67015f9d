"""The latest changes of a path."""

from __future__ import annotations

from collections import deque

import msgspec

from tracer.events import PathChanged
from tracer.model import Address, RoundId, Ttl

MAX_CHANGES = 16
"""So many are kept; all are counted."""


class PathChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change, and how long a round trip took before."""

    at_ns: int
    round: RoundId
    ttl: Ttl
    """The first TTL that differs."""
    old: tuple[Address | None, ...]
    """Position n is TTL n + 1; None where nobody answered."""
    new: tuple[Address | None, ...]
    rtt_before_ns: float | None
    """Typical round-trip time to the end of the old path; None without samples."""


class PathChanges:
    """A bounded list."""

    def __init__(self) -> None:
        self.count = 0
        self._latest: deque[PathChange] = deque(maxlen=MAX_CHANGES)

    def add(self, event: PathChanged, rtt_before_ns: float | None) -> None:
        """Enter a change."""
        self.count += 1
        self._latest.append(
            PathChange(
                at_ns=event.at_ns,
                round=event.round,
                ttl=event.ttl,
                old=event.old,
                new=event.new,
                rtt_before_ns=rtt_before_ns,
            )
        )

    def latest(self) -> tuple[PathChange, ...]:
        """The latest ones, oldest first."""
        return tuple(self._latest)
