"""The evidence of one moment with what is found in it, and the parts all verdicts are made of."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from tracer.model import EndReason, PathEndKind, Ttl
from tracer.stats import wording
from tracer.stats.evidence import Counts, PathEvidence
from tracer.stats.loss import wilson
from tracer.stats.loss_spread import Spread, behind, spread
from tracer.stats.path_changes import PathChange
from tracer.stats.queueing import Bloat, LevelShift, bufferbloat, level_shift
from tracer.stats.rate_limit import RateLimit, rate_limit
from tracer.stats.snapshot import Verdict, VerdictKind

ENOUGH = 10
"""Fewer probes of a hop than this show no cleanliness: the 95 % interval of 0 in 10 goes up to 28 %."""

HARMFUL_PCT = 8.0
"""A target that lost something is called clean once loss of this size can be excluded (95 %)."""

RECENT_ROUNDS = 300
"""A change of the path is the verdict for so long; five minutes at a round a second."""

_NS_PER_MS = 1_000_000
_SEARCH_ENDED = (EndReason.MAX_TTL, EndReason.GAP_LIMIT, EndReason.UNREACHABLE)


class Case:
    """The evidence, and what is found in it; each thing once, when first asked for."""

    def __init__(self, evidence: PathEvidence) -> None:
        self.evidence = evidence
        self.hops = evidence.hops
        self.counts = [hop.counts for hop in evidence.hops]

    @property
    def to_target(self) -> bool:
        """The last hop is the target."""
        return self.evidence.end is PathEndKind.TARGET

    @property
    def target_unsure(self) -> bool:
        """The target lost something, too little for a finding and too much to exclude one."""
        lost, closed = self.counts[-1].lost, self.counts[-1].closed
        interval = wilson(lost, closed) if self.to_target and lost else None
        return interval is not None and interval[1] >= HARMFUL_PCT

    @cached_property
    def spread(self) -> Spread:
        """Where loss begins, and whose answers only are missing."""
        return spread([hop.ttl for hop in self.hops], self.counts, to_target=self.to_target)

    @cached_property
    def bloat(self) -> Bloat | None:
        """Queueing that reaches the target."""
        return bufferbloat(self.hops) if self.to_target else None

    @cached_property
    def level_shift(self) -> LevelShift | None:
        """A lasting change of the round-trip times that reaches the target."""
        return level_shift(self.hops) if self.to_target else None

    @property
    def change(self) -> PathChange | None:
        """The latest change, if it is recent."""
        changes = self.evidence.changes
        recent = changes and self.evidence.round - changes[-1].round < RECENT_ROUNDS
        return changes[-1] if recent else None

    @cached_property
    def not_reached(self) -> bool:
        """The path ends without the target, or the search for its end is over."""
        evidence = self.evidence
        ended = evidence.end in (PathEndKind.GAP, PathEndKind.UNREACHABLE)
        return ended or (evidence.end is PathEndKind.OPEN and evidence.reason in _SEARCH_ENDED)

    @cached_property
    def last_answering(self) -> Ttl | None:
        """The last hop that answers; of old, where none does now."""
        answering = [hop.ttl for hop in self.hops if hop.counts.lost < hop.counts.closed]
        return max(answering or [hop.ttl for hop in self.hops if hop.received], default=None)

    @cached_property
    def partial(self) -> list[int]:
        """Indices of hops that keep some answers to themselves, and give others."""
        own = sorted(self.spread.own)
        return [index for index in own if self.counts[index].lost < self.counts[index].closed]

    @cached_property
    def limits(self) -> dict[int, RateLimit]:
        """The hops of ``partial`` that limit their rate."""
        found = ((index, rate_limit(self.hops[index].fates)) for index in self.partial)
        return {index: limit for index, limit in found if limit is not None}

    def behind(self, index: int) -> tuple[Counts, str]:
        """What the answering hops behind this one lose, and which they are."""
        own = self.spread.own
        ttls = [
            hop.ttl
            for later, hop in enumerate(self.hops)
            if later > index and later not in own and hop.counts.lost < hop.counts.closed
        ]
        return behind(self.counts, own, index), wording.hops(ttls)


def conclude(kind: VerdictKind, sentence: str, **numbers: Any) -> Verdict:
    """Make a verdict of a kind, the sentence that says it, and the numbers behind it."""
    return Verdict(kind=kind, evidence={"sentence": sentence, **numbers})


def loss_numbers(counts: Counts) -> dict[str, Any]:
    """Tell counts as the numbers of an evidence."""
    return {
        "closed": counts.closed,
        "lost": counts.lost,
        "loss_pct": 100 * counts.share if counts.closed else None,
        "loss_ci": wilson(counts.lost, counts.closed),
    }


def in_ms(ns: float | None) -> float | None:
    """Milliseconds, exact to the nanosecond."""
    return None if ns is None else round(ns / _NS_PER_MS, 6)


def answers(counts: Counts) -> str:
    """Say ``answers 62 % of probes``."""
    return f"answers {wording.percent(1 - counts.share)} of probes"
