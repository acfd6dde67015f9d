"""Where the path ends, as far as the answers tell.

The belief moves only on evidence: the target's own answer, a router's answer where the end was thought to be,
a router saying that the target cannot be reached, or a run of silent TTLs. Losing the target is no evidence
of a new end, only a reason to look further (``searching``).
"""

from __future__ import annotations

from itertools import takewhile
from typing import NamedTuple

from tracer.model import PathEndKind, RoundId, Ttl

LOSSES_TO_DOUBT = 2
"""Losses in a row after which a TTL no longer counts as answering. One loss is common on a lossy path; with
two, a path of 20 % loss is searched beyond its end in 4 % of rounds."""

ROUTER_ROUNDS = 3
"""For so many rounds after a router answered at a TTL, an answer of the target at or below it does not move
the end down: on branches of unequal length both are true, and the longer one ends the path."""


class PathEnd(NamedTuple):
    """The last TTL of the path, and what is there."""

    ttl: Ttl | None
    kind: PathEndKind


OPEN = PathEnd(None, PathEndKind.OPEN)
_GAP = PathEndKind.GAP


class PathEndBelief:
    """Follows the answers and losses of one trace."""

    def __init__(self, first_ttl: int, gap_limit: int) -> None:
        self.end = OPEN
        self.version = 0
        """Grows with everything that is learned."""
        self._before_first = first_ttl - 1
        self._gap_limit = gap_limit
        self._losses_since_answer: dict[int, int] = {}
        self._silent: set[int] = set()
        self._router_round: dict[int, RoundId] = {}
        self._target_round: dict[int, RoundId] = {}

    @property
    def searching(self) -> bool:
        """The end is not known, or does not answer any more: TTLs beyond it are of interest."""
        end_ttl = self.end.ttl
        return end_ttl is None or self._losses_since_answer.get(end_ttl, 0) >= LOSSES_TO_DOUBT

    @property
    def last_answering(self) -> int:
        """The highest TTL that answers; one less than the first TTL when none does."""
        answering = (ttl for ttl, losses in self._losses_since_answer.items() if losses < LOSSES_TO_DOUBT)
        return max(answering, default=self._before_first)

    @property
    def gap_end(self) -> int | None:
        """The last TTL worth probing, as everything beyond the last answer is silent; None if it is not."""
        start = self.last_answering + 1
        silent = self.silent_after(start - 1) == self._gap_limit
        return start - 1 + self._gap_limit if silent else None

    def silent_after(self, ttl: int) -> int:
        """How many TTLs right behind this one did not answer their latest probe, a gap limit at the most."""
        run = range(ttl + 1, ttl + 1 + self._gap_limit)
        return sum(1 for _ in takewhile(self._is_silent, run))

    def _is_silent(self, ttl: int) -> bool:
        return ttl in self._silent or self._losses_since_answer.get(ttl, 0) > 0

    def target_answered(self, ttl: Ttl, round_id: RoundId) -> None:
        """The target itself answered a probe of this TTL."""
        self._heard(ttl)
        self._target_round[ttl] = round_id
        doubtful = any(
            at >= ttl and round_id - seen < ROUTER_ROUNDS for at, seen in self._router_round.items()
        )
        higher = self.end.kind is PathEndKind.TARGET and self.end.ttl is not None and ttl >= self.end.ttl
        if not doubtful and not higher:
            self.end = PathEnd(ttl, PathEndKind.TARGET)

    def router_answered(self, ttl: Ttl, round_id: RoundId) -> None:
        """A router dropped a probe of this TTL because its time was exceeded: the path goes on behind it.

        It ends where the target has answered farther on since that round began, on a longer branch; else the
        end is not known.
        """
        self._heard(ttl)
        self._router_round[ttl] = round_id
        end_ttl = self.end.ttl
        if end_ttl is not None and ttl >= end_ttl:
            behind = [at for at, seen in self._target_round.items() if at > ttl and seen >= round_id]
            self.end = PathEnd(Ttl(min(behind)), PathEndKind.TARGET) if behind else OPEN

    def refused(self, ttl: Ttl) -> None:
        """A router says that it cannot deliver the probe: the path ends there unless the target answered."""
        self._heard(ttl)
        end = self.end
        if end.ttl is None or (end.kind is PathEndKind.TARGET) == (ttl >= end.ttl):
            self.end = PathEnd(ttl, PathEndKind.UNREACHABLE)

    def lost(self, ttl: Ttl) -> None:
        """A probe of this TTL was lost."""
        self.version += 1
        if ttl in self._losses_since_answer:
            self._losses_since_answer[ttl] += 1
        else:
            self._silent.add(ttl)
        gap_end = self.gap_end if self.end.kind in (PathEndKind.OPEN, PathEndKind.GAP) else None
        if gap_end is not None:
            self.end = PathEnd(Ttl(gap_end), PathEndKind.GAP)

    def _heard(self, ttl: Ttl) -> None:
        self.version += 1
        self._losses_since_answer[ttl] = 0
        self._silent.discard(ttl)
        beyond_gap = self.end.kind is _GAP and self.gap_end != self.end.ttl
        if beyond_gap:
            self.end = OPEN
