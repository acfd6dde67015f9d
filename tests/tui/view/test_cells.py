"""Text in cells: as wide as a terminal shows it, and never wider than asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.tui.view.hostile import HOSTILE
from tracer.text import printable
from tui.view.cells import (
    Align,
    Line,
    cell_width,
    clip,
    clip_line,
    fit,
    fit_line,
    joined,
    line_width,
    merged,
    plain,
)
from tui.view.style import Style

texts = st.text(max_size=30).map(printable)
lines: st.SearchStrategy[Line] = st.lists(st.tuples(texts, st.sampled_from(Style)), max_size=6).map(tuple)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("host", 4),
        ("東京", 4),
        ("e\u0301", 1),
        ("\uff46", 2),
        ("한국", 4),
        ("\u1112\u1161\u11ab", 2),
        ("⣿█▁\u00d7…✖", 6),
    ],
)
def test_cells_are_counted_as_a_terminal_does(text: str, width: int) -> None:
    assert cell_width(text) == width


@pytest.mark.parametrize("text", [*map(printable, HOSTILE), "Zürich", "Ελλάδα", "日本語", "✖▲○●", "⠁⣿"])
def test_rich_counts_the_same(text: str) -> None:
    assert cell_width(text) == cell_len(text)


def test_what_is_cut_off_is_told() -> None:
    assert clip("198.51.100.31", 8) == "198.51.…"
    assert clip("198.51.100.31", 8, "~") == "198.51.~"
    assert clip("東京都", 4) == "東…"
    assert clip("東京都", 0) == ""
    assert clip("exact", 5) == "exact"


def test_cells_are_filled_on_the_side_that_is_free() -> None:
    assert fit("ab", 5) == "ab   "
    assert fit("ab", 5, Align.RIGHT) == "   ab"
    assert fit("東京都", 4, Align.RIGHT) == " 東…"
    assert fit("ab", -1) == ""


def test_a_line_keeps_its_styles_where_it_is_cut() -> None:
    line = (("host ", Style.TEXT), ("100.0", Style.LOSS))
    assert clip_line(line, 8) == (("host ", Style.TEXT), ("10…", Style.LOSS))
    assert clip_line(line, 5) == (("host…", Style.TEXT),)
    assert fit_line(line, 12) == (*line, ("  ", Style.TEXT))


def test_lines_are_joined_without_the_empty_ones() -> None:
    first, second = (("a", Style.TEXT),), (("b", Style.KEY),)
    assert plain(joined([first, (), second], (" · ", Style.MUTED))) == "a · b"


def test_neighbours_of_one_style_become_one() -> None:
    assert merged([("a", Style.TEXT), ("b", Style.TEXT), ("", Style.KEY), ("c", Style.LOSS)]) == (
        ("ab", Style.TEXT),
        ("c", Style.LOSS),
    )


@given(st.text(max_size=60), st.integers(-2, 40), st.sampled_from(Align))
def test_fitted_text_is_exactly_as_wide_as_asked(text: str, width: int, align: Align) -> None:
    assert cell_width(fit(printable(text), width, align)) == max(width, 0)


@given(lines, st.integers(-2, 60))
def test_fitted_lines_are_exactly_as_wide_as_asked(line: Line, width: int) -> None:
    assert line_width(fit_line(line, width)) == max(width, 0)
    assert line_width(clip_line(line, width)) <= max(width, 0)
