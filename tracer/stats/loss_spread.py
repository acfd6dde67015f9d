"""Where loss begins, and which loss is only that of a hop's own answers.

What a hop loses of its answers is either lost on the way, and then everything behind it loses as much, or
it is its own: the router limits its answers, or they alone come back another way. A hop that loses clearly
more than what stands behind it keeps answers to itself. Of the others, one place is sought that parts the
path into a front with little loss and a rest with more.

All tests are likelihood ratios of binomial counts (G-tests); none knows in which direction a packet was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import log, sqrt
from typing import NamedTuple

from tracer.model import Ttl
from tracer.stats.evidence import Counts

BACKGROUND = 0.003
"""Loss that every long path has now and then; only what stands out against it is a finding."""
NOTABLE = 0.01
"""Smaller loss is reported in the numbers, never as a finding."""
LIKELY = 2.33
"""Deviations at which chance explains one case in a hundred."""
LIKELIER = 2.7
"""Asked of several hops together: there is more to see, and there are more places to be fooled at."""
SURE = 3.5
"""Deviations at which chance explains one case in four thousand: every hop of a path is put to this test."""

SPLIT_GAIN = 3.5
"""By so much must the log-likelihood rise for the path to be parted at all: half the chi-square value that
the best of a dozen places exceeds by chance in about one case in ten."""
CREDIBLE = 2.0
"""Places within so much of the best log-likelihood may be the true one (95 %)."""


class Begin(NamedTuple):
    """Loss that goes on to the end of the path, and where it begins."""

    ttl: Ttl
    """Most likely here, or on the link before it."""
    earliest_ttl: Ttl
    latest_ttl: Ttl
    counts: Counts
    """Of the target, and of the hops from ``ttl`` on where they lose as much as it does."""
    hops: int
    """How many hops are counted together."""

    @property
    def place(self) -> str:
        """``hop 3``, ``hop 3 or 4``, ``one of hops 3-6``: no surer than the losses are."""
        first, last = self.earliest_ttl, self.latest_ttl
        if first == last:
            return f"hop {first}"
        return f"hop {first} or {last}" if last == first + 1 else f"one of hops {first}-{last}"


class Spread(NamedTuple):
    """The reading of all losses of a path."""

    own: frozenset[int]
    """Indices of the hops that keep answers to themselves."""
    begin: Begin | None
    """Loss that begins somewhere and goes on to the end; None where there is none."""
    reaches: bool
    """The target itself has lost some of it, so that it is loss that reaches the target."""


def deviations(one: Counts, other: Counts) -> float:
    """How clearly the first loses more than the second, in standard deviations; 0 where it does not.

    The signed root of the G statistic of the 2 x 2 table (Sokal and Rohlf, Biometry, chapter 17).
    """
    if not one.closed or not other.closed or one.share <= other.share:
        return 0.0
    return sqrt(max(2 * (_fit(one) + _fit(other) - _fit(one.plus(other))), 0.0))


def stands_out(counts: Counts) -> float:
    """How clearly these losses exceed the background, in standard deviations; 0 where they do not."""
    if counts.share <= BACKGROUND:
        return 0.0
    background = counts.lost * log(BACKGROUND) + (counts.closed - counts.lost) * log(1 - BACKGROUND)
    return sqrt(max(2 * (_fit(counts) - background), 0.0))


def spread(ttls: Sequence[Ttl], counts: Sequence[Counts], *, to_target: bool) -> Spread:
    """Read the losses of the hops in order; the last one is the target's if ``to_target``."""
    own = _own(counts)
    begin = _begin(ttls, counts, own) if to_target else None
    return Spread(own, begin, begin is not None and counts[-1].lost > 0)


def behind(counts: Sequence[Counts], own: frozenset[int], index: int) -> Counts:
    """What the hops behind this one lose that keep nothing to themselves, and answer."""
    pooled = Counts(0, 0)
    for later in range(index + 1, len(counts)):
        if later not in own and counts[later].lost < counts[later].closed:
            pooled = pooled.plus(counts[later])
    return pooled


def _fit(counts: Counts) -> float:
    """Log-likelihood of the counts at their own share of loss."""
    answered = counts.closed - counts.lost
    if not counts.lost or not answered:
        return 0.0
    return counts.lost * log(counts.lost / counts.closed) + answered * log(answered / counts.closed)


def _own(counts: Sequence[Counts]) -> frozenset[int]:
    """Hops that lose clearly more than the next so many behind them, however many that are."""
    own: set[int] = set()
    for index in reversed(range(len(counts) - 1)):
        closed, lost = counts[index]
        closed_behind = lost_behind = 0
        for later in range(index + 1, len(counts) if lost else 0):
            if later in own:
                continue
            closed_behind += counts[later].closed
            lost_behind += counts[later].lost
            more = lost * closed_behind > lost_behind * closed
            if more and deviations(counts[index], Counts(closed_behind, lost_behind)) >= SURE:
                own.add(index)
                break
    return frozenset(own)


def _begin(ttls: Sequence[Ttl], counts: Sequence[Counts], own: frozenset[int]) -> Begin | None:
    telling = [index for index, count in enumerate(counts) if count.closed and index not in own]
    target = len(counts) - 1
    if target not in telling:
        return None
    sums = list(accumulate((counts[index] for index in telling), Counts.plus))
    rests = [sums[-1], *(_minus(sums[-1], front) for front in sums[:-1])]
    scores = [
        score if _is_loss(rest, alone=rest is rests[-1]) else float("-inf")
        for score, rest in zip(_scores(sums, rests), rests, strict=True)
    ]
    best = max(range(len(scores)), key=scores.__getitem__)
    if scores[best] == float("-inf"):
        return None
    credible = [place for place, score in enumerate(scores) if score >= scores[best] - CREDIBLE]
    # Of places that are as good, the one named is a hop that lost something itself.
    showing = (place for place in credible if place >= best and counts[telling[place]].lost)
    begin = next(showing, best)
    rest = rests[begin]
    earliest = telling[credible[0] - 1] + 1 if credible[0] else 0
    alike = deviations(rest, counts[target]) < 2 and deviations(counts[target], rest) < 2
    return Begin(
        ttl=ttls[telling[begin]],
        earliest_ttl=ttls[earliest],
        latest_ttl=ttls[telling[credible[-1]]],
        counts=rest if alike else counts[target],
        hops=len(telling) - begin if alike else 1,
    )


def _is_loss(rest: Counts, *, alone: bool) -> bool:
    return rest.share >= NOTABLE and stands_out(rest) >= (LIKELY if alone else LIKELIER)


def _scores(sums: Sequence[Counts], rests: Sequence[Counts]) -> list[float]:
    """Log-likelihood of loss beginning at each place; the first is no split at all, with its bonus."""
    scores = [_fit(sums[-1]) + SPLIT_GAIN]
    for front, rest in zip(sums, rests[1:], strict=False):
        scores.append(_fit(front) + _fit(rest) if rest.share > front.share else float("-inf"))
    return scores


def _minus(whole: Counts, part: Counts) -> Counts:
    return Counts(whole.closed - part.closed, whole.lost - part.lost)
