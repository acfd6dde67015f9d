"""The main view under keys and mouse: table, filter, sorting, columns, tabs, banner, themes, sizes."""

from __future__ import annotations

import msgspec
import pytest
from textual import events as textual_events
from textual.pilot import Pilot
from textual.widgets import Input

from tests.report import samples
from tests.stats.logbook import TARGET, Log, failure
from tests.tui.still_screen import events_of, opened, press, started, text_of, texts, traced
from tests.tui.view.hostile import HOSTILE
from tracer.events import Event
from tracer.model import Address, TargetInfo
from tracer.text import printable
from tui.scene import Look
from tui.screens.columns import ColumnList, ColumnsScreen
from tui.screens.main import MainScreen
from tui.view.columns import COLUMNS, DEFAULT
from tui.view.rows import AddressMode, Order
from tui.view.theme import PALETTES
from tui.widgets import Banner, Detail, Head, HopTable, Prompt, Targets, ViewTabs
from tui.widgets.lines import Lines

EVENTFUL = [started(TARGET), *samples.eventful().events]


def long_path(hops: int = 40) -> list[Event]:
    log = Log()
    for ttl in range(1, hops + 1):
        log.answered(ttl, ttl, 1_000_000 * ttl)
    return [started(TARGET), *log.events]


def selected(screen: MainScreen) -> tuple[int | None, int]:
    target = screen.scene.target
    assert target is not None
    return target.selected, target.ordinal


def table(screen: MainScreen) -> HopTable:
    return screen.query_one(HopTable)


async def wheel(pilot: Pilot[None], widget: Lines, times: int) -> None:
    for _ in range(times):
        await pilot._post_mouse_events([textual_events.MouseScrollDown], widget, offset=(5, 5))
    await pilot.pause()


# Selecting


async def test_the_arrows_select_hops_and_stop_at_the_ends() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await press(pilot, "down")
        assert selected(screen) == (1, 0)
        await press(pilot, "down", "down", "down", "down", "down")
        assert selected(screen) == (4, 0)
        await press(pilot, "up")
        assert selected(screen) == (3, 0)


async def test_commas_and_dots_go_round_the_responders_of_the_hop() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await press(pilot, "down", "down", "down", "full_stop")
        assert selected(screen) == (3, 1)
        await press(pilot, "full_stop")
        assert selected(screen) == (3, 0)
        await press(pilot, "comma")
        assert selected(screen) == (3, 1)


async def test_a_click_selects_the_row_under_the_mouse() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        assert "198.51.100.32" in texts(table(screen))[4]
        await pilot.click(HopTable, offset=(10, 4))
        await pilot.pause()
        assert selected(screen) == (3, 1)


async def test_a_second_click_opens_the_detail() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await pilot.double_click(HopTable, offset=(10, 1))
        await pilot.pause()
        assert selected(screen) == (1, 0)
        assert screen.look.details


async def test_escape_closes_one_thing_at_a_time() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await press(pilot, "down", "d")
        assert screen.query_one(Detail).display
        await press(pilot, "escape")
        assert not screen.query_one(Detail).display
        assert selected(screen) == (1, 0)
        await press(pilot, "escape")
        assert selected(screen) == (None, 0)


# Scrolling


async def test_the_header_stays_while_the_rows_scroll() -> None:
    async with opened(long_path()) as (pilot, screen):
        header, first = texts(table(screen))[:2]
        await wheel(pilot, table(screen), 6)
        assert texts(table(screen))[0] == header
        assert texts(table(screen))[1] != first


async def test_a_click_after_scrolling_selects_what_is_seen() -> None:
    async with opened(long_path()) as (pilot, screen):
        await wheel(pilot, table(screen), 6)
        await pilot.click(HopTable, offset=(10, 3))
        await pilot.pause()
        ttl, _ = selected(screen)
        assert texts(table(screen))[3].split()[1] == str(ttl)
        assert ttl is not None
        assert ttl > 3


async def test_the_selected_row_is_kept_in_sight() -> None:
    async with opened(long_path()) as (pilot, screen):
        for _ in range(40):
            await press(pilot, "down")
            assert any(f" {selected(screen)[0]} 198.51" in line for line in texts(table(screen))[1:])
        for _ in range(40):
            await press(pilot, "up")
            assert any(f" {selected(screen)[0]} 198.51" in line for line in texts(table(screen))[1:])
        assert table(screen).scroll_offset.y == 0


