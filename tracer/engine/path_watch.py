"""Tells when the path itself has changed, as against answers that are lost or that take turns.

For each TTL the watch keeps the set of responders it is used to. A round that shows one of them confirms the
set and lets it learn whoever else was seen: that is how load balancing per packet looks. A round that shows
only others starts a rival set. The rival wins once nothing of the old set has been seen for long enough; a
round without an answer says nothing either way. The TTL at which the target answers is watched the same way.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Set
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from tracer.engine.path_end import PathEnd
from tracer.model import Address, FlowId, PathEndKind, Ttl

ROUNDS_TO_BELIEVE = 3
"""So many rounds must show only the rival, and no new member of it."""

ROUNDS_TO_BELIEVE_BALANCED = 5
"""The same where several took turns: one of them may not have had its turn before."""

ROUNDS_TO_SETTLE = 4
"""Until the set has stood still for so many rounds, everyone seen belongs to it: of many routers that take
turns, the first rounds show but a few."""

ROUNDS_IN_ALL = 14
"""So many rounds the old set and its rival must have stood still together. Two routers that take turns by
chance show A for a rounds and then B for b with probability 2^-(a + b): a young set needs a longer rival."""

MAX_MEMBERS = 64
"""So many responders of one TTL are known; hostile sources do not fill the memory."""

Member = TypeVar("Member", bound=Hashable)


class PathChange(NamedTuple):
    """The path before and after; position n is TTL n + 1, None where nobody answered."""

    ttl: Ttl
    """The first TTL that differs."""
    old: tuple[Address | None, ...]
    new: tuple[Address | None, ...]


class _Habit(Generic[Member]):
    """Who is seen in one place, and who is there instead lately."""

    __slots__ = ("known", "latest", "rival", "rival_still", "still")

    def __init__(self) -> None:
        self.known: set[Member] = set()
        self.latest: Member | None = None
        """The member of ``known`` seen last."""
        self.still = 0
        """Rounds since ``known`` last grew."""
        self.rival: dict[Member, None] = {}
        self.rival_still = 0
        """Rounds since ``rival`` last grew, the round it grew in included."""

    def round(self, seen: dict[Member, None]) -> None:
        """Enter who was seen in one round; ``seen`` is not empty."""
        if self.still < ROUNDS_TO_SETTLE or not self.known.isdisjoint(seen):
            grown = len(self.known)
            self._learn({**self.rival, **seen})
            self.still = self.still + 1 if len(self.known) == grown else 1
            self.latest = next(reversed(seen))
            self.rival, self.rival_still = {}, 0
        elif self.rival.keys() >= seen.keys():
            self.rival_still += 1
        else:
            self.rival = dict(islice({**self.rival, **seen}.items(), MAX_MEMBERS))
            self.rival_still = 1

    def _learn(self, seen: dict[Member, None]) -> None:
        room = MAX_MEMBERS - len(self.known)
        self.known.update([member for member in seen if member not in self.known][:room])

    @property
    def is_over(self) -> bool:
        """The rival has taken the place."""
        needed = ROUNDS_TO_BELIEVE if len(self.known) == 1 else ROUNDS_TO_BELIEVE_BALANCED
        return self.rival_still >= needed and self.still + self.rival_still >= ROUNDS_IN_ALL

    def give_way(self) -> None:
        """Let the rival be what is known."""
        self.known, self.still = set(self.rival), self.rival_still
        self.latest = next(reversed(self.rival))
        self.rival, self.rival_still = {}, 0


class PathWatch:
    """Follows the responders of one trace, round by round. Bounded by 254 TTLs."""

    def __init__(self) -> None:
        self._seen: dict[Ttl, dict[Address, None]] = {}
        self._hops: dict[Ttl, _Habit[Address]] = {}
        self._end: _Habit[Ttl] = _Habit()

    def answered(self, ttl: Ttl, responder: Address) -> None:
        """A probe of this TTL was answered in time."""
        seen = self._seen.get(ttl)
        if seen is None:
            seen = self._seen[ttl] = {}
        seen[responder] = None

    def round_over(self, end: PathEnd) -> PathChange | None:
        """Weigh the round that ends now; returns the change if one has become certain."""
        seen, self._seen = self._seen, {}
        for ttl, responders in seen.items():
            self._hops.setdefault(ttl, _Habit()).round(responders)
        target_ttl = end.ttl if end.kind is PathEndKind.TARGET else None
        if target_ttl is not None:
            self._end.round({target_ttl: None})
        moved_from = self._moved_from()
        if moved_from is None:
            return None
        old = self._path(self._end.latest)
        self._move(moved_from, seen.keys())
        new = self._path(target_ttl)
        first = _first_difference(old, new)
        return None if first is None else PathChange(first, old, new)

    def _moved_from(self) -> Ttl | None:
        """The first TTL that has certainly changed."""
        last = self._end.latest
        moved = [ttl for ttl, habit in self._hops.items() if habit.is_over and (last is None or ttl <= last)]
        if last is not None and self._end.is_over:
            moved.append(min(last, *self._end.rival))
        return min(moved, default=None)

    def _move(self, first: Ttl, just_seen: Set[Ttl]) -> None:
        """Take the new path for granted: what is seen on it is known, what is not seen is forgotten."""
        if self._end.rival:
            self._end.give_way()
        for ttl in [ttl for ttl in self._hops if ttl >= first]:
            if self._hops[ttl].rival:
                self._hops[ttl].give_way()
            elif ttl not in just_seen:
                del self._hops[ttl]

    def _path(self, last: Ttl | None) -> tuple[Address | None, ...]:
        latest = {ttl: habit.latest for ttl, habit in self._hops.items()}
        return tuple(latest.get(Ttl(ttl)) for ttl in range(1, (last or max(latest, default=0)) + 1))


def together(
    changes: Iterable[tuple[FlowId, PathChange | None]],
) -> Iterator[tuple[tuple[FlowId, ...], PathChange]]:
    """The flows that changed at the same TTL in one round, and the change of the first one; nearest first."""
    by_ttl: dict[Ttl, list[tuple[FlowId, PathChange]]] = {}
    for flow, change in changes:
        if change is not None:
            by_ttl.setdefault(change.ttl, []).append((flow, change))
    for _, alike in sorted(by_ttl.items()):
        yield tuple(flow for flow, _ in alike), alike[0][1]


def _first_difference(old: tuple[Address | None, ...], new: tuple[Address | None, ...]) -> Ttl | None:
    """The first TTL with different answers; a longer path differs where the shorter one ends."""
    length = max(len(old), len(new))
    padded = zip(old + (None,) * (length - len(old)), new + (None,) * (length - len(new)), strict=True)
    return next((Ttl(ttl) for ttl, (before, after) in enumerate(padded, 1) if before != after), None)
