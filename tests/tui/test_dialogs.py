"""Help, palette, copies, files and targets: what the user asks for happens, and is told either way."""

from __future__ import annotations

import errno
import functools
import io
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.tui.screen_driver import live, main_screen, recorded, settled, type_in, until
from tests.tui.view.hostile import HOSTILE
from tests.tui.view.traces import traced
from tracer import record
from tracer.clock import VirtualClock
from tracer.errors import TargetError
from tracer.events import PathEndMoved, TraceEnded, TraceStarted
from tracer.report.fold import Fold
from tracer.report.modes import FILES
from tui import export
from tui.app import HopscopeApp
from tui.export import ENDINGS, RunningRecording, default_name
from tui.files import FileError, write_new
from tui.replay import ReplaySource
from tui.scene import Scene, TargetScene
from tui.screens.help import HelpScreen
from tui.screens.main import MainScreen
from tui.screens.palette import PaletteScreen
from tui.source import Memory
from tui.view.cells import cell_width, plain
from tui.view.commands import offered
from tui.view.facts import Fact
from tui.view.glyphs import GLYPHS, Glyphs
from tui.view.help import help_lines, wrapped
from tui.view.history import History
from tui.view.log import Log
from tui.view.privacy import HIDDEN, Privacy
from tui.view.verdict_line import Status
from tui.widgets import Prompt
from tui.widgets.sheet import Sheet

FAR = "198.51.100.77"
"""An address that the simulated internet routes to nowhere special."""


def notices(app: HopscopeApp) -> list[str]:
    return [notice.message for notice in app._notifications]


async def answer(pilot: Pilot[Any], text: str) -> None:
    """Put a line in the place of the one proposed, and enter it."""
    pilot.app.screen.query_one(Prompt).value = text
    await pilot.press("enter")
    await pilot.pause()


def modes(folder: Path) -> list[int]:
    """Of every file in a folder."""
    return [path.stat().st_mode for path in folder.iterdir()]


# Help and palette


async def test_the_help_opens_scrolls_and_closes() -> None:
    app = HopscopeApp(live())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await settled(app)
        await pilot.press("question_mark")
        helping = await until(pilot, HelpScreen)
        sheet = helping.query_one(Sheet)
        assert plain(sheet._lines[1]).strip() == offered(screen.scene.facts)[0].group.heading
        await pilot.press("end")
        assert sheet.scroll_offset.y == len(sheet._lines) - sheet.size.height
        await pilot.press("escape")
        await until(pilot, MainScreen)


@given(st.integers(0, 200), st.sampled_from([*GLYPHS.values()]))
def test_the_help_fits_any_width(width: int, glyphs: Glyphs) -> None:
    assert all(cell_width(plain(line)) <= width for line in help_lines(Fact, {}, width, glyphs))


@given(st.text("ab 東", max_size=60), st.integers(2, 30))
def test_wrapping_loses_no_word(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert " ".join(lines).split() == text.split()
    assert all(cell_width(line) <= width or " " not in line for line in lines)


async def test_the_palette_runs_what_is_chosen() -> None:
    app = HopscopeApp(live())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await settled(app)
        await pilot.press("ctrl+p")
        palette = await until(pilot, PaletteScreen)
        await type_in(pilot, "hide one")
        assert [command.id for command in palette.found] == ["expand-privacy", "contract-privacy"]
        await pilot.press("enter")
        await until(pilot, MainScreen)
        assert screen.look.privacy == Privacy(1)
        await pilot.press("ctrl+p")
        await until(pilot, PaletteScreen)
        await type_in(pilot, "hide one")
        await pilot.press("down", "enter")
        await until(pilot, MainScreen)
        assert screen.look.privacy == Privacy(0)


async def test_the_palette_takes_clicks_and_text_that_looks_like_markup() -> None:
    app = HopscopeApp(live())
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app)
        await pilot.press("ctrl+p")
        palette = await until(pilot, PaletteScreen)
        await type_in(pilot, "[/x]")
        assert palette.found == ()
        await pilot.press(*["backspace"] * 4)
        await type_in(pilot, "help")
        await pilot.click("#found", offset=(3, 0))
        await until(pilot, HelpScreen)


# Copies


async def test_a_cell_and_the_table_are_copied_as_they_are_shown() -> None:
    app = HopscopeApp(live("wan"))
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await settled(app)
        await pilot.press("y")
        assert app.clipboard == ""
        await pilot.press("down", "y")
        target = screen.scene.target
        assert target is not None
        address = target.snapshot.hops[0].responders[0].address
        assert app.clipboard == address
        await pilot.press("Y")
        assert app.clipboard.startswith("| ! | # | Host |")
        assert address.replace("_", "\\_") in app.clipboard
        await pilot.press("p", "Y")
        assert address not in app.clipboard
        assert app.clipboard.count("\n") >= len(target.snapshot.hops) + 2


# Files


