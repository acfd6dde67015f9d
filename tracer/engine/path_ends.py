"""Where the path of a trace ends whose flows may end at different places.

The path ends where the target answers; of several such TTLs the farthest counts, so that no hop of any flow
is left out. While no flow has found the target, the path is open as long as one of them is; else it ends at
the farthest refusal, or at the farthest silence if there is none.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracer.engine.path_end import OPEN, PathEnd, PathEndBelief
from tracer.model import PathEndKind

_RANKS = (PathEndKind.TARGET, PathEndKind.OPEN, PathEndKind.UNREACHABLE, PathEndKind.GAP)
"""What decides over the others where flows disagree."""


class PathEnds:
    """Sums up what each flow believes; ``learned`` is to be called when one of them has learned something."""

    def __init__(self, beliefs: Sequence[PathEndBelief]) -> None:
        self._beliefs = beliefs
        self.end = OPEN
        """Where the path of the trace ends."""
        self._farthest: tuple[tuple[int, PathEndBelief | None], ...] = ()
        self._known: dict[PathEndBelief, tuple[PathEnd, bool]] = {}

    def learned(self, belief: PathEndBelief) -> PathEnd:
        """Sum up anew where this one has changed its mind, as few answers make it; returns the path's end."""
        known = (belief.end, belief.searching)
        if self._known.get(belief) != known:
            self._known[belief] = known
            self._sum_up()
        return self.end

    def _sum_up(self) -> None:
        ends = [belief.end for belief in self._beliefs]
        kind = min((end.kind for end in ends), key=_RANKS.index)
        self.end = max((end for end in ends if end.kind is kind), key=lambda end: end.ttl or 0)
        certain = [
            (belief.end.ttl, belief)
            for belief in self._beliefs
            if belief.end.kind is PathEndKind.TARGET and belief.end.ttl is not None and not belief.searching
        ]
        self._farthest = tuple(sorted(certain, key=lambda one: -one[0])[:2])

    def elsewhere(self, belief: PathEndBelief) -> int | None:
        """The farthest TTL at which another flow has the target for certain; None while none has."""
        for ttl, other in self._farthest:
            if other is not belief:
                return ttl
        return None