async def test_nothing_is_cut_off_beside_the_scrollbar() -> None:
    async with opened(long_path(), Look(columns="hor")) as (_, screen):
        assert table(screen).show_vertical_scrollbar
        width = table(screen).scrollable_content_region.width
        assert {line.cell_length for line in table(screen)._strips} == {width}


# Sorting, columns, widths


async def test_a_click_on_a_header_sorts_then_turns_round_then_goes_back() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        at = texts(table(screen))[0].index("Loss%")
        seen = []
        for _ in range(3):
            await pilot.click(HopTable, offset=(at, 0))
            await pilot.pause()
            seen.append(screen.look.sorted_by)
            await pilot.pause(0)
        assert seen == [("l", Order.DESCENDING), ("l", Order.ASCENDING), None]


async def test_the_worst_loss_comes_first_and_the_arrows_follow_what_is_seen() -> None:
    async with opened(EVENTFUL, Look(sorted_by=("l", Order.DESCENDING))) as (pilot, screen):
        await press(pilot, "down")
        assert selected(screen) == (2, 0)
        await press(pilot, "down")
        assert selected(screen) == (1, 0)


async def test_keys_sort_by_one_column_after_the_other() -> None:
    async with opened(EVENTFUL, Look(columns="hol")) as (pilot, screen):
        seen = []
        for _ in range(4):
            await press(pilot, "S")
            seen.append(screen.look.sorted_by and screen.look.sorted_by[0])
        assert seen == ["h", "o", "l", None]
        await press(pilot, "S", "R")
        assert screen.look.sorted_by == ("h", Order.DESCENDING)


async def test_a_column_that_is_no_longer_shown_still_sorts() -> None:
    async with opened(EVENTFUL, Look(columns="ho", sorted_by=("l", Order.DESCENDING))) as (_, screen):
        assert texts(table(screen))[1].split()[0] == "2"


async def test_an_edge_of_the_header_can_be_pulled() -> None:
    async with opened(EVENTFUL, Look(columns="hols")) as (pilot, screen):
        before = texts(table(screen))[0].index("Loss%")
        edge = next(at.at + at.width for at in table(screen)._layout_now if at.column.id == "o")
        await pilot.mouse_down(HopTable, offset=(edge, 0))
        await pilot.hover(HopTable, offset=(edge - 20, 0))
        await pilot.mouse_up(HopTable, offset=(edge - 20, 0))
        await pilot.pause()
        assert texts(table(screen))[0].index("Loss%") == before - 20
        assert screen.look.sorted_by is None


async def test_the_dialog_changes_the_columns_at_once() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await press(pilot, "C", "space")
        assert isinstance(pilot.app.screen, ColumnsScreen)
        assert screen.look.columns == DEFAULT.replace("t", "")
        await press(pilot, "escape")
        assert texts(table(screen))[0].split()[0] == "#"


async def test_the_dialog_moves_and_widens_columns_and_goes_back_to_the_default() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await press(pilot, "C", "shift+down", "down", "right", "right")
        assert screen.look.columns == "htolsravbwdz"
        assert screen.look.widths == {"o": 26}
        await press(pilot, "0")
        assert screen.look.widths == {}
        await press(pilot, "r")
        assert screen.look.columns == DEFAULT


async def test_every_column_with_data_is_in_the_dialog_with_its_meaning() -> None:
    async with opened(EVENTFUL, size=(140, 90)) as (pilot, screen):
        await press(pilot, "C")
        listed = text_of(pilot.app.screen.query_one(ColumnList))
        for column in COLUMNS.values():
            offered = column.needs is None or column.needs in screen.scene.facts
            assert (column.help in listed) is offered


async def test_a_click_in_the_dialog_shows_a_column() -> None:
    async with opened(EVENTFUL, Look(columns="ho")) as (pilot, screen):
        await press(pilot, "C")
        await pilot.click(ColumnList, offset=(5, 2))
        await pilot.pause()
        assert screen.look.columns == "hol"


async def test_the_last_column_stays() -> None:
    async with opened(EVENTFUL, Look(columns="h")) as (pilot, screen):
        await press(pilot, "C", "space")
        assert screen.look.columns == "h"


# The filter


async def test_the_filter_works_while_it_is_typed_and_enter_keeps_it() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await press(pilot, "slash", *"51.100.3")
        assert [row.ttl for row in table(screen).rows] == [3, 3]
        await press(pilot, "enter")
        assert not screen.query_one(Prompt).display
        assert [row.ttl for row in table(screen).rows] == [3, 3]
        await press(pilot, "escape")
        assert len(table(screen).rows) == 5