async def test_a_report_is_what_the_trace_says(tmp_path: Path) -> None:
    source = live("wan")
    app = HopscopeApp(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app)
        await pilot.press("w")
        await answer(pilot, f"{tmp_path}/report.json")
        await pilot.press("w")
        await answer(pilot, f"{tmp_path}/report.txt")
        assert notices(app) == [
            f"Report written to {tmp_path}/report.{ending}." for ending in ("json", "txt")
        ]
        (report,) = source.bridge.reports()
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["hops"][0]["responders"][0]["address"] == report.hops[0].responders[0].address
    assert written["outcome"]["rounds"] == report.outcome.rounds
    assert (tmp_path / "report.txt").read_text().splitlines()[-1].startswith("Reached")
    assert {stat.S_IMODE(mode) for mode in modes(tmp_path)} == {0o600}


@pytest.mark.parametrize("ending", [mode.ending for mode in FILES])
async def test_what_is_hidden_is_in_no_report(tmp_path: Path, ending: str) -> None:
    source = live("wan")
    app = HopscopeApp(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app)
        await pilot.press("p", "p", "w")
        await answer(pilot, f"{tmp_path}/report{ending}")
    (report,) = source.bridge.reports()
    text = (tmp_path / f"report{ending}").read_text()
    assert report.source is not None
    for address in (report.source.address, *(hop.responders[0].address for hop in report.hops[:2])):
        assert re.search(rf"(?<![\d.]){re.escape(address)}(?![\d.])", text) is None
    assert report.hops[2].responders[0].address in text


async def test_what_cannot_be_written_is_told_and_asked_again(tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text("precious")
    app = HopscopeApp(live())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app)
        await pilot.press("w")
        await answer(pilot, f"{tmp_path}/there.json")
        prompt = app.screen.query_one(Prompt)
        assert (prompt.is_open, prompt.value) == (True, f"{tmp_path}/there.json")
        await answer(pilot, f"{tmp_path}/none/report.json")
        await answer(pilot, f"{tmp_path}/report.pdf")
        await pilot.press("escape")
        assert [text.removeprefix(f"{tmp_path}/").split(" ", 1)[1] for text in notices(app)] == [
            "exists already; choose another name.",
            "cannot be written: No such file or directory.",
            "has no ending that names a format; there are " + ENDINGS + ".",
        ]
    assert (tmp_path / "there.json").read_text() == "precious"
    assert len(modes(tmp_path)) == 1


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FileError, match="No space left"):
        write_new(tmp_path / "report", b"x")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("query", HOSTILE)
def test_a_proposed_name_stays_in_its_folder(query: str) -> None:
    snapshot = traced()
    target = msgspec.structs.replace(snapshot.target, query=f"../{query}/x")
    shown = TargetScene(
        label="x",
        snapshot=msgspec.structs.replace(snapshot, target=target),
        history=History(),
        entries=(),
        log=Log(),
        status=Status.RUNNING,
    )
    scene = Scene(targets=(shown,))
    name = default_name(scene, "2026-01-01T00:00:00Z", ".json")
    assert Path(name).name == name
    assert len(name) < 120
    assert name.isprintable()


# Recordings


async def test_a_recording_holds_the_past_and_what_comes(tmp_path: Path) -> None:
    source = live("wan")
    app = HopscopeApp(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app)
        await pilot.press("W")
        await answer(pilot, f"{tmp_path}/log")
        await pilot.press("a")
        await answer(pilot, FAR)
        await settled(app)
        await pilot.press("W")
        assert notices(app)[-1].startswith(f"Recording to {tmp_path}/log ended: ")
        reports = source.bridge.reports()
    fold = Fold()
    fold.apply(record.read(tmp_path / "log"))
    assert fold.reports() == reports
    assert len(reports) == 2
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


async def test_a_recording_that_runs_ends_with_the_program(tmp_path: Path) -> None:
    app = HopscopeApp(live())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app)
        await pilot.press("W")
        await answer(pilot, f"{tmp_path}/log")
        recording = main_screen(app).recording
        assert recording is not None
        await pilot.press("q")
    assert recording.ended
    *_, last = record.read(tmp_path / "log")
    assert isinstance(last, TraceEnded)


class FullDisk(io.RawIOBase):
    """Takes nothing from a moment on."""

    def write(self, _data: Any, /) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("when", ["at once", "later"])
