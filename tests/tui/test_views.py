"""The views beside the table under keys and mouse: chart, heat map, flows, log, packet inspector."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.stats.logbook import MS, TARGET, Log
from tests.tui.still_screen import opened, press, started, text_of, texts, traced
from tests.tui.view.hostile import HOSTILE
from tracer.events import Event, MalformedReply, PathChanged, ProbeLost, TraceEnded
from tracer.model import Address, FlowId, Port, RoundId, Ttl
from tracer.text import printable
from tui.scene import Look
from tui.screens.main import MainScreen
from tui.view.glyphs import ASCII
from tui.view.privacy import Privacy
from tui.view.style import Style
from tui.widgets import VIEWS, Lines, LogView
from tui.widgets.chart_view import ChartView
from tui.widgets.heat_view import HeatView

S = 1_000_000_000
SIZES = [(80, 24), (120, 36), (200, 50), (20, 5)]
KEYS = {"chart": "c", "heatmap": "e", "events": "l", "inspector": "x"}


def body(screen: MainScreen) -> Lines:
    return screen.body


def chart(screen: MainScreen) -> ChartView:
    return screen.query_one(ChartView)


def heat(screen: MainScreen) -> HeatView:
    return screen.query_one(HeatView)


def log(screen: MainScreen) -> LogView:
    return screen.query_one(LogView)


def two_flows() -> list[Event]:
    """Two flows part at the second hop."""
    written = Log()
    for ttl in (1, 2, 3):
        written.answered(ttl, ttl)
    first: list[Any] = [*written.events]
    second = [msgspec.structs.replace(event, flow=FlowId(1), source_port=Port(40_001)) for event in first]
    second[3] = msgspec.structs.replace(second[3], responder=Address("198.51.100.99"))
    return [started(TARGET), *first, *second]


def quiet_then_changed(rounds: int = 40) -> list[Event]:
    """Answers of three hops, a round a second.

    Hop 2 loses the probes of the 11th and the 21st round; after the 30th the path changes.
    """
    written = Log()
    for number in range(rounds):
        for ttl in (1, 2, 3):
            sequence = number * 3 + ttl
            written.sent(ttl, sequence, number)
            if ttl == 2 and number in (10, 20):
                written.lost(ttl, sequence, number)
            else:
                written.reply(ttl, sequence, ttl * MS, number)
    change = PathChanged(
        at_ns=30 * S + 500,
        target=TARGET.label,
        round=RoundId(30),
        ttl=Ttl(2),
        old=(Address("192.0.2.1"), Address("192.0.2.2")),
        new=(Address("192.0.2.1"), Address("192.0.2.3")),
    )
    events: list[Event] = [started(TARGET), change, *map(in_its_round, written.events)]
    return sorted(events, key=lambda event: event.at_ns)


def in_its_round(event: Any) -> Event:
    """The event of a probe, moved to the second of its round."""
    moved = {"at_ns": event.round * S + event.at_ns}
    if not isinstance(event, ProbeLost):
        moved["tx"] = msgspec.structs.replace(event.tx, ns=event.round * S)
    changed: Event = msgspec.structs.replace(event, **moved)
    return changed


# Every view


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("glyphs", [None, ASCII], ids=["unicode", "ascii"])
async def test_every_view_is_drawn_in_every_size(size: tuple[int, int], glyphs: object) -> None:
    look = Look(glyphs=ASCII) if glyphs else Look()
    async with opened(await traced("loss", report_cycles=20), look, size) as (pilot, screen):
        for name, key in KEYS.items():
            await press(pilot, key)
            assert screen.view == name
            shown = texts(body(screen))
            assert any(shown) or size == (20, 5)
            assert all(len(line) <= size[0] for line in shown)
            if glyphs:
                assert all(line.isascii() for line in shown)


async def test_what_there_is_no_data_for_says_why() -> None:
    async with opened([started(TARGET)]) as (pilot, screen):
        await press(pilot, "c")
        assert text_of(body(screen)).startswith("No probe has been answered or lost yet")
        await press(pilot, "e")
        assert "No probe has been answered or lost yet" in text_of(body(screen))
        await press(pilot, "l")
        assert "trace started: ICMP by sim" in text_of(body(screen))
        await press(pilot, "x")
        assert screen.view == "events"
        notes = [note.message for note in screen.app._notifications]
        assert notes == ["No packet has been kept so far."]


async def test_no_target_is_told_in_every_view() -> None:
    async with opened([]) as (pilot, screen):
        for key in ("c", "e", "l"):
            await press(pilot, key)
            assert "No target yet." in text_of(body(screen))


async def test_tab_goes_round_the_views_that_have_data() -> None:
    async with opened(two_flows()) as (pilot, screen):
        seen = [screen.view]
        for _ in range(5):
            await press(pilot, "tab")
            seen.append(screen.view)
        assert seen == ["view-table", "chart", "heatmap", "flows", "events", "view-table"]


async def test_hostile_names_and_texts_are_harmless_in_every_view() -> None:
    events = await traced("lan", report_cycles=3)
    last = events[-1]
    assert isinstance(last, TraceEnded)
    hostile = [MalformedReply(at_ns=last.at_ns, target=last.target, reason=name) for name in HOSTILE]
    async with opened([*events, *hostile]) as (pilot, screen):
        for key in KEYS.values():
            await press(pilot, key)
            assert all(line == printable(line) for line in texts(body(screen)))


# Chart


async def test_the_chart_is_drawn_again_only_when_there_is_more_to_draw() -> None:
    events = quiet_then_changed()
    async with opened(events[:-30]) as (pilot, screen):
        await press(pilot, "c", "e")
        drawn = (chart(screen)._chart.made, heat(screen)._map.made)
        for event in events[-30:-20]:
            screen.source.bridge.update([event])
            screen.tick()
            await press(pilot, "c", "e")
        again = (chart(screen)._chart.made, heat(screen)._map.made)
        assert all(1 <= after - before <= 5 for before, after in zip(drawn, again, strict=True))
        screen.tick()
        await press(pilot, "c", "e")
        assert (chart(screen)._chart.made, heat(screen)._map.made) == again


async def test_the_selected_hop_stands_out_and_its_losses_are_counted() -> None:
    async with opened(quiet_then_changed(), size=(120, 30)) as (pilot, screen):
        await press(pilot, "c", "down", "down")
        shown = texts(chart(screen))
        assert shown[0].startswith("hop 2 198.51.100.2  × 2 of 40 lost")  # noqa: RUF001 - a loss
        assert sum(line.count("×") for line in shown[1:]) == 2  # noqa: RUF001 - losses
        styles = {style for line in chart(screen)._lines for _, style in line}
        assert {Style.CHART_SELECTED, Style.SELECTED} <= styles


async def test_zoom_and_pan_move_the_chart_and_the_heat_map_alike() -> None:
    async with opened(quiet_then_changed(), size=(80, 24)) as (pilot, screen):
        await press(pilot, "c")
        assert "-39.0s" in texts(chart(screen))[-2]
        await press(pilot, "equals_sign", "equals_sign")
        assert "zoom 4" in texts(chart(screen))[0]
        assert "-9.7s" in texts(chart(screen))[-2]
        await press(pilot, "shift+left")
        assert "earlier samples" in texts(chart(screen))[0]
        assert screen.look.chart.pan == 1
        await press(pilot, "shift+right", "minus", "minus")
        assert "-39.0s" in texts(chart(screen))[-2]


async def test_a_click_on_the_legend_or_a_row_of_the_map_selects_the_hop() -> None:
    async with opened(quiet_then_changed(), size=(120, 30)) as (pilot, screen):
        await press(pilot, "c")
        await pilot.click(ChartView, offset=(100, 3))
        await pilot.pause()
        assert screen.selected[TARGET.label] == (3, 0)
        await press(pilot, "e")
        await pilot.click(HeatView, offset=(10, 2))
        await pilot.pause()
        assert screen.selected[TARGET.label] == (2, 0)


async def test_a_frozen_chart_stands_still() -> None:
    events = quiet_then_changed()
    async with opened(events[:60], size=(80, 24)) as (pilot, screen):
        await press(pilot, "c", "ctrl+f")
        before = texts(chart(screen))
        screen.source.bridge.update(events[60:])
        screen.tick()
        await press(pilot, "e", "c")
        assert texts(chart(screen)) == before
        await press(pilot, "ctrl+f")
        assert texts(chart(screen)) != before


# Heat map


async def test_the_heat_map_has_a_row_for_each_hop_a_legend_and_rounds() -> None:
    async with opened(quiet_then_changed(), size=(80, 24)) as (pilot, screen):
        await press(pilot, "e")
        shown = texts(heat(screen))
        assert shown[0] == "·░▒▓█■ 1.00 to 3.00 ms  × lost  a cell is 1 round"  # noqa: RUF001 - a loss
        assert [line[:4] for line in shown[1:4]] == ["  1 ", "  2 ", "  3 "]
        assert shown[2].count("×") == 2  # noqa: RUF001 - losses
        assert shown[4].split() == ["round", "1", "round", "40"]


async def test_wide_maps_name_the_hops_and_hide_those_that_are_private() -> None:
    look = Look(privacy=Privacy(hops=1))
    async with opened(quiet_then_changed(), look, (120, 30)) as (pilot, screen):
        await press(pilot, "e")
        shown = texts(heat(screen))
        assert shown[1].startswith("  1 (hidden)")
        assert shown[2].startswith("  2 198.51.100.2")


# Flows


async def test_flows_show_where_they_part_and_mask_what_is_private() -> None:
    async with opened(two_flows(), size=(80, 24)) as (pilot, screen):
        await press(pilot, "f")
        shown = texts(body(screen))
        assert shown[0] == "2 flows, on 2 different paths"
        assert [line.rstrip() for line in shown[2:9]] == [
            "path 1  1 flow",
            "    ports 40000 → 33434",
            "    1 198.51.100.1 → 2 198.51.100.2 → 3 198.51.100.3",
            "",
            "path 2  1 flow",
            "    ports 40001 → 33434",
            "    2 198.51.100.99 else as path 1",
        ]
        changed = [text for line in body(screen)._lines for text, style in line if style is Style.CHANGED]
        assert changed == [" 198.51.100.99 "]
        await press(pilot, "p", "p")
        assert "198.51.100.99" not in text_of(body(screen))
        assert "3 198.51.100.3" in text_of(body(screen))


async def test_long_paths_are_broken_and_not_cut() -> None:
    async with opened(two_flows(), size=(40, 24)) as (pilot, screen):
        await press(pilot, "f")
        assert "198.51.100.3" in text_of(body(screen))
        assert all(len(line) <= 40 for line in texts(body(screen)))


async def test_one_flow_has_no_view_and_the_key_says_why() -> None:
    async with opened(quiet_then_changed()) as (pilot, screen):
        await press(pilot, "f")
        assert screen.view == "view-table"
        assert [note.message for note in screen.app._notifications] == [
            "This trace has one flow only (-R paris --flows 16 has more)."
        ]


# Log


async def test_the_log_shows_what_is_notable_and_everything_when_asked() -> None:
    async with opened(quiet_then_changed(), size=(80, 24)) as (pilot, screen):
        await press(pilot, "l")
        assert texts(log(screen))[0] == "2 entries  L shows probes and losses too"
        assert "path changed at hop 2: 192.0.2.2 before, 192.0.2.3 now" in text_of(log(screen))
        await press(pilot, "L")
        assert texts(log(screen))[0] == "242 entries, probes and losses too  L shows only what is notable"
        assert texts(log(screen))[-1].endswith("hop 3: 198.51.100.3 answered in 3.00 ms")
        await press(pilot, "L")
        assert len(log(screen).entries) == 2


async def test_the_log_follows_the_newest_until_it_is_scrolled() -> None:
    events = quiet_then_changed()
    look = Look(all_events=True)
    async with opened(events[:100], look, (80, 24)) as (pilot, screen):
        await press(pilot, "l")
        feed(screen, events[100:160])
        await pilot.pause()
        newest = log(screen).entries[-1]
        assert texts(log(screen))[-1].endswith(newest.text)
        await press(pilot, "pageup", "up")
        read = texts(log(screen))[1:]
        feed(screen, events[160:])
        await pilot.pause()
        assert texts(log(screen))[1:] == read
        for _ in range(20):
            await press(pilot, "pagedown")
        assert texts(log(screen))[-1].endswith(log(screen).entries[-1].text)


def feed(screen: MainScreen, events: list[Event]) -> None:
    for event in events:
        screen.source.bridge.update([event])
        screen.tick()


async def test_the_filter_holds_for_the_log_too() -> None:
    async with opened(quiet_then_changed(), Look(needle="CHANGED"), (80, 24)) as (pilot, screen):
        await press(pilot, "l")
        assert [entry.text[:12] for entry in log(screen).entries] == ["path changed"]
        screen.change_look(needle="nowhere")
        screen.tick()
        assert 'No entry contains "nowhere".' in text_of(log(screen))


async def test_the_log_is_masked_when_addresses_become_private() -> None:
    async with opened(quiet_then_changed(), Look(all_events=True), (80, 24)) as (pilot, screen):
        await press(pilot, "l", "p")
        assert not any("198.51.100.1 " in entry.text for entry in log(screen).entries)
        await press(pilot, "o")
        assert any("198.51.100.1 " in entry.text for entry in log(screen).entries)


async def test_a_frozen_log_is_masked_too() -> None:
    async with opened(quiet_then_changed(), Look(all_events=True), (80, 24)) as (pilot, screen):
        await press(pilot, "l", "ctrl+f", "p")
        assert log(screen).entries
        assert not any("198.51.100.1 " in entry.text for entry in log(screen).entries)


# Jumps


async def test_jumps_mark_the_loss_select_its_hop_and_its_probe_and_move_the_chart() -> None:
    async with opened(quiet_then_changed(), size=(80, 24)) as (pilot, screen):
        await press(pilot, "c", "equals_sign", "equals_sign", "quotation_mark")
        assert marked(screen) == "hop 2: no answer in round 21"
        assert screen.selected[TARGET.label] == (2, 0)
        left, right = screen.look.chart.window(0, 39 * S)
        assert left <= 20 * S <= right
        await press(pilot, "quotation_mark")
        assert marked(screen) == "hop 2: no answer in round 11"
        await press(pilot, "quotation_mark")
        assert marked(screen) == "hop 2: no answer in round 11"
        assert [note.message for note in screen.app._notifications] == ["The log has no loss there."]
        await press(pilot, "apostrophe")
        assert marked(screen) == "hop 2: no answer in round 21"
        await press(pilot, "l")
        assert "hop 2: no answer in round 21" in text_of(log(screen))


def marked(screen: MainScreen) -> str:
    target = screen.scene.target
    assert target is not None
    assert target.cursor.marked is not None
    return target.cursor.marked.text


async def test_jumps_go_from_change_to_change_and_escape_forgets_them() -> None:
    async with opened(quiet_then_changed(), size=(80, 24)) as (pilot, screen):
        await press(pilot, "right_parenthesis")
        assert marked(screen).startswith("path changed at hop 2")
        await press(pilot, "escape")
        assert screen.scene.target is not None
        assert screen.scene.target.cursor.marked is None


async def test_losses_of_a_hop_that_never_answers_are_passed_over() -> None:
    async with opened(await traced("wan", report_cycles=5)) as (pilot, screen):
        await press(pilot, "apostrophe")
        assert screen.scene.target is not None
        assert screen.scene.target.cursor.marked is None


async def test_a_click_on_an_entry_marks_it() -> None:
    async with opened(quiet_then_changed(), Look(all_events=True), (80, 24)) as (pilot, screen):
        await press(pilot, "l")
        wanted = texts(log(screen))[3]
        await pilot.click(LogView, offset=(30, 3))
        await pilot.pause()
        assert wanted.endswith(marked(screen))


# Packet inspector


async def test_the_inspector_takes_the_newest_probe_of_the_hop_apart() -> None:
    async with opened(await traced("wan", report_cycles=5), size=(80, 80)) as (pilot, screen):
        await press(pilot, "x", "down", "down")
        shown = text_of(body(screen))
        assert shown.startswith("hop 2  probe 5 of 5  the newest")
        for part in (
            "probe as it left, 84 bytes",
            "reply as it came",
            "quoted IPv4",
            "sent as 2, every router",
        ):
            assert part in shown


async def test_probes_are_chosen_one_by_one_and_the_newest_is_followed_again() -> None:
    async with opened(await traced("wan", report_cycles=5), size=(80, 60)) as (pilot, screen):
        await press(pilot, "x", "down", "P", "P")
        assert texts(body(screen))[0] == "hop 1  probe 3 of 5"
        await press(pilot, "down")
        assert texts(body(screen))[0] == "hop 2  probe 3 of 5"
        await press(pilot, "P", "P", "P", "P")
        assert texts(body(screen))[0] == "hop 2  probe 1 of 5"
        for _ in range(5):
            await press(pilot, "N")
        assert texts(body(screen))[0] == "hop 2  probe 5 of 5  the newest"


async def test_a_lost_probe_says_that_there_is_nothing_to_take_apart() -> None:
    async with opened(await traced("wan", report_cycles=5), size=(80, 40)) as (pilot, screen):
        await press(pilot, "x", "down", "down", "down", "down")
        assert texts(body(screen))[1] == "no answer came"
        assert "There is nothing to take apart" in text_of(body(screen))


async def test_packets_are_not_shown_while_addresses_are_hidden() -> None:
    look = Look(privacy=Privacy(hops=1))
    async with opened(await traced("wan", report_cycles=3), look, (80, 40)) as (pilot, screen):
        await press(pilot, "x")
        assert text_of(body(screen)).startswith("While addresses are hidden no packet is shown")


async def test_long_packets_are_reached_by_paging() -> None:
    async with opened(await traced("wan", report_cycles=3), size=(80, 24)) as (pilot, screen):
        await press(pilot, "x", "down")
        assert "reply as it came" not in text_of(body(screen))
        last = texts(body(screen))[-1]
        await press(pilot, "pagedown")
        assert texts(body(screen))[1] == last
        assert "reply as it came" in text_of(body(screen))
        await press(pilot, "pageup")
        assert "probe as it left" in text_of(body(screen))


def test_every_view_is_named_after_the_command_that_shows_it() -> None:
    assert [view.name for view in VIEWS if view.name in KEYS or view.name == "flows"] == [
        "chart",
        "heatmap",
        "flows",
        "events",
        "inspector",
    ]
