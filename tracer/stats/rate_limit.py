"""Whether a hop limits the rate of its answers: told only when the sent rate varied and the answered did not.

From a steady stream of probes nobody can tell a limit from losses; then nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tracer.stats.evidence import Counts, Fate
from tracer.stats.loss_spread import SURE, deviations

STRETCH = 12
"""So many probes make one stretch, whose rates are taken."""
VARIED = 1.5
"""The fast stretches must be sent so many times as fast as the slow ones."""
FLAT = 1.25
"""The answered rate may differ by this factor, either way, and still be called flat."""
S_NS = 1_000_000_000


class RateLimit(NamedTuple):
    """Rates in probes or answers per second."""

    slow_sent: float
    slow_answered: float
    fast_sent: float
    fast_answered: float


class _Stretch(NamedTuple):
    span_ns: int
    counts: Counts

    @property
    def sent(self) -> float:
        return self.counts.closed * S_NS / self.span_ns

    @property
    def answered(self) -> float:
        return (self.counts.closed - self.counts.lost) * S_NS / self.span_ns


def rate_limit(fates: Sequence[Fate]) -> RateLimit | None:
    """The limit that these probes of one hop reveal; None where they reveal none.

    Stretches in which everything was answered are left out: there no limit was at work.
    """
    limited = sorted((stretch for stretch in _stretches(fates) if stretch.counts.lost), key=_sent)
    if len(limited) < 2:
        return None
    # The widest step in the sent rate parts the slow from the fast.
    place = max(range(1, len(limited)), key=lambda at: limited[at].sent / limited[at - 1].sent)
    slow, fast = _joined(limited[:place]), _joined(limited[place:])
    varied = fast.sent >= VARIED * slow.sent
    flat = slow.answered / FLAT <= fast.answered <= slow.answered * FLAT
    if not varied or not flat or deviations(fast.counts, slow.counts) < SURE:
        return None
    return RateLimit(slow.sent, slow.answered, fast.sent, fast.answered)


def _stretches(fates: Sequence[Fate]) -> list[_Stretch]:
    """Consecutive probes in the order they were sent; a stretch ends where the next one begins."""
    ordered = sorted(fates)
    starts = range(0, len(ordered) - STRETCH, STRETCH)
    found = []
    for start in starts:
        probes = ordered[start : start + STRETCH]
        span_ns = ordered[start + STRETCH].sent_ns - probes[0].sent_ns
        lost = sum(not probe.answered for probe in probes)
        if span_ns > 0 and _steady(probes):
            found.append(_Stretch(span_ns, Counts(STRETCH, lost)))
    return found


def _steady(probes: Sequence[Fate]) -> bool:
    """The rate did not change within; a stretch of two rates has none."""
    gaps = [after.sent_ns - before.sent_ns for before, after in pairwise(probes)]
    return max(gaps) <= 2 * VARIED * max(min(gaps), 1)


def _joined(stretches: Sequence[_Stretch]) -> _Stretch:
    counts = Counts(0, 0)
    for stretch in stretches:
        counts = counts.plus(stretch.counts)
    return _Stretch(sum(stretch.span_ns for stretch in stretches), counts)


def _sent(stretch: _Stretch) -> float:
    return stretch.sent