async def test_escape_takes_the_filter_back() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await press(pilot, "slash", "3", "1", "escape")
        assert screen.look.needle == ""
        assert len(table(screen).rows) == 5
        await press(pilot, "down")
        assert selected(screen) == (1, 0)


async def test_letters_typed_into_the_filter_are_no_commands() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await press(pilot, "slash", "q", "d", "T")
        assert screen.query_one(Input).value == "qdT"
        assert (screen.look.details, screen.look.palette) == (False, "dark")


# What is shown


@pytest.mark.parametrize(("key", "mode"), [("i", AddressMode.IP)])
async def test_address_modes(key: str, mode: AddressMode) -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await press(pilot, key)
        assert screen.look.address_mode is mode


async def test_responders_can_be_folded_and_unfolded() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await press(pilot, "left_square_bracket")
        assert [row.key for row in table(screen).rows] == [(1, 0), (2, 0), (3, 0), (4, 0)]
        await press(pilot, "right_square_bracket")
        assert len(table(screen).rows) == 5
        await press(pilot, "left_curly_bracket")
        assert len(table(screen).rows) == 4
        await press(pilot, "right_curly_bracket")
        assert len(table(screen).rows) == 5


async def test_privacy_hides_hop_after_hop_also_in_a_frozen_picture() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await press(pilot, "ctrl+f", "p")
        assert "198.51.100.1 " not in text_of(table(screen))
        assert "198.51.100.31" in text_of(table(screen))
        await press(pilot, "p", "p")
        assert "198.51.100.31" not in text_of(table(screen))
        await press(pilot, "o", "o", "o")
        assert "198.51.100.1 " in text_of(table(screen))


async def test_a_frozen_picture_stands_still_but_can_be_walked_through() -> None:
    log = samples.eventful()
    async with opened([started(TARGET), *log.events[:2]]) as (pilot, screen):
        await press(pilot, "ctrl+f")
        screen.source.bridge.update(log.events[2:])
        screen.tick()
        await pilot.pause()
        assert len(table(screen).rows) == 1
        await press(pilot, "down", "d")
        assert selected(screen) == (1, 0)
        assert "198.51.100.1" in text_of(screen.query_one(Detail))
        await press(pilot, "ctrl+f")
        assert len(table(screen).rows) == 5


async def test_themes_go_round_for_our_lines_and_for_textuals() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        for name in [*PALETTES][1:]:
            await press(pilot, "T")
            assert screen.look.palette == name
            assert pilot.app.theme == f"hopscope-{name}"


async def test_ascii_draws_nothing_else() -> None:
    async with opened(EVENTFUL) as (pilot, screen):
        await press(pilot, "A", "down", "d")
        for part in screen.query(Lines):
            assert text_of(part).isascii()


# Tabs and targets


async def test_views_without_data_have_no_tab() -> None:
    async with opened(EVENTFUL) as (_, screen):
        assert "Table" in text_of(screen.query_one(ViewTabs))
        assert "All targets" not in text_of(screen.query_one(ViewTabs))
        assert not screen.query_one(Targets).display


def two_targets() -> list[Event]:
    others = [msgspec.structs.replace(TARGET, label=label, query=label) for label in ("one", "two")]
    return [
        started(*others),
        *events_of(samples.eventful(), "one"),
        *events_of(samples.unreachable(), "two"),
    ]


async def test_tab_goes_through_the_views_and_a_click_picks_one() -> None:
    async with opened(two_targets()) as (pilot, screen):
        await press(pilot, "shift+tab")
        last = screen.view
        await press(pilot, "tab")
        assert (screen.view, last) == ("view-table", [*screen.query_one(ViewTabs)._names][-1])
        at = texts(screen.query_one(ViewTabs))[0].index("All targets")
        await pilot.click(ViewTabs, offset=(at, 0))
        await pilot.pause()
        assert screen.view == "overview"
        await press(pilot, "t")
        assert screen.view == "view-table"


async def test_each_target_has_a_tab_with_its_health() -> None:
    async with opened(two_targets()) as (pilot, screen):
        (line,) = texts(screen.query_one(Targets))
        assert line.split() == ["?", "one", "✖", "two"]
        await press(pilot, "right")
        assert screen.current == 1
        await press(pilot, "right")
        assert screen.current == 0
        await pilot.click(Targets, offset=(line.index("two"), 0))
        await pilot.pause()
        assert "two" in text_of(screen.query_one(Head))


