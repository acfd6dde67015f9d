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
