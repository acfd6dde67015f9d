from __future__ import annotations

from typing import Any

import pytest

from tests.engine.engine_driver import config_of
from tracer.engine.path_end import PathEndBelief
from tracer.engine.window import Window
from tracer.model import RoundId, Ttl

ROUND = RoundId(0)


def opened(**options: Any) -> tuple[Window, PathEndBelief]:
    config = config_of(**options)
    belief = PathEndBelief(config.first_ttl, config.gap_limit)
    return Window(config, belief), belief


def goes_out(window: Window) -> list[int]:
    """Take everything the window holds."""
    ttls = []
    while (ttl := window.next_ttl) is not None:
        ttls.append(int(ttl))
        window.advance()
    return ttls


@pytest.mark.parametrize("first", [1, 24, 25, 40])
def test_the_window_goes_out_at_once_from_the_first_ttl(first: int) -> None:
    """Counting from TTL 0, a first TTL of 24 or more would send nothing at all."""
    window, _ = opened(first_ttl=first)
    assert goes_out(window) == list(range(first, first + 24))


def test_the_last_ttl_bounds_the_window() -> None:
    window, _ = opened(first_ttl=60)
    assert goes_out(window) == [60, 61, 62, 63, 64]


@pytest.mark.parametrize(("inflight", "gap", "ahead"), [(24, 10, 10), (4, 10, 4), (24, 1, 1)])
def test_answers_move_the_window_a_gap_ahead_of_them(inflight: int, gap: int, ahead: int) -> None:
    window, belief = opened(max_inflight=inflight, gap_limit=gap)
    goes_out(window)
    belief.router_answered(Ttl(inflight), ROUND)
    window.answered(Ttl(inflight), ends_path=False)
    assert goes_out(window) == list(range(inflight + 1, inflight + ahead + 1))


def test_an_answer_in_the_middle_of_the_window_opens_nothing() -> None:
    window, belief = opened()
    goes_out(window)
    belief.router_answered(Ttl(5), ROUND)
    window.answered(Ttl(5), ends_path=False)
    assert goes_out(window) == []


def test_after_the_end_answered_nothing_beyond_it_goes_out() -> None:
    window, belief = opened(max_inflight=4)
    assert goes_out(window) == [1, 2, 3, 4]
    belief.target_answered(Ttl(3), ROUND)
    window.answered(Ttl(3), ends_path=True)
    assert window.next_ttl is None


def test_an_overshooting_answer_lets_the_ttls_below_it_out_but_none_beyond() -> None:
    window, belief = opened(max_inflight=3)
    for _ in range(2):
        window.advance()
    belief.target_answered(Ttl(5), ROUND)
    window.answered(Ttl(5), ends_path=True)
    assert goes_out(window) == [3, 4, 5]


def test_a_known_end_bounds_the_next_round_from_its_start() -> None:
    window, belief = opened()
    goes_out(window)
    belief.target_answered(Ttl(7), ROUND)
    window.new_round()
    assert goes_out(window) == [1, 2, 3, 4, 5, 6, 7]


def test_a_doubtful_end_is_searched_beyond_until_it_answers_again() -> None:
    window, belief = opened(max_inflight=9)
    belief.target_answered(Ttl(7), ROUND)
    for _ in range(2):
        belief.lost(Ttl(7))
    window.new_round()
    assert goes_out(window) == list(range(1, 10))
    belief.target_answered(Ttl(7), ROUND)
    window.new_round()
    assert goes_out(window) == list(range(1, 8))


def test_a_known_gap_bounds_the_round_where_nothing_has_answered() -> None:
    window, belief = opened(gap_limit=3)
    belief.router_answered(Ttl(2), ROUND)
    for ttl in (3, 4, 5):
        belief.lost(Ttl(ttl))
    window.new_round()
    assert goes_out(window) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("silent", [1, 2, 3])
def test_ttls_known_to_be_silent_take_up_no_room(silent: int) -> None:
    """A window of one would otherwise stand before the first silent router for ever."""
    window, belief = opened(max_inflight=1)
    assert goes_out(window) == [1]
    for ttl in range(1, silent + 1):
        belief.lost(Ttl(ttl))
        assert goes_out(window) == [ttl + 1]


def test_silent_ttls_let_the_window_out_to_the_gap_limit_and_no_further() -> None:
    window, belief = opened(max_inflight=3, gap_limit=4)
    assert goes_out(window) == [1, 2, 3]
    for ttl in range(1, 4):
        belief.lost(Ttl(ttl))
    assert goes_out(window) == [4]
    belief.lost(Ttl(4))
    assert goes_out(window) == []
