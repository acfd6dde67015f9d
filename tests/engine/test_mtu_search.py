"""The search for sizes, against paths that are written down: every limit to the byte, in few questions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.engine.mtu_search import LANDMARKS, LARGEST, Question, Sizes
from tracer.model import Address, Ttl

PROVEN = 84
WHO = Address("198.51.100.1")


class Link:
    """The way behind one hop; link 0 is this host's own."""

    def __init__(self, mtu: int, *, silent: bool = False, says: int | None = None) -> None:
        self.mtu = mtu
        self.silent = silent
        self.says = mtu if says is None else says


def asked(links: Sequence[Link], ttls: Sequence[int] = ()) -> tuple[Sizes, list[Question]]:
    """Ask until nothing is left to ask; the links answer."""
    sizes, questions = Sizes(PROVEN), list[Question]()
    known = [Ttl(ttl) for ttl in ttls or range(1, len(links) + 1)]
    while (question := sizes.question(known) or sizes.unconfirmed(known)) is not None:
        questions.append(question)
        assert len(questions) < 400, "the search does not end"
        answer(sizes, links, question)
    return sizes, questions


def answer(sizes: Sizes, links: Sequence[Link], question: Question) -> None:
    for hop, link in enumerate(links[: question.ttl]):
        if question.size > link.mtu:
            if hop == 0:
                sizes.too_big_here(question.size, link.says)
            elif link.silent:
                sizes.vanished(question.ttl, question.size, 3)
            else:
                sizes.too_big(question.ttl, question.size, router(hop), link.says)
            break
        if hop == 0:
            sizes.left(question.size)
    else:
        sizes.passed(question.ttl, question.size)


def router(hop: int) -> Address:
    return Address(f"198.18.{hop}.1")


def limits(links: Sequence[Link]) -> list[int]:
    """What reaches TTL 1, 2, ...: the smallest link up to there."""
    return [min(link.mtu for link in links[:ttl]) for ttl in range(1, len(links) + 1)]


def path(*mtus: int) -> list[Link]:
    return [Link(mtu) for mtu in mtus]


def test_a_path_that_carries_what_the_interface_does_costs_one_packet() -> None:
    sizes, questions = asked(path(1500, *[1500] * 9))
    assert questions == [(10, LARGEST), (10, 1500)]
    assert sizes.link_mtu == 1500, "the first question was refused by this host and cost nothing"
    assert sizes.steps([Ttl(ttl) for ttl in range(1, 11)]) == []


def test_a_reported_limit_is_tried_and_so_is_one_byte_more() -> None:
    sizes, questions = asked(path(1500, 1500, 1500, 1500, 1400, 1400, 1400))
    assert [size for ttl, size in questions if ttl == 7] == [LARGEST, 1500, 1400, 1401]
    (step,) = sizes.steps([Ttl(ttl) for ttl in range(1, 8)])
    assert (step.ttl, step.until_ttl, step.before, step.mtu) == (4, 5, 1500, 1400)
    assert step.reported_by == router(4)
    assert len(questions) <= 10


def test_every_step_of_a_staircase_is_found() -> None:
    links = path(9000, 9000, 4352, 4352, 1500, 1492, 1492, 1492, 1280, 1280)
    sizes, _ = asked(links)
    ttls = [Ttl(ttl) for ttl in range(1, 11)]
    assert [(step.ttl, step.before, step.mtu) for step in sizes.steps(ttls)] == [
        (2, 9000, 4352),
        (4, 4352, 1500),
        (5, 1500, 1492),
        (8, 1492, 1280),
    ]
    assert [sizes.limit(ttl) for ttl in ttls] == limits(links)


@pytest.mark.parametrize("says", [0, 1400, 1500, 9000, 65_535, 20, 576])
def test_a_router_that_lies_or_tells_nothing_is_found_out(says: int) -> None:
    """RFC 1191 section 5 for a report of 0; no larger or smaller number is believed either."""
    links = [Link(1500), Link(1500), Link(1400, says=says), Link(1500)]
    sizes, _ = asked(links)
    ttls = [Ttl(1), Ttl(2), Ttl(3), Ttl(4)]
    assert [sizes.limit(ttl) for ttl in ttls] == [1500, 1500, 1400, 1400]
    assert [(step.ttl, step.reported_by) for step in sizes.steps(ttls)] == [(2, router(2))]


def test_where_nobody_says_anything_it_is_a_black_hole_after_two_series() -> None:
    links = [Link(1500), Link(1500), Link(1500), Link(1400, silent=True), Link(1500)]
    sizes, questions = asked(links)
    ttls = [Ttl(ttl) for ttl in range(1, 6)]
    hole = sizes.black_hole(ttls, echo_from=None)
    assert hole is not None
    assert (hole.ttl, hole.passes, hole.vanishes, hole.probes) == (3, 1400, 1401, 6)
    assert questions.count(Question(Ttl(4), 1401)) == 2
    assert questions[-1] == (4, 1401), "when all else was known"
    assert len(questions) < 20


