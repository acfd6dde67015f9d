"""Numbers as text: right, narrow, and honest at the edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.view import format as fmt

MS = 1_000_000
S = 1_000_000_000


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "-"),
        (0, "0.000"),
        (123_456, "0.123"),
        (999_600, "1.00"),
        (9_994_000, "9.99"),
        (9_996_000, "10.0"),
        (123_456_789, "123.5"),
        (999_960_000, "1000"),
        (99_999 * MS, "99999"),
        (100 * S, "100s"),
        (10**18, ">999s"),
        (-123_456, "-0.123"),
    ],
)
def test_milliseconds(ns: int | None, text: str) -> None:
    assert fmt.ms(ns) == text


@pytest.mark.parametrize(
    ("ns", "text"), [(None, "-"), (100_200_000, "100.2 ms"), (200 * S, "200s"), (1_000, "0.001 ms")]
)
def test_milliseconds_with_their_unit(ns: int | None, text: str) -> None:
    assert fmt.ms_unit(ns) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0.0"),
        (0.001, "<0.1"),
        (0.05, "0.1"),
        (12.34, "12.3"),
        (99.9, "99.9"),
        (99.96, ">99.9"),
        (100.0, "100"),
    ],
)
def test_percentages_never_round_to_nothing_or_everything(value: float | None, text: str) -> None:
    assert fmt.percent(value) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (0, "0"),
        (99_999, "99999"),
        (100_000, "100k"),
        (999_999, "999k"),
        (1_000_000, "1.0M"),
        (1_290_000, "1.2M"),
        (12_900_000, "12M"),
        (10**21, ">999E"),
    ],
)
def test_counts(number: int | None, text: str) -> None:
    assert fmt.count(number) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0ms"),
        (250 * MS, "250ms"),
        (1_250 * MS, "1.2s"),
        (59_990 * MS, "59.9s"),
        (184 * S, "3m04s"),
        (7_380 * S, "2h03m"),
        (446_400 * S, "5d04h"),
        (1000 * 86_400 * S, "1000d"),
    ],
)
def test_spans(ns: int, text: str) -> None:
    assert fmt.duration(ns) == text


def test_moments_and_shares() -> None:
    assert fmt.moment(83_456 * MS) == "0:01:23.456"
    assert fmt.share(2, 3) == "67%"
    assert fmt.share(0, 0) == ""


@given(st.integers(0, 10**18))
def test_no_number_is_wider_than_its_column(number: int) -> None:
    assert len(fmt.ms(number)) <= fmt.NUMBER_WIDTH
    assert len(fmt.count(number)) <= fmt.NUMBER_WIDTH
    assert len(fmt.percent(number / 10**16)) <= fmt.NUMBER_WIDTH


@given(st.integers(0, 10**17))
def test_no_span_is_wider_than_seven(ns: int) -> None:
    assert len(fmt.duration(ns)) <= 7


@given(st.integers(1_000_000, 10**12))
def test_a_time_shown_is_within_half_a_step_of_the_truth(ns: int) -> None:
    text = fmt.ms(ns)
    if not text.endswith("s"):
        decimals = len(text.partition(".")[2])
        assert abs(float(text) - ns / MS) <= 0.5 * 10**-decimals + 1e-9
