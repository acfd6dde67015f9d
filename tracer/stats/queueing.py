"""Bufferbloat: round-trip times that rise far above their floor at a hop and at everything behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tracer.model import Ttl
from tracer.stats.evidence import HopEvidence
from tracer.stats.level_shift import Rise, Shift, excess_ns, rise, shift

MIN_BLOCKS = 4
"""Fewer blocks of rounds show no floor."""
RAISED_BLOCKS = 2
RAISED_SHARE = 0.1
"""So many blocks, and such a part of all, must be raised: less is a moment, not a state."""
SAME = 0.5
"""A hop takes part in the rise, or in a shift, if its own is at least this part of the target's."""


class Bloat(NamedTuple):
    """Where the rise begins, and how it looks at the target."""

    ttl: Ttl
    rise: Rise


class LevelShift(NamedTuple):
    """From which hop on the level has moved for good, and how far at the target."""

    ttl: Ttl
    shift: Shift


def bufferbloat(hops: Sequence[HopEvidence]) -> Bloat | None:
    """Find the first hop from which on everything that answers rises together, up to the last hop."""
    if not hops or len(hops[-1].levels) < MIN_BLOCKS:
        return None
    found = rise(hops[-1].levels)
    if found is None or not found.moves:
        return None
    if len(found.blocks) < RAISED_BLOCKS or found.share < RAISED_SHARE:
        return None
    wanted_ns = SAME * (found.raised_ns - found.floor_ns)
    taking_part = [
        (hop.ttl, excess)
        for hop in hops
        if (excess := excess_ns(hop.levels, found.blocks)) is not None and len(hop.levels) >= MIN_BLOCKS
    ]
    ttl = _first_of_all([(ttl, excess >= wanted_ns) for ttl, excess in taking_part])
    return None if ttl is None else Bloat(ttl, found)


def level_shift(hops: Sequence[HopEvidence]) -> LevelShift | None:
    """Find the first hop from which on the level moved for good and alike, up to the last hop."""
    found = shift(hops[-1].levels) if hops else None
    if found is None:
        return None
    moved_ns = found.after_ns - found.before_ns
    moves = [(hop.ttl, shift(hop.levels)) for hop in hops if len(hop.levels) >= MIN_BLOCKS]
    ttl = _first_of_all([(ttl, one is not None and _alike(one, moved_ns)) for ttl, one in moves])
    return None if ttl is None else LevelShift(ttl, found)


def _alike(one: Shift, moved_ns: float) -> bool:
    return (one.after_ns - one.before_ns) / moved_ns >= SAME


def _first_of_all(hops: Sequence[tuple[Ttl, bool]]) -> Ttl | None:
    """The first of the unbroken run of true ones that ends the list."""
    first = None
    for ttl, takes_part in reversed(hops):
        if not takes_part:
            break
        first = ttl
    return first
