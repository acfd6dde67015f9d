"""What a judgement rests on: counts and bounded windows, as plain values."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

from tracer.model import EndReason, FailureKind, PathEndKind, PathMtu, RoundId, Ttl
from tracer.stats.level_shift import Level
from tracer.stats.path_changes import PathChange
from tracer.stats.series import ProbeKey

JUDGED_PROBES = 256
"""A hop is judged by its last so many probes: what was long ago is not what is now."""


Fate = tuple[int, bool, ProbeKey]
"""One probe that has met its end in the network: sent when (ns), answered or not, and its name."""


class Counts(NamedTuple):
    """Probes that have met their end, and how many of them were lost."""

    closed: int
    lost: int

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(self.closed + other.closed, self.lost + other.lost)

    @property
    def share(self) -> float:
        """The lost part, 0..1; 0 of nothing is 0."""
        return self.lost / self.closed if self.closed else 0.0


class ProbeWindow:
    """The last probes of one TTL on the present path."""

    __slots__ = ("_fates", "_lost", "_since_ns", "_size")

    def __init__(self, size: int = JUDGED_PROBES) -> None:
        self._size = size
        self._fates: deque[Fate] = deque()
        self._lost = 0
        self._since_ns = 0

    def add(self, key: ProbeKey, sent_ns: int, *, answered: bool) -> None:
        """A probe was answered in time, or given up."""
        if sent_ns < self._since_ns:
            return
        fates = self._fates
        fates.append((sent_ns, answered, key))
        self._lost += not answered
        if len(fates) > self._size:
            self._lost -= not fates.popleft()[1]

    def revise(self, key: ProbeKey) -> None:
        """A probe given up was answered after all; nothing to do once it has left the window."""
        found = self._lost_probe(key)
        if found is not None:
            place, sent_ns = found
            self._fates[place] = (sent_ns, True, key)
            self._lost -= 1

    def forget(self, key: ProbeKey) -> None:
        """A probe given up turns out never to have left."""
        found = self._lost_probe(key)
        if found is not None:
            del self._fates[found[0]]
            self._lost -= 1

    def _lost_probe(self, key: ProbeKey) -> tuple[int, int] | None:
        # Late answers are rare and recent: nothing is kept to find them faster.
        newest_first = range(len(self._fates) - 1, -1, -1)
        for place in newest_first:
            sent_ns, answered, name = self._fates[place]
            if name == key and not answered:
                return place, sent_ns
        return None

    def restart(self, now_ns: int) -> None:
        """The path has changed: what was sent before tells nothing about it."""
        self._fates.clear()
        self._lost = 0
        self._since_ns = now_ns

    @property
    def counts(self) -> Counts:
        """How many are in the window."""
        return Counts(len(self._fates), self._lost)

    def fates(self) -> tuple[Fate, ...]:
        """All of them, in the order they ended."""
        return tuple(self._fates)


class HopEvidence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One TTL."""

    ttl: Ttl
    counts: Counts
    """Of the window."""
    received: int
    """Answers since the start of the trace."""
    failed: int
    """Probes that this host kept back, since the start of the trace."""
    rtt_ns: float | None
    """Typical round-trip time on the present path; None without samples."""
    levels: tuple[Level, ...] = ()
    fates: tuple[Fate, ...] = ()
    """Of the window; empty unless some, but not all, were lost."""


class LocalTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """What this host itself did to the measurement of late."""

    failed: int = 0
    """Probes it kept back in the last ``rounds`` rounds."""
    rounds: int = 0
    kind: FailureKind | None = None
    """The latest kind of failure; None where there was none."""
    dropped: int = 0
    """Answers it dropped for want of room while the judged probes were under way."""


class PathEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One trace."""

    hops: tuple[HopEvidence, ...]
    """From the first TTL probed to the end of the path."""
    end: PathEndKind
    reached: bool
    """The target answered at least once."""
    reason: EndReason | None
    round: RoundId
    """The latest."""
    changes: tuple[PathChange, ...] = ()
    """The latest ones, oldest first."""
    change_count: int = 0
    local: LocalTrouble = LocalTrouble()
    mtu: PathMtu | None = None
    """None where packets of one size only were sent."""
