from __future__ import annotations

import pytest

from tracer.engine.path_end import OPEN, PathEnd, PathEndBelief
from tracer.engine.path_ends import PathEnds
from tracer.model import PathEndKind, RoundId, Ttl

ROUND = RoundId(0)
TARGET, UNREACHABLE, GAP = PathEndKind.TARGET, PathEndKind.UNREACHABLE, PathEndKind.GAP


def summed_up(*ends: tuple[int | None, PathEndKind]) -> PathEnd:
    """What is made of these beliefs, told one after the other."""
    beliefs = []
    for ttl, kind in ends:
        belief = PathEndBelief(first_ttl=1, gap_limit=10)
        belief.end = PathEnd(None if ttl is None else Ttl(ttl), kind)
        beliefs.append(belief)
    summary = PathEnds(beliefs)
    for belief in beliefs:
        summary.learned(belief)
    return summary.end


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([(7, TARGET)], PathEnd(Ttl(7), TARGET)),
        ([OPEN], OPEN),
        ([(7, TARGET), (9, TARGET), (8, TARGET)], PathEnd(Ttl(9), TARGET)),
        ([(7, TARGET), OPEN, (20, GAP)], PathEnd(Ttl(7), TARGET)),
        ([OPEN, (5, UNREACHABLE)], OPEN),
        ([(20, GAP), (5, UNREACHABLE), (6, UNREACHABLE)], PathEnd(Ttl(6), UNREACHABLE)),
        ([(20, GAP), (18, GAP)], PathEnd(Ttl(20), GAP)),
    ],
)
def test_the_farthest_target_counts_and_what_is_open_before_what_is_refused(
    ends: list[tuple[int | None, PathEndKind]], expected: PathEnd
) -> None:
    assert summed_up(*ends) == expected


def test_where_others_have_the_target_is_told_without_ones_own_knowledge() -> None:
    beliefs = [PathEndBelief(1, 10) for _ in range(3)]
    ends = PathEnds(beliefs)
    assert [ends.elsewhere(belief) for belief in beliefs] == [None] * 3
    beliefs[0].target_answered(Ttl(9), ROUND)
    ends.learned(beliefs[0])
    beliefs[1].target_answered(Ttl(7), ROUND)
    ends.learned(beliefs[1])
    assert [ends.elsewhere(belief) for belief in beliefs] == [7, 9, 9]


def test_a_target_that_does_not_answer_any_more_is_no_certainty_for_others() -> None:
    beliefs = [PathEndBelief(1, 10) for _ in range(2)]
    ends = PathEnds(beliefs)
    beliefs[0].target_answered(Ttl(9), ROUND)
    ends.learned(beliefs[0])
    assert ends.elsewhere(beliefs[1]) == 9
    for _ in range(2):
        beliefs[0].lost(Ttl(9))
        ends.learned(beliefs[0])
    assert ends.elsewhere(beliefs[1]) is None
    assert ends.end == PathEnd(Ttl(9), TARGET)