async def test_a_full_disk_ends_a_recording_and_is_told_once(
    tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = functools.partial(record.Recorder, opened=FullDisk())
    if when == "at once":
        monkeypatch.setattr(export, "Recorder", full)
    app = HopscopeApp(live())
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await settled(app)
        await pilot.press("W")
        await answer(pilot, f"{tmp_path}/log")
        assert screen.recording is not None
        if when == "later":
            screen.recording._recorder.close()
            screen.recording._recorder = full(tmp_path / "log")
        await pilot.press("a")
        await answer(pilot, FAR)
        await settled(app)
        told = [notice for notice in notices(app) if "is incomplete" in notice]
    assert told == [f"Recording to {tmp_path}/log is incomplete: No space left on device."]
    assert screen.recording.ended


async def test_starting_over_ends_a_recording(tmp_path: Path) -> None:
    app = HopscopeApp(live())
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await settled(app)
        await pilot.press("W")
        await answer(pilot, f"{tmp_path}/log")
        before = screen.source.bridge.header
        await pilot.press("ctrl+r")
        for _ in range(100):
            await pilot.pause()
            if screen.source.bridge.header is not before:
                break
        assert screen.recording is not None
        assert screen.recording.ended
        assert sum(notice.startswith(f"Recording to {tmp_path}/log ended: ") for notice in notices(app)) == 1
    assert [isinstance(event, TraceStarted) for event in record.read(tmp_path / "log")].count(True) == 1


async def test_what_is_hidden_is_in_no_recording(tmp_path: Path) -> None:
    events = await recorded(tmp_path / "log", "wan", report_cycles=3)
    near = {
        event.responder for event in events if getattr(event, "ttl", 9) < 3 and hasattr(event, "responder")
    }
    app = HopscopeApp(ReplaySource(tmp_path / "log", VirtualClock()))
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app)
        await pilot.press("p", "p", "W")
        await answer(pilot, f"{tmp_path}/masked")
        for _ in range(100):
            await pilot.pause()
            if (tmp_path / "masked").exists():
                break
    masked = [*record.read(tmp_path / "masked")]
    assert len(masked) == len(events)
    assert near
    assert near.isdisjoint(
        event.responder for event in masked if hasattr(event, "responder") and event.responder != HIDDEN
    )


def test_a_full_disk_ends_the_recording_and_says_so(tmp_path: Path) -> None:
    recording = RunningRecording(tmp_path / "log", (), Privacy)
    recording._recorder.failure = OSError(28, "No space left on device")
    recording.write([TraceEnded(at_ns=0, target="x", reason="target_reached", ended_at="")])  # type: ignore[arg-type]
    assert recording.ended
    assert recording.failure is not None


async def test_memory_keeps_what_the_rest_cannot_be_read_without(tmp_path: Path) -> None:
    events = await recorded(tmp_path / "log", "wan", report_cycles=10)
    memory = Memory(most=100)
    memory.keep(events)
    log = [*memory.log()]
    assert log[0] == events[0]
    assert log[-100:] == events[-100:]
    ends = [event for event in events if isinstance(event, PathEndMoved)]
    assert [event for event in log if isinstance(event, PathEndMoved)] == ends[-1:]
    fold = Fold()
    fold.apply(log)
    assert fold.snapshots()[0].reached


# Targets and starting over


async def test_a_target_is_added_and_a_name_without_address_is_told() -> None:
    app = HopscopeApp(live("wan"))
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await settled(app)
        await pilot.press("a")
        await answer(pilot, "no.such.name")
        assert "no.such.name has no address." in notices(app)[-1]
        await pilot.press("a")
        await answer(pilot, FAR)
        await pilot.press("a")
        await answer(pilot, FAR)
        await settled(app)
        assert [target.label for target in screen.scene.targets][1:] == [FAR, f"{FAR}#2"]


async def test_a_target_of_the_command_line_without_address_goes_on_saying_so() -> None:
    app = HopscopeApp(live("wan", queries=("no.such.name", FAR)))
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await settled(app)
        await pilot.press("tab")
        await settled(app)
        nowhere, _ = screen.scene.targets
        [error] = nowhere.snapshot.errors
        assert error.message == "no.such.name has no address."
        assert nowhere.troubles == (0,)
        assert not notices(app)


async def test_starting_over_keeps_targets_that_came_and_leaves_out_those_that_went() -> None:
    source = live("wan", queries=("198.51.100.7", "198.51.100.8"))
    app = HopscopeApp(source)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await settled(app)
        await source.add(FAR)
        source.close("198.51.100.7")
        screen.hidden |= {"198.51.100.7"}
        before = source.bridge.header
        await pilot.press("ctrl+r")
        for _ in range(1000):
            await pilot.pause()
            if source.bridge.header is not before:
                break
        await settled(app)
        assert [target.label for target in screen.scene.targets] == ["198.51.100.8", FAR]
        assert all(target.snapshot.hops for target in screen.scene.targets)


async def test_a_name_that_is_no_address_is_refused_by_the_source() -> None:
    source = live("wan")
    app = HopscopeApp(source)
    async with app.run_test():
        await settled(app)
        with pytest.raises(TargetError):
            await source.add("no.such.name")
        assert len(source.bridge.reports()) == 1


async def test_leaving_with_the_report_keeps_it() -> None:
    app = HopscopeApp(live("wan"))
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app)
        await pilot.press("p", "Q")
    assert "Reached" in app.last_words
    assert app.last_words.count("\n") > 16
    assert "192.0.2." not in app.last_words.splitlines()[2]
