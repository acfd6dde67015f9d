"""All targets in one table, and the tabs above it."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.report import samples
from tests.stats.logbook import TARGET, Log
from tests.tui.still_screen import events_of, opened, press, started, text_of, texts
from tests.tui.view.hostile import harmless, names
from tracer.events import Event
from tracer.stats.snapshot import TraceSnapshot
from tui.view.cells import line_width, plain
from tui.view.glyphs import GLYPHS, UNICODE
from tui.view.overview import Summary, health, overview, summary
from tui.view.privacy import Privacy, mask
from tui.view.style import Severity, Style
from tui.view.tabs import Tab, tab_line
from tui.widgets.targets import Overview

LOGS = {"fine": samples.eventful(), "refused": samples.unreachable(), "silent": samples.blackhole()}


def named(log: Log, name: str) -> TraceSnapshot:
    snapshot = log.fold()
    return msgspec.structs.replace(snapshot, target=msgspec.structs.replace(snapshot.target, query=name))


ROWS = [summary(named(log, name)) for name, log in LOGS.items()]


def drawn(width: int) -> list[str]:
    return [plain(line).rstrip() for line in overview(ROWS, 0, width)]


def test_a_target_that_answers_has_numbers_and_one_that_does_not_has_none() -> None:
    head, fine, refused, silent = drawn(80)
    assert head.split()[:6] == ["!", "Target", "Hops", "Loss%", "p50", "p99"]
    assert fine.split()[1:6] == ["fine", "4", "0.0", "100.3", "100.4"]
    assert refused.split()[1:6] == ["refused", "-", "-", "-", "-"]
    assert silent.split()[1:6] == ["silent", "-", "-", "-", "-"]


def test_the_verdict_has_a_mark_and_its_sentence_where_there_is_room() -> None:
    wide = drawn(300)
    assert [line[0] for line in wide[1:]] == [UNICODE.severity[row.severity] for row in ROWS]
    assert all(row.told in line for row, line in zip(ROWS, wide[1:], strict=True))


def test_a_narrow_table_keeps_mark_name_and_loss_the_longest() -> None:
    assert drawn(17)[0].split() == ["!", "Target", "Loss%"]
    assert drawn(11)[0].split() == ["!", "Target"]


def test_a_target_that_could_not_be_traced_is_alarming() -> None:
    assert health(samples.unsendable().fold()) is Severity.ALARMING


def test_a_hidden_target_is_not_named() -> None:
    snapshot = named(samples.eventful(), "secret.example.com")
    assert summary(mask(snapshot, Privacy(200))).name == "(hidden)"


@given(names, st.integers(1, 200), st.sampled_from([*GLYPHS]))
def test_names_are_data_and_every_line_is_as_wide_as_asked(name: str, width: int, glyphs: str) -> None:
    rows: list[Summary] = [summary(named(samples.eventful(), name)), *ROWS]
    lines = overview(rows, 1, width, GLYPHS[glyphs])
    assert {line_width(line) for line in lines} == {width}
    assert all(harmless(plain(line)) for line in lines)
    assert {style for _, style in lines[2]} == {Style.SELECTED}


@given(st.lists(names, max_size=12), st.integers(0, 11), st.integers(0, 120))
def test_the_chosen_tab_is_always_among_those_that_fit(titles: list[str], current: int, width: int) -> None:
    tabs = [Tab(title=title.encode("unicode_escape").decode(), key="t") for title in titles]
    found = tab_line(tabs, current, width)
    assert line_width(found.line) <= width
    if tabs and width:
        shown = [tab.index for tab in found.placed]
        assert min(current, len(tabs) - 1) in shown
        assert shown == list(range(shown[0], shown[-1] + 1))
        for tab in found.placed:
            assert found.index_at(tab.at) == tab.index


def test_tabs_left_out_are_told_on_their_side() -> None:
    tabs = [Tab(title=f"target {number}") for number in range(9)]
    assert plain(tab_line(tabs, 0, 30).line).endswith("›")  # noqa: RUF001 - the mark
    assert plain(tab_line(tabs, 8, 30).line).startswith("‹")  # noqa: RUF001 - the mark
    assert "target 4" in plain(tab_line(tabs, 4, 30).line)


# On the screen


def several() -> list[Event]:
    infos = [msgspec.structs.replace(TARGET, label=name, query=name) for name in LOGS]
    return [started(*infos), *(event for name, log in LOGS.items() for event in events_of(log, name))]


async def test_arrows_choose_a_target_and_enter_opens_it() -> None:
    async with opened(several(), size=(120, 30)) as (pilot, screen):
        await press(pilot, "v", "down", "down", "down")
        assert screen.current == 2
        assert "silent" in texts(screen.query_one(Overview))[3]
        await press(pilot, "enter")
        assert screen.view == "view-table"
        target = screen.scene.target
        assert target is not None
        assert target.label == "silent"


async def test_a_click_opens_a_target() -> None:
    async with opened(several()) as (pilot, screen):
        await press(pilot, "v")
        await pilot.click(Overview, offset=(5, 2))
        await pilot.pause()
        assert (screen.view, screen.current) == ("view-table", 1)


async def test_the_chosen_target_stays_in_sight_among_many() -> None:
    infos = [msgspec.structs.replace(TARGET, label=f"t{n}", query=f"t{n}") for n in range(40)]
    async with opened([started(*infos)]) as (pilot, screen):
        await press(pilot, "v")
        for _ in range(39):
            await press(pilot, "down")
        assert " t39 " in text_of(screen.query_one(Overview))
        assert "Target" in texts(screen.query_one(Overview))[0]


async def test_closing_all_but_one_leaves_the_overview() -> None:
    async with opened(several()) as (pilot, screen):
        await press(pilot, "v", "X", "X")
        assert len(screen.scene.targets) == 1
