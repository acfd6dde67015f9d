"""Colours as a terminal takes them. The oracle is Rich, which draws for the application."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console

from tui import paint
from tui.view.sgr import Colours, colours_of, painted, sgr
from tui.view.style import Style
from tui.view.theme import PALETTES, Paint

SYSTEMS = {
    Colours.TRUE: ColorSystem.TRUECOLOR,
    Colours.PALETTE: ColorSystem.EIGHT_BIT,
    Colours.SIXTEEN: ColorSystem.STANDARD,
}

ENVIRONMENTS: list[dict[str, str]] = [
    {"TERM": "xterm"},
    {"TERM": "xterm-256color"},
    {"TERM": "xterm-kitty"},
    {"TERM": "screen-16color"},
    {"TERM": "linux"},
    {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    {"TERM": "xterm", "COLORTERM": " 24bit "},
    {},
]


@pytest.mark.parametrize("colours", SYSTEMS)
@pytest.mark.parametrize("palette", PALETTES)
def test_every_style_is_painted_as_rich_does(palette: str, colours: Colours) -> None:
    for name, style in paint.styles(palette).items():
        expected = style.copy().render("x", color_system=SYSTEMS[colours])
        assert painted((("x", name),), palette, colours) == expected, name


@given(st.integers(0, 0xFFFFFF), st.sampled_from([*SYSTEMS]))
def test_any_colour_comes_out_as_with_rich(number: int, colours: Colours) -> None:
    wanted = Paint(foreground=f"#{number:06x}", background=f"#{number ^ 0x3A7F11:06x}", bold=True)
    expected = paint._style(wanted).render("x", color_system=SYSTEMS[colours])
    assert expected == f"\x1b[{sgr(wanted, colours)}mx\x1b[0m"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_terminal_has_the_colours_rich_finds(environment: dict[str, str]) -> None:
    console = Console(force_terminal=True, _environ=environment, legacy_windows=False)
    system = {"standard": Colours.SIXTEEN, "256": Colours.PALETTE, "truecolor": Colours.TRUE}
    assert colours_of(environment) is system[console.color_system or ""]


def test_without_colours_attributes_stay() -> None:
    none = colours_of({"NO_COLOR": "1", "COLORTERM": "truecolor"})
    assert painted((("a", Style.SELECTED),), "terminal", none) == "\x1b[1;7ma\x1b[0m"
    assert painted((("a", Style.WARNING), ("b", Style.TEXT)), "terminal", none) == "\x1b[1ma\x1b[0mb"
    assert colours_of({"NO_COLOR": "", "COLORTERM": "truecolor"}) is Colours.TRUE