async def test_targets_come_and_go() -> None:
    async with opened(two_targets()) as (pilot, screen):
        await press(pilot, "a", *"192.0.2.9", "enter")
        await pilot.app.workers.wait_for_complete(list(screen.workers))
        await press(pilot, "X")
        source = screen.source
        assert (getattr(source, "added", None), getattr(source, "closed", None)) == (["192.0.2.9"], ["one"])
        assert [target.label for target in screen.scene.targets] == ["two"]
        await press(pilot, "X")
        assert [target.label for target in screen.scene.targets] == ["two"]


# The banner


def troubled(rounds_after: int) -> list[Event]:
    """One round in which nothing could be sent, then others a second apart."""
    log = Log()
    log.failed(1, 1, failure(message="The queue is full.", remedy="Send less."))
    for number in range(1, rounds_after + 1):
        log.answered(1, number + 1, 1_000_000, number)
    at = [
        round_id * 1_000_000_000 for round_id in (0, *(n for n in range(1, rounds_after + 1) for _ in "ab"))
    ]
    timed = [msgspec.structs.replace(event, at_ns=ns) for event, ns in zip(log.events, at, strict=True)]
    return [started(TARGET), *timed]


@pytest.mark.parametrize(("rounds_after", "shown"), [(0, True), (1, True), (3, True), (4, False), (9, False)])
async def test_the_banner_stays_as_long_as_the_trouble(rounds_after: int, shown: bool) -> None:  # noqa: FBT001
    async with opened(troubled(rounds_after)) as (_, screen):
        banner = screen.query_one(Banner)
        assert banner.display is shown
        if shown:
            assert "The queue is full. Send less. (once)" in text_of(banner)


async def test_the_banner_leaves_when_it_is_over() -> None:
    events = troubled(9)
    async with opened(events[:2]) as (pilot, screen):
        assert screen.query_one(Banner).size.height == 1
        screen.source.bridge.update(events[2:])
        screen.tick()
        await pilot.pause()
        assert not screen.query_one(Banner).display


# Sizes and hostile text


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50), (20, 5), (1, 1)])
async def test_every_size_is_survived(size: tuple[int, int]) -> None:
    async with opened(two_targets()) as (pilot, screen):
        await press(pilot, "down", "d")
        await pilot.resize_terminal(*size)
        await pilot.pause()
        for key in ("v", "t", "slash", "escape"):
            await press(pilot, key)
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert "192.0.2.80" in text_of(table(screen))


async def test_twenty_by_five_still_shows_hops() -> None:
    async with opened(EVENTFUL, size=(20, 5)) as (_, screen):
        assert "198.51.100" in text_of(table(screen))


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_are_shown_as_they_are_and_do_nothing(name: str) -> None:
    shown = printable(name)
    enemy = TargetInfo(label=shown or "x", query=shown, address=Address("192.0.2.80"))
    other = msgspec.structs.replace(TARGET, label="other", query="other")
    log = Log()
    why = failure(message=f"Cannot send to {name}.", remedy=name)
    log.answered(1, 1, responder=Address(name))
    log.failed(2, 2, why)
    events: list[Event] = [started(enemy, other), *events_of(log, enemy.label)]
    async with opened(events, size=(120, 36)) as (pilot, screen):
        await press(pilot, "down", "d", "v", "t", "slash", *"x[", "escape")
        drawn = "".join(text_of(part) for part in screen.query(Lines))
        assert drawn.replace("\n", "").isprintable()
        assert pilot.app.is_running
        assert shown[:12] in text_of(table(screen))
        await pilot.click(HopTable, offset=(10, 1))
        await pilot.click(Targets, offset=(4, 0))
        await pilot.pause()
        assert pilot.app.is_running


async def test_a_picture_that_did_not_change_is_not_built_again() -> None:
    async with opened(await traced("wan", report_cycles=2)) as (pilot, screen):
        rows, strips = table(screen).rows, list(table(screen)._strips)
        await press(pilot, "down")
        assert table(screen).rows is rows or all(
            a is b for a, b in zip(table(screen).rows, rows, strict=True)
        )
        redrawn = [n for n, one in enumerate(table(screen)._strips) if one is not strips[n]]
        assert redrawn == [1]
