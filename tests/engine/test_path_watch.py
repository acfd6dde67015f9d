"""When a path has changed, and when it has not: lost answers, load balancing, uneven branches."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import pytest

from tracer.engine.path_end import PathEnd
from tracer.engine.path_watch import MAX_MEMBERS, PathChange, PathWatch
from tracer.model import Address, PathEndKind, Ttl

Round = Sequence[str | None]
"""Who answers at each TTL; the last one is the target. None: nobody did."""


def watched(rounds: Iterable[Round], watch: PathWatch | None = None) -> list[tuple[int, PathChange]]:
    """The changes, each with the index of its round."""
    watch, found = watch or PathWatch(), []
    for index, responders in enumerate(rounds):
        for ttl, responder in enumerate(responders, start=1):
            if responder is not None:
                watch.answered(Ttl(ttl), Address(responder))
        change = watch.round_over(PathEnd(Ttl(len(responders)), PathEndKind.TARGET))
        if change is not None:
            found.append((index, change))
    return found


def balanced(width: int, dice: random.Random, loss: float = 0.1) -> Round:
    """Four hops of so many routers each, every packet by its own dice; then two plain ones and the target."""
    routers = [f"{ttl}-{dice.randrange(width)}" for ttl in range(1, 5)]
    return [None if dice.random() < loss else who for who in [*routers, "5", "6", "target"]]


OLD, NEW = ["a", "b", "c", "t"], ["a", "x", "c", "t"]


def test_another_responder_for_three_rounds_is_a_change_once_the_old_one_was_steady() -> None:
    found = watched([OLD] * 20 + [NEW] * 5)
    assert found == [(22, PathChange(Ttl(2), tuple(map(Address, OLD)), tuple(map(Address, NEW))))]


def test_the_younger_the_old_path_the_longer_the_new_one_must_last() -> None:
    assert [index for index, _ in watched([OLD] * 6 + [NEW] * 20)] == [13]


def test_a_path_that_changes_back_is_two_changes() -> None:
    assert [change.ttl for _, change in watched([OLD] * 20 + [NEW] * 20 + [OLD] * 20)] == [2, 2]


def test_lost_answers_are_no_change_and_do_not_hide_one() -> None:
    silent = ["a", None, "c", "t"]
    assert watched([OLD] * 20 + [silent] * 50 + [OLD] * 5) == []
    assert len(watched([OLD] * 20 + [silent, NEW] * 5)) == 1


def test_a_single_strange_answer_is_no_change() -> None:
    assert watched(([OLD] * 9 + [NEW]) * 20) == []


def test_routers_that_take_turns_are_no_change() -> None:
    assert watched([OLD, NEW] * 40) == []
    assert watched([OLD] * 5 + [NEW] * 2 + [OLD] * 5 + [NEW] * 30) == []


@pytest.mark.parametrize("width", [2, 3, 4, 8, 16, 32])
def test_load_balancing_by_chance_hardly_ever_looks_like_a_change(width: int) -> None:
    told = sum(
        bool(watched(balanced(width, dice) for _ in range(150))) for dice in map(random.Random, range(100))
    )
    assert told <= 3


def test_a_balanced_hop_that_gives_way_to_others_has_changed() -> None:
    dice = random.Random(1)
    before = [[dice.choice("bd"), "t"] for _ in range(30)]
    after = [[dice.choice("xy"), "t"] for _ in range(30)]
    ((_, change),) = watched(before + after)
    assert change.ttl == 1
    assert change.old[0] in {"b", "d"}
    assert change.new[0] in {"x", "y"}


def test_a_longer_path_is_one_change_with_all_of_its_hops() -> None:
    longer = ["a", "x", "y", "c", "t"]
    ((_, change),) = watched([OLD] * 20 + [longer] * 10)
    assert change == PathChange(Ttl(2), tuple(map(Address, OLD)), tuple(map(Address, longer)))


def test_a_shorter_path_is_one_change() -> None:
    ((_, change),) = watched([["a", "b", "c", "d", "t"]] * 20 + [["a", "x", "t"]] * 10)
    assert (change.ttl, change.new) == (2, ("a", "x", "t"))


def test_a_target_that_moves_behind_silent_hops_is_a_change() -> None:
    ((_, change),) = watched([["a", None, "t"]] * 20 + [["a", None, None, "t"]] * 10)
    assert (change.ttl, change.old, change.new) == (3, ("a", None, "t"), ("a", None, None, "t"))


def test_a_hop_that_begins_to_answer_is_no_change() -> None:
    assert watched([["a", None, "t"]] * 20 + [["a", "b", "t"]] * 20) == []


def test_endlessly_many_responders_do_not_fill_the_memory() -> None:
    watch = PathWatch()
    watched(([f"r{number}", "t"] for number in range(10_000)), watch)
    habit = watch._hops[Ttl(1)]
    assert len(habit.known) <= MAX_MEMBERS
    assert len(habit.rival) <= MAX_MEMBERS
