"""The lines of the paths."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.report import samples, stories
from tracer.report.flows import GUESSED


def lines(content: bytes, start: str) -> list[str]:
    return [line for line in content.decode().splitlines() if line.startswith(start)]


def test_every_way_is_a_line_of_trippys_form() -> None:
    text = stories.render("flows", stories.branching())
    assert lines(text, "flow ") == [
        "flow 1: 198.51.100.1, *, 198.51.100.30, 192.0.2.80",
        "flow 2: 198.51.100.1, *, 198.51.100.31, 192.0.2.80",
    ]
    assert lines(text, "#   ") == [
        "#   flow id 0, 3 rounds, identifier 5000",
        "#   flow id 1, 3 rounds, identifier 5001",
    ]


def test_what_may_be_two_ways_is_said() -> None:
    assert f"# {GUESSED}" in stories.render("flows", stories.events(samples.eventful())).decode()
    assert GUESSED not in stories.render("flows", stories.branching()).decode()


@given(st.text(max_size=30) | st.just(stories.HOSTILE))
def test_a_name_adds_neither_a_hop_nor_a_line(name: str) -> None:
    report = stories.named(samples.report(samples.eventful()), hostname=name)
    text = stories.told("flows", [report], stories.events(samples.eventful()))
    plain = stories.render("flows", stories.events(samples.eventful()))
    assert [line.count(",") for line in lines(text, "")] == [line.count(",") for line in lines(plain, "")]
