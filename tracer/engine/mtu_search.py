"""Which packet sizes pass, TTL by TTL, and which size is worth trying next.

What passes at a TTL passes at all before it; what does not pass at a TTL passes at none behind it. So two
things are kept: sizes that came through, and sizes that did not, with whether anybody said so. The next size
is one that somebody named, else one that links are known to have, else the middle (RFC 1191 section 7, and
the search of RFC 8899 section 5.3 without its fixed step). A report is only ever a hint: the size it names
is tried, and so is one byte more.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from tracer.model import Address, HopMtu, MtuBlackHole, MtuStep, PathMtu, Ttl

HERE = 0
"""The TTL that stands for this host: what its interface does not carry passes nowhere."""

LARGEST = 65_535
"""Bytes of the largest IP packet."""

SMALLEST_MTU = 68
"""RFC 791: every link carries this. A report of less is no hint."""

CONFIRMATIONS = 2
"""A size has vanished only when it did so in this many series, the last after all else was known."""

LANDMARKS = (
    # RFC 1191 table 7-1, and what tunnels leave of 1500 bytes.
    68, 296, 508, 576, 1006, 1280, 1300, 1350, 1358, 1360, 1372, 1380, 1390, 1400, 1410, 1412, 1420, 1422,
    1428, 1430, 1434, 1436, 1438, 1440, 1442, 1446, 1448, 1450, 1452, 1454, 1458, 1460, 1462, 1464, 1468,
    1472, 1476, 1480, 1484, 1488, 1492, 1496, 1498, 1500, 2002, 4352, 8166, 8500, 8900, 8950, 9000, 9198,
    9216, 16_384, 17_914, 32_000, 65_535,
)  # fmt: skip
"""Bytes that links are known to carry, ascending."""


class Question(NamedTuple):
    """Whether a packet of this size comes as far as this TTL."""

    ttl: Ttl
    size: int


class Report(NamedTuple):
    """Somebody said that a packet is too big."""

    by: Address | None
    """None for this host's own kernel."""
    mtu: int | None
    """What its next link carries; None where it told nothing that can be true."""


class Vanished(NamedTuple):
    """Nobody said anything about packets of one size."""

    series: int
    probes: int


