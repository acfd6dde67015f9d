"""The picture before the application is there is the application's own first picture."""

from __future__ import annotations

import msgspec
import pytest
from rich.color import Color
from rich.style import Style as RichStyle
from textual.strip import Strip

from tests.report import samples
from tests.stats.logbook import TARGET, Log, failure
from tests.tui.still_screen import events_of, opened, started, traced
from tests.tui.view.hostile import HOSTILE
from tracer.events import Event
from tracer.model import Address, TargetInfo
from tracer.text import printable
from tui.paint import strip, styles
from tui.picture import picture
from tui.scene import Look, Scene
from tui.screens.main import MainScreen
from tui.view.cells import line_width, plain
from tui.view.glyphs import ASCII
from tui.view.privacy import Privacy
from tui.view.theme import PALETTES
from tui.widgets import Lines

EVENTFUL = [started(TARGET), *samples.eventful().events]


def application(screen: MainScreen) -> list[Strip]:
    """What the application draws, line by line."""
    return screen._compositor.render_strips()


def cells(strip: Strip) -> list[tuple[object, ...]]:
    """Each character with how it is painted; of a blank one only the ground is seen."""
    found: list[tuple[object, ...]] = []
    for text, style, _ in strip:
        look = style or RichStyle()
        ink = (colour(look.color), bool(look.bold), bool(look.dim))
        ground = (colour(look.bgcolor), bool(look.reverse))
        found += [(char, *ground, *(() if char == " " else ink)) for char in text]
    return found


def colour(chosen: Color | None) -> Color | None:
    """None for the terminal's default, however it is told."""
    return None if chosen is None or chosen.is_default else chosen


async def assert_same(events: list[Event], size: tuple[int, int], look: Look | None = None) -> None:
    """Beside a scrollbar, whose cells the early picture leaves blank, all is the same."""
    width, height = size
    async with opened(events, look, size) as (_, screen):
        drawn = picture(screen.scene, width, height)
        theirs = application(screen)
        looks = styles(screen.scene.look.palette)
        assert len(drawn) == len(theirs) == height
        bars = {
            y
            for widget in screen.query(Lines)
            if widget.show_vertical_scrollbar
            for y in range(widget.region.y, widget.region.bottom)
        }
        for y, (line, found) in enumerate(zip(drawn, theirs, strict=True)):
            shown = width - (y in bars)
            assert line_width(line) == width
            assert cells(strip(line, looks).crop(0, shown)) == cells(found.crop(0, shown)), plain(line)


def many_targets() -> list[Event]:
    labels = [f"target{number}.example" for number in range(3)]
    infos = [
        TargetInfo(
            label=label, query=label, address=Address(f"203.0.113.{number}"), hostname=None, source=None
        )
        for number, label in enumerate(labels)
    ]
    log = Log()
    for ttl in range(1, 6):
        log.answered(ttl, ttl, 1_000_000 * ttl)
    return [started(*infos), *(event for label in labels for event in events_of(log, label))]


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
@pytest.mark.parametrize("palette", PALETTES)
async def test_it_is_the_same_in_text_and_colours(size: tuple[int, int], palette: str) -> None:
    await assert_same(EVENTFUL, size, Look(palette=palette))


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_it_is_the_same_while_nothing_has_come(size: tuple[int, int]) -> None:
    await assert_same([], size)
    await assert_same([started(TARGET)], size)


@pytest.mark.parametrize("size", [(20, 5), (40, 9), (40, 10), (80, 24), (120, 36)])
async def test_it_is_the_same_on_small_terminals_and_beside_scrollbars(size: tuple[int, int]) -> None:
    log = Log()
    for ttl in range(1, 41):
        log.answered(ttl, ttl, 1_000_000 * ttl)
    await assert_same([started(TARGET), *log.events], size)


@pytest.mark.parametrize("size", [(20, 5), (80, 24), (120, 36)])
async def test_it_is_the_same_with_many_targets_in_ascii_and_behind_a_mask(size: tuple[int, int]) -> None:
    await assert_same(many_targets(), size, Look(glyphs=ASCII))
    await assert_same(many_targets(), size, Look(privacy=Privacy(2), columns="holsr", widths={"h": 12}))


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_it_is_the_same_under_a_banner(size: tuple[int, int]) -> None:
    log = Log()
    log.answered(1, 1, 1_000_000)
    log.failed(2, 2, failure())
    async with opened([started(TARGET), *log.events], size=size) as (_, screen):
        assert screen.scene.target is not None
        assert screen.scene.target.troubles
    await assert_same([started(TARGET), *log.events], size)


@pytest.mark.parametrize("scenario", ["wan", "loss", "blackhole"])
async def test_it_is_the_same_of_a_whole_trace(scenario: str) -> None:
    await assert_same(await traced(scenario, report_cycles=3), (80, 24))


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_names_are_as_harmless_as_in_the_application(text: str) -> None:
    label = printable(text)
    target = msgspec.structs.replace(TARGET, label=label, query=label, hostname=label)
    log = Log()
    log.answered(1, 1, 1_000_000)
    await assert_same([started(target), *events_of(log, label)], (80, 24))


def test_while_the_name_of_the_target_is_looked_up_the_picture_says_so() -> None:
    drawn = picture(Scene(targets=()), 80, 24)
    assert plain(drawn[0]).rstrip() == "Looking up the target's address"
