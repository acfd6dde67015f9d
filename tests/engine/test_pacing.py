from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracer.engine.pacing import Pacer

SECOND = 1_000_000_000


def let_out(pacer: Pacer, now: int) -> int:
    """Take every permit there is."""
    count = 0
    while pacer.ready_at(now) <= now:
        pacer.take(now)
        count += 1
    return count


def test_the_burst_leaves_at_once_and_no_more() -> None:
    assert let_out(Pacer(100, 24, 5 * SECOND), 5 * SECOND) == 24


def test_beyond_the_burst_one_permit_comes_per_interval() -> None:
    pacer = Pacer(100, 24, 0)
    let_out(pacer, 0)
    assert pacer.ready_at(0) == SECOND // 100
    assert let_out(pacer, SECOND // 100 - 1) == 0
    assert let_out(pacer, SECOND // 100) == 1
    assert pacer.ready_at(SECOND // 100) == 2 * SECOND // 100


def test_a_late_timer_never_finds_more_than_the_burst() -> None:
    pacer = Pacer(100, 3, 0)
    let_out(pacer, 0)
    assert let_out(pacer, 3_600 * SECOND) == 3


def test_an_earlier_now_grants_nothing() -> None:
    pacer = Pacer(10, 2, SECOND)
    let_out(pacer, SECOND)
    assert let_out(pacer, 0) == 0
    assert let_out(pacer, SECOND + SECOND // 10) == 1


@given(
    rate=st.integers(1, 100_000),
    burst=st.integers(1, 255),
    gaps=st.lists(st.integers(0, 2 * SECOND), min_size=1, max_size=30),
    wishes=st.integers(1, 40),
)
def test_it_is_a_token_bucket(rate: int, burst: int, gaps: list[int], wishes: int) -> None:
    """A textbook bucket that holds whole nanoseconds of credit and fills with time."""
    interval = SECOND // rate
    credit = interval * burst
    now = 0
    pacer = Pacer(rate, burst, now)
    for gap in gaps:
        now += gap
        credit = min(credit + gap, interval * burst)
        for _ in range(wishes):
            may = credit >= interval
            assert (pacer.ready_at(now) <= now) == may
            if not may:
                assert pacer.ready_at(now) == now + interval - credit
                break
            pacer.take(now)
            credit -= interval


def test_a_refusal_halves_the_rate_and_voids_what_was_permitted() -> None:
    pacer = Pacer(100, 24, 0)
    assert pacer.refused(SECOND)
    assert (pacer.rate, pacer.wanted) == (50, 100)
    assert let_out(pacer, SECOND) == 0
    assert pacer.ready_at(SECOND) == SECOND + SECOND // 50


def test_refusals_close_together_are_one() -> None:
    pacer = Pacer(100, 24, 0)
    assert [pacer.refused(SECOND + ms * 1_000_000) for ms in (0, 20, 99, 100)] == [True, False, False, True]
    assert pacer.rate == 25


@given(rate=st.integers(1, 100_000), burst=st.integers(1, 255), refusals=st.integers(1, 50))
def test_the_delay_is_never_zero_and_never_endless(rate: int, burst: int, refusals: int) -> None:
    pacer = Pacer(rate, burst, 0)
    now = 0
    for _ in range(refusals):
        now += SECOND // 2
        pacer.refused(now)
        assert 0 < pacer.ready_at(now) - now <= SECOND
        assert pacer.rate >= 1


@given(rate=st.integers(1, 100_000), burst=st.integers(1, 255), refusals=st.integers(1, 20))
def test_it_grows_back_by_the_same_part_every_second_and_no_further(
    rate: int, burst: int, refusals: int
) -> None:
    pacer = Pacer(rate, burst, 0)
    now = 0
    for _ in range(refusals):
        now += SECOND
        pacer.refused(now)
    low = pacer.rate
    for seconds in range(1, 12):
        pacer.passed(now + seconds * SECOND)
        assert pacer.rate == min(low + seconds * -(-rate // 10), rate)
    assert pacer.rate == rate


@given(
    rate=st.integers(1, 10_000),
    burst=st.integers(1, 255),
    steps=st.lists(st.tuples(st.integers(0, 3 * SECOND), st.booleans()), max_size=30),
)
def test_however_late_and_however_often_refused_it_never_bursts(
    rate: int, burst: int, steps: list[tuple[int, bool]]
) -> None:
    """Over any time the permits are at most a burst and what the full rate gives for it."""
    pacer = Pacer(rate, burst, 0)
    now, given_out = 0, 0
    for gap, is_refused in steps:
        now += gap
        given_out += let_out(pacer, now)
        if is_refused:
            pacer.refused(now)
            assert let_out(pacer, now) == 0
        else:
            pacer.passed(now)
        assert given_out <= burst + now * rate // SECOND + 2 * len(steps)
