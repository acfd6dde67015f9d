"""The level of round-trip times, and when it moves: medians of short blocks of rounds.

A block is five consecutive rounds; its level is their median, so that two wild samples of five do not move
it. Blocks are kept for a bounded time. What is "much" is measured against the jitter inside the blocks (the
median absolute deviation, MAD) and against fixed amounts that people notice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from tracer.model import RoundId

ROUNDS_IN_BLOCK = 5
MIN_SAMPLES = 3
"""A block with fewer has no level."""
MAX_BLOCKS = 52
"""As many rounds as a hop is judged by."""

NORMAL = 1.4826
"""MAD times this is the standard deviation of normally distributed samples."""

RISE_NS = 30_000_000
"""A level this far above the floor, and by half the floor, and by ``RISE_NOISE`` deviations, is raised."""
RISE_OF_FLOOR = 0.5
RISE_NOISE = 3.0

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
    mad_ns: float
    """The median absolute deviation from it."""


class Shift(NamedTuple):
    """From one level to another, and staying there."""

    round: RoundId
    """The first round of the new level, to within a block."""
    before_ns: float
    after_ns: float


class Rise(NamedTuple):
    """Blocks whose level stands far above the floor."""

    blocks: frozenset[int]
    floor_ns: float
    raised_ns: float
    """Median level of the raised blocks."""
    share: float
    """Raised part of all blocks, 0..1."""
    moves: bool
    """The level came down again, or wanders while it is up: a step that stays is no queue."""


class Levels:
    """Makes blocks of the round-trip times of one TTL as they come in."""

    __slots__ = ("_block", "_levels", "_samples", "_typical_ns")

    def __init__(self) -> None:
        self._levels: deque[Level] = deque(maxlen=MAX_BLOCKS)
        self.restart()

    def restart(self) -> None:
        """The path has changed: begin anew."""
        self._levels.clear()
        self._block = -1
        self._samples: list[int] = []
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
            self._levels.append(_level(self._block, self._samples))
            self._typical_ns = median(level.rtt_ns for level in self._levels)
        self._samples = []

    @property
    def typical_ns(self) -> float | None:
        """Median of the levels; before the first block is over, that of its samples; None without any."""
        if self._typical_ns is None and self._samples:
            return median(self._samples)
        return self._typical_ns

    def snapshot(self) -> tuple[Level, ...]:
        """The closed blocks, oldest first."""
        return tuple(self._levels)


def _level(block: int, samples: Sequence[int]) -> Level:
    middle = median(samples)
    return Level(block, middle, median(abs(sample - middle) for sample in samples))


def rise(levels: Sequence[Level]) -> Rise | None:
    """The blocks that stand far above the lowest one; None where there are none."""
    if not levels:
        return None
    floor_ns = min(level.rtt_ns for level in levels)
    noise_ns = NORMAL * median(level.mad_ns for level in levels)
    limit_ns = floor_ns + max(RISE_NS, RISE_OF_FLOOR * floor_ns, RISE_NOISE * noise_ns)
    raised = [level for level in levels if level.rtt_ns > limit_ns]
    if not raised:
        return None
    raised_ns = median(level.rtt_ns for level in raised)
    spread_ns = max(level.rtt_ns for level in raised) - min(level.rtt_ns for level in raised)
    came_down = any(level.rtt_ns <= limit_ns and level.block > raised[0].block for level in levels)
    return Rise(
        blocks=frozenset(level.block for level in raised),
        floor_ns=floor_ns,
        raised_ns=raised_ns,
        share=len(raised) / len(levels),
        moves=came_down or spread_ns > (raised_ns - floor_ns) / 4,
    )


def excess_ns(levels: Sequence[Level], blocks: frozenset[int]) -> float | None:
    """How far the level of these blocks stands above the lowest of all; None without any of them."""
    there = [level.rtt_ns for level in levels if level.block in blocks]
    return median(there) - min(level.rtt_ns for level in levels) if there else None


def shift(levels: Sequence[Level]) -> Shift | None:
    """The greatest lasting change of level; None where there is none.

    Every place between two blocks is tried; the two sides are compared by their medians, and each must be
    steady: the deviations are those of the blocks from the median of their side.
    """
    best: tuple[float, Shift] | None = None
    values = [level.rtt_ns for level in levels]
    for place in range(SHIFT_BLOCKS, len(values) - SHIFT_BLOCKS + 1):
        before_ns, after_ns = median(values[:place]), median(values[place:])
        off = [abs(value - before_ns) for value in values[:place]]
        off += [abs(value - after_ns) for value in values[place:]]
        noise_ns = NORMAL * max(median(off), median(level.mad_ns for level in levels) / 2)
        moved_ns = abs(after_ns - before_ns)
        limit_ns = max(SHIFT_NS, SHIFT_OF_LEVEL * before_ns, SHIFT_NOISE * noise_ns)
        misfit = sum(off)
        if moved_ns > limit_ns and (best is None or misfit < best[0]):
            first = RoundId(levels[place].block * ROUNDS_IN_BLOCK)
            best = (misfit, Shift(first, before_ns, after_ns))
    return None if best is None else best[1]
