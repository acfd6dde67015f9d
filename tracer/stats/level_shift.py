"""The level of round-trip times, and when it moves: medians of short blocks of rounds.

A block is five consecutive rounds; its level is their median, so that two wild samples of five do not move
it. Blocks are kept for a bounded time. What is "much" is measured against the jitter inside the blocks and
against fixed amounts that people notice. Jitter is the median absolute second difference: like the median
absolute deviation (MAD) it shrugs off wild samples, and unlike it a queue that fills steadily is no jitter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from tracer.model import RoundId
from tracer.stats.quantiles import median

ROUNDS_IN_BLOCK = 5
MIN_SAMPLES = 3
"""A block with fewer has no level."""
MAX_BLOCKS = 52
"""As many rounds as a hop is judged by."""

MEMORY = 512
"""Blocks close every few rounds, judgements are asked for ten times a second: so many answers are kept."""

SECOND_DIFFERENCE = 0.6745 * 6**0.5
"""Median absolute second difference of independent normal samples, in their standard deviations."""
MAD = 0.6745
"""Their median absolute deviation, in the same unit."""

RISE_NS = 30_000_000
"""A level this far above the lowest one, and by half of that, and by ``RISE_NOISE`` deviations, is raised."""
RISE_OF_LOW = 0.5
RISE_NOISE = 4.0

SHIFT_NS = 2_000_000
"""A level moved for good when it differs by this, and by a tenth, and by ``SHIFT_NOISE`` deviations."""
SHIFT_OF_LEVEL = 0.1
SHIFT_NOISE = 5.0
SHIFT_BLOCKS = 2
"""So many blocks must stand on either side of a shift."""


class Level(NamedTuple):
    """One block of rounds."""

    block: int
    """Its rounds are ``ROUNDS_IN_BLOCK`` times this and the following ones."""
    rtt_ns: float
    """The median."""
    least_ns: float
    noise_ns: float
    """Standard deviation around a steady or steadily moving level, robust."""


class Shift(NamedTuple):
    """From one level to another, and staying there."""

    round: RoundId
    """The first round of the new level, to within a block."""
    before_ns: float
    after_ns: float


class Rise(NamedTuple):
    """Blocks whose level stands far above the lowest one."""

    blocks: frozenset[int]
    floor_ns: float
    """The least sample."""
    raised_ns: float
    """Median level of the raised blocks."""
    share: float
    """Raised part of all blocks, 0..1."""
    run: int
    """Length of the longest unbroken run of raised blocks."""
    moves: bool
    """The level came down again, or wanders while it is up: a step that stays is no queue."""


class Levels:
    """Makes blocks of the round-trip times of one TTL as they come in; their medians when asked."""

    __slots__ = ("_block", "_fresh", "_levels", "_samples", "_typical_ns")

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """The path has changed: begin anew."""
        self._block = -1
        self._samples: list[int] = []
        self._fresh: deque[tuple[int, list[int]]] = deque(maxlen=MAX_BLOCKS)
        self._levels: tuple[Level, ...] = ()
        self._typical_ns: float | None = None

    def add(self, round_id: RoundId, rtt_ns: int) -> None:
        """Enter a sample; one of a block already closed comes too late."""
        block = round_id // ROUNDS_IN_BLOCK
        if block > self._block:
            self._close()
            self._block = block
        if block == self._block:
            self._samples.append(rtt_ns)

    def _close(self) -> None:
        if len(self._samples) >= MIN_SAMPLES:
            self._fresh.append((self._block, self._samples))
        self._samples = []

    @property
    def typical_ns(self) -> float | None:
        """Median of the levels; before the first block is over, that of its samples; None without any."""
        self.snapshot()
        if self._typical_ns is None and self._samples:
            return median(self._samples)
        return self._typical_ns

    def snapshot(self) -> tuple[Level, ...]:
        """The closed blocks, oldest first; the same object until another one closes."""
        if self._fresh:
            levels = (*self._levels, *(_level(block, samples) for block, samples in self._fresh))
            self._fresh.clear()
            self._levels = levels[-MAX_BLOCKS:]
            self._typical_ns = median(level.rtt_ns for level in self._levels)
        return self._levels


def _level(block: int, samples: Sequence[int]) -> Level:
    bends = [
        abs(one - 2 * two + three)
        for one, two, three in zip(samples[:-2], samples[1:-1], samples[2:], strict=True)
    ]
    return Level(block, median(samples), min(samples), median(bends) / SECOND_DIFFERENCE)


@lru_cache(MEMORY)
def rise(levels: tuple[Level, ...]) -> Rise | None:
    """The blocks that stand far above the lowest one; None where there are none."""
    if not levels:
        return None
    low_ns = min(level.rtt_ns for level in levels)
    noise_ns = median(level.noise_ns for level in levels)
    limit_ns = low_ns + max(RISE_NS, RISE_OF_LOW * low_ns, RISE_NOISE * noise_ns)
    raised = [level for level in levels if level.rtt_ns > limit_ns]
    if not raised:
        return None
    raised_ns = median(level.rtt_ns for level in raised)
    spread_ns = max(level.rtt_ns for level in raised) - min(level.rtt_ns for level in raised)
    half_ns = (low_ns + raised_ns) / 2
    came_down = any(level.rtt_ns < half_ns and level.block > raised[0].block for level in levels)
    runs = (len(list(run)) for up, run in groupby(level.rtt_ns > limit_ns for level in levels) if up)
    return Rise(
        blocks=frozenset(level.block for level in raised),
        floor_ns=min(level.least_ns for level in levels),
        raised_ns=raised_ns,
        share=len(raised) / len(levels),
        run=max(runs),
        moves=came_down or spread_ns > (raised_ns - low_ns) / 4,
    )


def excess_ns(levels: Sequence[Level], blocks: frozenset[int]) -> float | None:
    """How far the level of these blocks stands above the lowest of all; None without any of them."""
    there = [level.rtt_ns for level in levels if level.block in blocks]
    return median(there) - min(level.rtt_ns for level in levels) if there else None


@lru_cache(MEMORY)
def shift(levels: tuple[Level, ...]) -> Shift | None:
    """The greatest lasting change of level; None where there is none.

    Every place between two blocks is tried; the two sides are compared by their medians, and each must be
    steady: the deviations are those of the blocks from the median of their side.
    """
    best: tuple[float, Shift] | None = None
    values = [level.rtt_ns for level in levels]
    # The median of a block of n wanders by 1.25 / sqrt(n) of what its samples do.
    inner_ns = median(level.noise_ns for level in levels) / 2 if levels else 0.0
    if not values or max(values) - min(values) <= max(SHIFT_NS, SHIFT_NOISE * inner_ns):
        return None
    for place in range(SHIFT_BLOCKS, len(values) - SHIFT_BLOCKS + 1):
        before_ns, after_ns = median(values[:place]), median(values[place:])
        off = [abs(value - before_ns) for value in values[:place]]
        off += [abs(value - after_ns) for value in values[place:]]
        noise_ns = max(median(off) / MAD, inner_ns)
        moved_ns = abs(after_ns - before_ns)
        limit_ns = max(SHIFT_NS, SHIFT_OF_LEVEL * before_ns, SHIFT_NOISE * noise_ns)
        misfit = sum(off)
        if moved_ns > limit_ns and (best is None or misfit < best[0]):
            first = RoundId(levels[place].block * ROUNDS_IN_BLOCK)
            best = (misfit, Shift(first, before_ns, after_ns))
    return None if best is None else best[1]
