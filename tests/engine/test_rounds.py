from __future__ import annotations

from typing import Any

import pytest

from tests.engine.engine_driver import config_of
from tracer.config import MS, SECOND
from tracer.engine.lifecycle import RoundInput
from tracer.engine.rounds import Round
from tracer.model import RoundId

START = 5 * SECOND


def sent_round(round_id: int = 0, **options: Any) -> Round:
    """Everything of it is sent."""
    started = Round(config_of(**options), RoundId(round_id), START)
    started.move(RoundInput.ALL_SENT)
    return started


def over_at(current: Round, outstanding: int = 1) -> int | None:
    """When it is over, by trying; it must not be over a nanosecond earlier."""
    ends = current.ends_ns()
    if ends is not None:
        assert not current.is_over(ends - 1, outstanding)
        assert current.is_over(ends, outstanding)
    return ends


@pytest.mark.parametrize(
    ("late_ns", "begins_ns"), [(0, 0), (3 * MS, 0), (100 * MS, 0), (101 * MS, MS), (10 * SECOND, 9900 * MS)]
)
def test_the_next_round_counts_from_the_due_end_but_makes_up_for_no_more_than_a_tenth(
    late_ns: int, begins_ns: int
) -> None:
    current = sent_round(min_round_duration_ns=SECOND)
    current.path_end_answered(START + 20 * MS, 20 * MS)
    ends_ns = START + SECOND
    assert current.next_begins_ns(ends_ns + late_ns) == ends_ns + begins_ns


def test_without_the_end_a_round_lasts_its_maximum() -> None:
    current = sent_round(max_round_duration_ns=3 * SECOND)
    current.answered(START + 20 * MS)
    assert over_at(current) == START + 3 * SECOND
    assert not current.is_over(START + SECOND, 0)


def test_with_the_end_it_lasts_its_minimum() -> None:
    current = sent_round(max_round_duration_ns=3 * SECOND)
    current.answered(START + 20 * MS)
    current.path_end_answered(START + 20 * MS, 20 * MS)
    assert over_at(current) == START + SECOND


def test_beyond_its_minimum_it_ends_one_grace_after_the_last_answer() -> None:
    current = sent_round(
        min_round_duration_ns=100 * MS, max_round_duration_ns=3 * SECOND, grace_duration_ns=50 * MS
    )
    current.path_end_answered(START + 200 * MS, 200 * MS)
    current.answered(START + 400 * MS)
    assert over_at(current) == START + 450 * MS


def test_no_answer_keeps_it_beyond_its_maximum() -> None:
    current = sent_round(min_round_duration_ns=SECOND, grace_duration_ns=500 * MS)
    current.path_end_answered(START + 900 * MS, 900 * MS)
    current.answered(START + 900 * MS)
    assert over_at(current) == START + SECOND


@pytest.mark.parametrize(
    ("options", "rtt_ns", "grace_ns"),
    [
        ({}, 4 * MS, 20 * MS),
        ({}, 100 * MS, 25 * MS),
        ({}, 300 * MS, 75 * MS),
        ({}, 2 * SECOND, 100 * MS),
        ({}, None, 100 * MS),
        ({"grace_duration_ns": 10 * MS}, 300 * MS, 10 * MS),
        ({"grace_duration_ns": SECOND}, 4 * MS, SECOND),
    ],
)
def test_the_grace_is_a_quarter_of_the_round_trip_unless_it_is_given(
    options: dict[str, Any], rtt_ns: int | None, grace_ns: int
) -> None:
    current = sent_round(9, **options)
    current.path_end_answered(START + 300 * MS, rtt_ns)
    assert over_at(current) == START + 300 * MS + grace_ns


def test_only_the_last_round_of_the_report_is_the_last() -> None:
    assert [sent_round(number, report_cycles=3).is_last for number in range(3)] == [False, False, True]


def test_the_last_round_ends_one_grace_after_the_end_answered_whatever_its_minimum() -> None:
    current = sent_round(9)
    current.path_end_answered(START + 40 * MS, 40 * MS)
    current.answered(START + 55 * MS)
    assert over_at(current) == START + 60 * MS


def test_the_first_answer_of_the_end_starts_the_grace() -> None:
    current = sent_round(9)
    current.path_end_answered(START + 40 * MS, 40 * MS)
    current.path_end_answered(START + 55 * MS, 400 * MS)
    assert over_at(current) == START + 60 * MS


def test_the_last_round_waits_for_nobody_when_nothing_is_outstanding() -> None:
    current = sent_round(9)
    assert current.ends_ns() is None
    assert not current.is_over(START + 3_600 * SECOND, 1)
    assert current.is_over(START, 0)


@pytest.mark.parametrize("round_id", [0, 9])
def test_a_round_that_has_more_to_send_is_never_over(round_id: int) -> None:
    current = sent_round(round_id)
    current.path_end_answered(START, 0)
    current.move(RoundInput.MORE_TO_SEND)
    assert not current.is_over(START + 3_600 * SECOND, 0)
