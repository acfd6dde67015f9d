"""Questions and answers as Team Cymru documents them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.lookup.cymru import name_question, origin, origin_question, with_name
from tracer.model import Address
from tracer.names import AsnInfo

DOCUMENTED = AsnInfo(
    number=23_028,
    prefix="216.90.108.0/24",
    country="US",
    registry="arin",
    allocated="1998-09-25",
    source="dns",
)


def test_the_questions_are_the_documented_ones() -> None:
    assert origin_question(Address("216.90.108.31")) == "31.108.90.216.origin.asn.cymru.com"
    assert (
        origin_question(Address("2001:4860:b002::68"))
        == "0.0.0.0.2.0.0.b.0.6.8.4.1.0.0.2.origin6.asn.cymru.com"
    )
    assert name_question(23_028) == "AS23028.asn.cymru.com"


def test_the_documented_answers_are_understood() -> None:
    found = origin(["23028 | 216.90.108.0/24 | US | arin | 1998-09-25"])
    assert found == DOCUMENTED
    named = with_name(found, ["23028 | US | arin | 2002-01-04 | TEAM-CYMRU - Team Cymru Inc., US"])
    assert named.name == "TEAM-CYMRU - Team Cymru Inc., US"


def test_several_origins_of_a_network_are_all_told() -> None:
    found = origin(["64496 64497 64498 | 198.51.100.0/24 | EU | ripencc | "])
    assert found is not None
    assert (found.number, found.further, found.allocated) == (64_496, (64_497, 64_498), None)


def test_of_several_networks_the_most_specific_counts() -> None:
    found = origin(["64496 | 198.51.0.0/16 | US | arin |", "64497 | 198.51.100.0/24 | US | arin |"])
    assert found is not None
    assert (found.number, found.prefix) == (64_497, "198.51.100.0/24")


@pytest.mark.parametrize(
    "text",
    ["", "|", "NA | 192.0.2.0/24 |  |  |", "AS1 | x", "-1 | x", "4294967296 |", "\u0661 |", "no answer"],
)
def test_what_is_no_answer_says_nothing(text: str) -> None:
    assert origin([text]) is None


def test_the_name_of_another_system_is_not_taken() -> None:
    assert with_name(DOCUMENTED, ["1 | US | arin | 2002-01-04 | OTHER", "23028 | US | arin |"]) == DOCUMENTED


@given(st.lists(st.text()))
def test_nothing_is_too_odd(texts: list[str]) -> None:
    found = origin(texts)
    assert found is None or found.number < 2**32
    assert with_name(DOCUMENTED, texts).number == DOCUMENTED.number