def test_a_silent_drop_on_the_first_link_is_told_of_this_host() -> None:
    sizes, _ = asked([Link(9000), Link(1500)], ttls=[2])
    assert sizes.steps([Ttl(2)])[0].ttl == 0
    sizes = Sizes(PROVEN)
    sizes.too_big_here(LARGEST, 9000)
    for size in (9000, 1501):
        sizes.left(size)
        sizes.vanished(1, size, 3)
        sizes.vanished(1, size, 3)
    sizes.passed(1, 1500)
    hole = sizes.black_hole([Ttl(1)], echo_from=1)
    assert hole is not None
    assert (hole.ttl, hole.passes, hole.echoed) == (0, 1500, True)


def test_a_router_that_says_so_once_and_then_limits_its_reports_is_no_black_hole() -> None:
    sizes = Sizes(PROVEN)
    sizes.left(1500)
    sizes.too_big_here(LARGEST, 1500)
    sizes.too_big(3, 1500, WHO, 1400)
    sizes.passed(3, 1400)
    sizes.passed(1, 1500)
    for _ in range(2):
        sizes.vanished(3, 1401, 5)
    sizes.vanished(2, 1500, 5)
    ttls = [Ttl(1), Ttl(3)]
    assert sizes.black_hole(ttls, echo_from=None) is None
    assert [(step.ttl, step.reported_by) for step in sizes.steps(ttls)] == [(1, WHO)]


def test_an_answer_after_all_takes_the_silence_back() -> None:
    sizes = Sizes(PROVEN)
    sizes.vanished(4, 1500, 3)
    assert sizes.smallest_refused(6) == 1500
    sizes.passed(5, 1500)
    assert sizes.smallest_refused(6) == LARGEST + 1
    sizes.vanished(4, 1400, 3)
    assert sizes.smallest_refused(6) == LARGEST + 1, "what is known to pass does not vanish"


def test_of_two_paths_the_smaller_counts() -> None:
    sizes = Sizes(PROVEN)
    sizes.passed(5, 1500)
    sizes.too_big(5, 1500, WHO, 1400)
    assert (sizes.largest(5), sizes.limit(5)) == (PROVEN, None)
    assert sizes.question([Ttl(5)]) == (5, 1400)


def test_silent_hops_are_not_asked_and_the_step_lies_between_their_neighbours() -> None:
    links = path(1500, 1500, 1500, 1400, 1400, 1400)
    ttls = [1, 2, 5, 6]
    sizes, questions = asked(links, ttls)
    assert {question.ttl for question in questions} <= set(ttls)
    (step,) = sizes.steps([Ttl(ttl) for ttl in ttls])
    assert (step.ttl, step.until_ttl) == (2, 5)
    hops = {hop.ttl: hop.mtu for hop in sizes.hops([Ttl(ttl) for ttl in ttls], 6)}
    assert hops == {1: 1500, 2: 1400, 5: 1400, 6: 1400}, "nobody knows which of 3 and 4 would take more"


def test_a_host_that_refuses_without_a_number_is_asked_for_it() -> None:
    """What costs no packet is tried until the interface is known to the byte."""
    sizes, questions = asked([Link(1420, says=0), Link(1500), Link(1500)])
    assert sizes.link_mtu == 1420
    assert len([size for _, size in questions if size <= 1420]) <= 8


@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from(LANDMARKS[4:]), st.integers(PROVEN + 1, LARGEST)),
            st.booleans(),
            st.one_of(st.none(), st.integers(0, LARGEST)),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_any_path_of_any_liars_is_measured_to_the_byte(drawn: list[tuple[int, bool, int | None]]) -> None:
    """This host's own kernel alone tells the truth; a hint may cost a question, never a wrong answer."""
    links = [Link(mtu, silent=silent, says=says) for mtu, silent, says in drawn]
    links[0] = Link(drawn[0][0])
    sizes, questions = asked(links)
    ttls = [Ttl(ttl) for ttl in range(1, len(links) + 1)]
    found = [sizes.limit(ttl) for ttl in ttls]
    expected = limits(links)
    assert [found[0], found[-1]] == [expected[0], expected[-1]]
    assert [one for one in found if one is not None] == [
        right for one, right in zip(found, expected, strict=True) if one is not None
    ]
    falls = [ttl for ttl in ttls[:-1] if expected[ttl - 1] > expected[ttl]]
    assert [step.ttl for step in sizes.steps(ttls)] == falls
    assert len(questions) <= 45 * (len(falls) + 1)