class Sizes:
    """What is known of one path. ``proven`` is the size of the ordinary probes, which pass where any do."""

    def __init__(self, proven: int) -> None:
        self._proven = proven
        self._passed: dict[int, int] = {}
        self._refused: dict[int, dict[int, Report]] = {}
        self._vanished: dict[int, dict[int, Vanished]] = {}
        self._hints = {LARGEST}

    # What happened

    def left(self, size: int) -> None:
        """This host sent a packet of this size."""
        self._passed[HERE] = max(self.largest_sent, size)

    def passed(self, ttl: int, size: int) -> None:
        """A packet came as far as this TTL. What vanished before was chance."""
        self._passed[ttl] = max(self._passed.get(ttl, 0), size)
        for nearer, sizes in self._vanished.items():
            if nearer <= ttl:
                for smaller in [vanished for vanished in sizes if vanished <= size]:
                    del sizes[smaller]

    def too_big(self, ttl: int, size: int, by: Address | None, mtu: int | None) -> None:
        """Somebody before this TTL refuses a packet for its size, and may have told what it would take.

        What passed before passed on another path: the smaller of two is the one that counts.
        """
        hint = mtu if mtu is not None and SMALLEST_MTU <= mtu < size else None
        self._refused.setdefault(ttl, {})[size] = Report(by, hint)
        if hint is not None:
            self._hints.add(hint)
        for farther in [one for one, passed in self._passed.items() if one >= max(ttl, 1) and passed >= size]:
            del self._passed[farther]

    def too_big_here(self, size: int, mtu: int | None) -> None:
        """This host's interface does not carry it; what its kernel says it carries, it does."""
        self.too_big(HERE, size, None, mtu)
        if mtu in self._hints and mtu is not None:
            self.too_big(HERE, mtu + 1, None, mtu)

    def vanished(self, ttl: int, size: int, probes: int) -> None:
        """A series of packets remained without any answer."""
        if size > self.largest(ttl):
            before = self._vanished.setdefault(ttl, {}).get(size, Vanished(0, 0))
            self._vanished[ttl][size] = Vanished(before.series + 1, before.probes + probes)

    # What follows from it

    @property
    def largest_sent(self) -> int:
        """Bytes of the largest packet that this host has sent."""
        return self._passed.get(HERE, 0)

    @property
    def link_mtu(self) -> int | None:
        """What this host's interface carries; None while that is not known."""
        refused = self._refused.get(HERE, {})
        if not refused:
            return LARGEST if self.largest_sent == LARGEST else None
        smallest = min(refused)
        exact = refused[smallest].mtu == smallest - 1 or self.largest_sent == smallest - 1
        return smallest - 1 if exact else None

    def largest(self, ttl: int) -> int:
        """Bytes of the largest packet that is known to come as far as this TTL."""
        return max((passed for at, passed in self._passed.items() if at >= max(ttl, 1)), default=self._proven)

    def smallest_refused(self, ttl: int) -> int:
        """Bytes of the smallest packet that is known not to."""
        known = (
            size
            for refusals in (self._refused, self._vanished)
            for at, sizes in refusals.items()
            if at <= ttl
            for size in sizes
        )
        return min(known, default=LARGEST + 1)

    def limit(self, ttl: int) -> int | None:
        """Bytes of the largest packet that comes as far as this TTL, to the byte; None while not known."""
        refused = self.smallest_refused(ttl)
        return refused - 1 if refused <= self.largest(ttl) + 1 else None

    # What to ask

    def question(self, ttls: Sequence[Ttl]) -> Question | None:
        """What to try next to know the limit of each of these TTLs, ascending; None when all are known.

        The end of the path comes first, then its beginning; between two TTLs of one limit nothing is asked.
        """
        if not ttls:
            return None
        return self._at(ttls[-1]) or self._at(ttls[0]) or self._between(ttls)

    def _between(self, ttls: Sequence[Ttl]) -> Question | None:
        if len(ttls) < 3 or self.limit(ttls[0]) == self.limit(ttls[-1]):
            return None
        middle = len(ttls) // 2
        return self._at(ttls[middle]) or self._between(ttls[: middle + 1]) or self._between(ttls[middle:])

    def _at(self, ttl: Ttl) -> Question | None:
        limit = self.limit(ttl)
        if limit is not None:
            self._hints.add(limit)
            return None
        passes, refused = self.largest(ttl), self.smallest_refused(ttl)
        hinted = [size for size in self._hints if passes < size < refused]
        if hinted:
            return Question(ttl, max(hinted))
        if passes in self._hints or passes in LANDMARKS:
            return Question(ttl, passes + 1)
        known = [size for size in LANDMARKS if passes < size < refused]
        return Question(ttl, known[len(known) // 2] if known else (passes + refused) // 2)

    def unconfirmed(self, ttls: Sequence[Ttl]) -> Question | None:
        """A size that has vanished, but not often enough for a claim."""
        for _, ttl, limit in self._falls(ttls):
            found = self._vanished_at(ttl, limit + 1)
            silent = self._report(ttl, limit) is None and found is not None
            if silent and found is not None and found[1].series < CONFIRMATIONS:
                return Question(Ttl(found[0]), limit + 1)
        return None

    # What was found

    def steps(self, ttls: Sequence[Ttl]) -> list[MtuStep]:
        """Where only smaller packets go on, as far as it is certain."""
        found = []
        for before, ttl, limit in self._falls(ttls):
            report, vanished = self._report(ttl, limit), self._vanished_at(ttl, limit + 1)
            certain = vanished is not None and vanished[1].series >= CONFIRMATIONS
            larger = self.link_mtu if before == HERE else self.limit(before)
            if larger is not None and (report is not None or certain):
                by = None if report is None else report.by
                found.append(MtuStep(ttl=before, until_ttl=ttl, before=larger, mtu=limit, reported_by=by))
        return found

    def _falls(self, ttls: Sequence[Ttl]) -> list[tuple[int, Ttl, int]]:
        """Neighbours of different limits: the nearer TTL, the farther one, and the farther one's limit."""
        limits = [(HERE, self.link_mtu), *((int(ttl), self.limit(ttl)) for ttl in ttls)]
        return [
            (nearer, Ttl(farther), limit)
            for (nearer, larger), (farther, limit) in pairwise(limits)
            if larger is not None and limit is not None and limit < larger
        ]

    def _report(self, ttl: int, limit: int) -> Report | None:
        """Who said that no more than this limit passes: by its number, or about one byte more."""
        told = [
            report
            for at, sizes in self._refused.items()
            if at != HERE
            for size, report in sizes.items()
            if report.mtu == limit or (at <= ttl and size == limit + 1)
        ]
        return told[0] if told else None

    def _vanished_at(self, ttl: int, size: int) -> tuple[int, Vanished] | None:
        """Where packets of this size were seen to vanish, at this TTL or before it."""
        found = [(at, sizes[size]) for at, sizes in self._vanished.items() if at <= ttl and size in sizes]
        return max(found, default=None)

    def black_hole(self, ttls: Sequence[Ttl], *, echo_from: int | None) -> MtuBlackHole | None:
        """The first place where packets vanish. ``echo_from`` is the target's TTL where it echoes probes."""
        for step in self.steps(ttls):
            vanished = self._vanished_at(step.until_ttl, step.mtu + 1)
            if step.reported_by is None and vanished is not None:
                return MtuBlackHole(
                    ttl=step.ttl,
                    passes=step.mtu,
                    vanishes=step.mtu + 1,
                    probes=vanished[1].probes,
                    echoed=step.until_ttl == echo_from,
                )
        return None

    def hops(self, ttls: Sequence[Ttl], target_ttl: int | None) -> tuple[HopMtu, ...]:
        """How large packets may be at each TTL from the first one to the last, silent ones too."""
        found = []
        for nearer, farther in pairwise(ttls):
            limit = self.limit(farther)
            alike = limit == self.limit(nearer)
            if limit is not None:
                reach = range(nearer, farther) if alike else (nearer,)
                found += [HopMtu(ttl=Ttl(ttl), mtu=limit) for ttl in reach]
        if ttls and ttls[-1] == target_ttl and (limit := self.limit(ttls[-1])) is not None:
            found.append(HopMtu(ttl=ttls[-1], mtu=limit))
        return tuple(found)


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """The TTLs that answer well enough to be asked."""

    ttls: tuple[Ttl, ...]
    """Ascending."""
    target_ttl: Ttl | None
    """The last of them, where that is the target."""


def path_mtu(sizes: Sizes, reach: Reach, probes: int, *, settled: bool, echoes: bool) -> PathMtu:
    """All of it, for people. ``echoes``: the target answers with packets as large as the probe."""
    last = reach.ttls[-1] if reach.ttls else None
    return PathMtu(
        mtu=None if last is None else sizes.limit(last),
        ttl=last,
        to_target=last is not None and last == reach.target_ttl,
        link_mtu=sizes.link_mtu,
        lowered_at=tuple(sizes.steps(reach.ttls)),
        black_hole=sizes.black_hole(reach.ttls, echo_from=reach.target_ttl if echoes else None),
        settled=settled,
        probes=probes,
        hops=sizes.hops(reach.ttls, reach.target_ttl),
    )
