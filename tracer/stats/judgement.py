"""What the numbers of a trace mean: one verdict per hop and one for the path. docs/judgement.md tells why.

Pure: evidence in, verdicts out. Nothing is claimed that one end of a path cannot know: above all not in
which direction a packet was lost or delayed.
"""

from __future__ import annotations

from typing import NamedTuple

from tracer.stats.case import Case
from tracer.stats.evidence import PathEvidence
from tracer.stats.hop_rules import judge_hop
from tracer.stats.path_rules import judge_path
from tracer.stats.snapshot import Verdict


class Judgement(NamedTuple):
    """The verdicts of one moment."""

    path: Verdict | None
    """None while no probe has been sent or tried."""
    hops: tuple[Verdict, ...]


def judge(evidence: PathEvidence) -> Judgement:
    """Return the verdict of the path, and that of each hop in order."""
    if not evidence.hops:
        return Judgement(None, ())
    case = Case(evidence)
    hops = tuple(judge_hop(case, index) for index in range(len(evidence.hops)))
    return Judgement(judge_path(case), hops)
