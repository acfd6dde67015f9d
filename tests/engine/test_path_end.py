from __future__ import annotations

import pytest

from tracer.engine.path_end import LOSSES_TO_DOUBT, OPEN, ROUTER_ROUNDS, PathEnd, PathEndBelief
from tracer.model import PathEndKind, RoundId, Ttl

ROUND = RoundId(0)


def target_at(ttl: int) -> PathEnd:
    return PathEnd(Ttl(ttl), PathEndKind.TARGET)


def belief(first: int = 1, gap: int = 3) -> PathEndBelief:
    return PathEndBelief(first, gap)


def hear(path: PathEndBelief, *ttls: int, round_id: int = 0) -> None:
    for ttl in ttls:
        path.router_answered(Ttl(ttl), RoundId(round_id))


def lose(path: PathEndBelief, *ttls: int) -> None:
    for ttl in ttls:
        path.lost(Ttl(ttl))


def test_nothing_is_known_before_an_answer() -> None:
    path = belief()
    assert path.end == OPEN
    assert path.searching
    assert path.gap_end is None


def test_the_targets_answer_is_the_end_and_its_least_ttl_counts() -> None:
    path = belief()
    for ttl in (9, 8, 10):
        path.target_answered(Ttl(ttl), ROUND)
    assert path.end == target_at(8)
    assert not path.searching


def test_a_router_at_or_beyond_the_end_opens_it() -> None:
    for ttl in (8, 9):
        path = belief()
        path.target_answered(Ttl(8), ROUND)
        hear(path, ttl, round_id=1)
        assert path.end == OPEN


def test_a_router_below_the_end_leaves_it() -> None:
    path = belief()
    path.target_answered(Ttl(8), ROUND)
    hear(path, 7)
    assert path.end == target_at(8)


@pytest.mark.parametrize("order", [(8, 6), (6, 8)])
def test_on_branches_of_unequal_length_the_longer_one_is_the_end(order: tuple[int, int]) -> None:
    path = belief()
    hear(path, 7)
    for ttl in order:
        path.target_answered(Ttl(ttl), ROUND)
    assert path.end == target_at(8)


def test_a_router_told_of_last_moves_the_end_to_the_longer_branch() -> None:
    path = belief()
    for ttl in (6, 10, 8, 9):
        path.target_answered(Ttl(ttl), RoundId(1))
    hear(path, 7, round_id=1)
    assert path.end == target_at(8)
    hear(path, 8, round_id=2)
    assert path.end == OPEN


def test_the_end_moves_down_once_the_longer_branch_has_been_silent_for_long_enough() -> None:
    path = belief()
    hear(path, 7)
    path.target_answered(Ttl(8), ROUND)
    ends = []
    for round_id in range(1, ROUTER_ROUNDS + 1):
        path.target_answered(Ttl(6), RoundId(round_id))
        ends.append(path.end)
    assert ends == [target_at(8)] * (ROUTER_ROUNDS - 1) + [target_at(6)]


def test_losing_the_target_is_doubt_and_no_new_end() -> None:
    path = belief(gap=1)
    path.target_answered(Ttl(3), ROUND)
    doubts = []
    for _ in range(LOSSES_TO_DOUBT):
        lose(path, 3)
        doubts.append(path.searching)
    lose(path, 4, 5, 6)
    assert doubts == [False] * (LOSSES_TO_DOUBT - 1) + [True]
    assert path.end == target_at(3)
    path.target_answered(Ttl(3), ROUND)
    assert not path.searching


def test_a_run_of_silent_ttls_beyond_the_last_answer_is_a_gap() -> None:
    path = belief(gap=3)
    hear(path, 1, 2)
    lose(path, 3, 5)
    assert path.end == OPEN
    lose(path, 4)
    assert path.end == PathEnd(Ttl(5), PathEndKind.GAP)
    assert path.gap_end == 5


def test_a_gap_counts_from_the_first_ttl_where_nothing_ever_answers() -> None:
    path = belief(first=5, gap=3)
    lose(path, 5, 6, 7)
    assert path.end == PathEnd(Ttl(7), PathEndKind.GAP)


def test_one_loss_of_a_ttl_that_answers_is_no_gap() -> None:
    path = belief(gap=1)
    hear(path, 1, 2)
    lose(path, 2)
    assert path.last_answering == 2
    assert path.end == OPEN
    lose(path, 2)
    assert path.last_answering == 1
    assert path.end == PathEnd(Ttl(2), PathEndKind.GAP)


@pytest.mark.parametrize("ttl", [4, 6, 9])
def test_an_answer_in_or_beyond_the_gap_opens_it(ttl: int) -> None:
    path = belief(gap=3)
    hear(path, 1, 2, 3)
    lose(path, 4, 5, 6)
    assert path.end.kind is PathEndKind.GAP
    hear(path, ttl)
    assert path.end == OPEN


def test_an_answer_before_the_gap_leaves_it() -> None:
    path = belief(gap=3)
    hear(path, 1, 2, 3)
    lose(path, 4, 5, 6)
    hear(path, 2, 3)
    assert path.end == PathEnd(Ttl(6), PathEndKind.GAP)


def test_the_target_ends_the_search_where_a_gap_was() -> None:
    path = belief(gap=2)
    lose(path, 1, 2)
    path.target_answered(Ttl(2), ROUND)
    assert path.end == target_at(2)


def test_a_refusal_ends_the_path_at_the_lowest_router_that_says_so() -> None:
    path = belief()
    for ttl in (6, 5, 7):
        path.refused(Ttl(ttl))
    assert path.end == PathEnd(Ttl(5), PathEndKind.UNREACHABLE)


def test_a_refusal_before_the_target_does_not_outweigh_its_answer() -> None:
    path = belief()
    path.target_answered(Ttl(8), ROUND)
    path.refused(Ttl(5))
    assert path.end == target_at(8)
    path.refused(Ttl(8))
    assert path.end == PathEnd(Ttl(8), PathEndKind.UNREACHABLE)


def test_the_targets_answer_outweighs_a_refusal() -> None:
    path = belief()
    path.refused(Ttl(5))
    path.target_answered(Ttl(8), ROUND)
    assert path.end == target_at(8)
