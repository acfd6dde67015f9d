"""Replay: whatever way a moment is reached, the picture is the fold of the log up to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.screen_driver import main_screen, moved, recorded, write
from tracer.clock import VirtualClock
from tracer.errors import RecordingError
from tracer.events import Event, PathChanged, ProbeLost, ReplyReceived
from tracer.report.fold import Fold
from tui import replay
from tui.app import HopscopeApp
from tui.replay import ReplaySource, following, preceding
from tui.view.cells import line_width, plain
from tui.view.glyphs import ASCII, GLYPHS, Glyphs
from tui.view.scrubber import SPEEDS, Playback, faster, moment_at, scrubber, slower
from tui.view.verdict_line import Status

SECOND = 1_000_000_000


class HeldClock(VirtualClock):
    """Virtual time that passes only when the test says so."""

    async def wait(self, deadline_ns: int | None, fileno: int | None) -> None:
        if deadline_ns is not None and deadline_ns <= self.now_ns():
            await asyncio.sleep(0)
        else:
            await super().wait(None, fileno)

    def pass_by(self, duration_ns: int) -> None:
        self.advance(duration_ns)
        self.wake()


@asynccontextmanager
async def played(path: Path, clock: VirtualClock) -> AsyncIterator[ReplaySource]:
    """A source that has read its file and stands at its start."""
    source = ReplaySource(path, clock)
    task = asyncio.create_task(source.run())
    await reached(source, lambda: source.bridge.header is not None)
    try:
        yield source
    finally:
        source.stop()
        await task


async def reached(source: ReplaySource, there: Callable[[], bool] | None = None) -> None:
    """Let the fold come to the wanted moment."""
    wanted = there or (lambda: source.bridge.position_ns == moment_shown(source))
    for _ in range(20_000):
        await asyncio.sleep(0)
        if wanted():
            return
    raise AssertionError("the replay does not get there")


def moment_shown(source: ReplaySource) -> int:
    """The moment of the last event up to the position."""
    return max(event.at_ns for event in source.recorded() if event.at_ns <= source.position_ns)


def reports_at(events: list[Event], position_ns: int) -> object:
    fold = Fold()
    fold.apply(event for event in events if event.at_ns <= position_ns)
    return fold.reports()


async def test_played_to_its_end_it_says_what_the_live_run_said(tmp_path: Path) -> None:
    events = await recorded(tmp_path / "log")
    async with played(tmp_path / "log", VirtualClock()) as source:
        await reached(source, lambda: source.position_ns == source.length_ns)
        await reached(source)
        assert source.bridge.reports() == reports_at(events, source.length_ns)
        assert not source.playback(None).playing


async def test_every_moment_is_the_fold_up_to_it_forward_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "CHECKPOINT_EVENTS", 150)
    monkeypatch.setattr(replay, "SLICE", 40)
    events = await recorded(tmp_path / "log")
    async with played(tmp_path / "log", HeldClock()) as source:
        source.hold_at(0)
        for part in (3, 30, 29, 10, 11, 1, 0, 30, 15, 14):
            source.seek(source.length_ns * part // 30)
            await reached(source)
            assert source.bridge.reports() == reports_at(events, source.position_ns)
        assert len(source._checkpoints) >= 3


@pytest.mark.parametrize("speed", SPEEDS)
async def test_the_recording_runs_so_many_seconds_in_a_second(tmp_path: Path, speed: float) -> None:
    await recorded(tmp_path / "log", "lan", report_cycles=130)
    clock = HeldClock()
    async with played(tmp_path / "log", clock) as source:
        while source.playback(None).speed < speed:
            source.faster()
        while source.playback(None).speed > speed:
            source.slower()
        clock.pass_by(2 * SECOND)
        assert source.position_ns == 2 * speed * SECOND
        await reached(source)
        source.play_or_hold()
        clock.pass_by(2 * SECOND)
        assert source.position_ns == 2 * speed * SECOND


async def test_it_holds_at_its_end_and_plays_again_from_its_start(tmp_path: Path) -> None:
    await recorded(tmp_path / "log", report_cycles=3)
    clock = HeldClock()
    async with played(tmp_path / "log", clock) as source:
        clock.pass_by(source.length_ns * 2)
        await reached(source, lambda: not source.playback(None).playing)
        assert source.position_ns == source.length_ns
        source.play_or_hold()
        assert (source.position_ns, source.playback(None).playing) == (0, True)


@pytest.mark.parametrize("scenario", ["route-change", "loss", "wan"])
async def test_jumps_find_changes_and_losses_of_hops_that_answer(tmp_path: Path, scenario: str) -> None:
    events = await recorded(tmp_path / "log", scenario, report_cycles=60)
    async with played(tmp_path / "log", HeldClock()) as source:
        (label,) = {event.target for event in events if isinstance(event, ReplyReceived)}
        at = source.playback(label)
        assert at.changes == tuple(event.at_ns for event in events if isinstance(event, PathChanged))
        answering = {event.ttl for event in events if isinstance(event, ReplyReceived)}
        assert at.losses == tuple(
            event.at_ns for event in events if isinstance(event, ProbeLost) and event.ttl in answering
        )
        assert bool(at.changes) == (scenario == "route-change")
        assert bool(at.losses) == (scenario == "loss")


@given(st.lists(st.integers(0, 50)), st.integers(-1, 51))
def test_neighbours_are_strictly_before_and_after(unsorted: list[int], position: int) -> None:
    moments = sorted(unsorted)
    assert following(moments, position) == min((one for one in moments if one > position), default=None)
    assert preceding(moments, position) == max((one for one in moments if one < position), default=None)


async def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("no log\n")
    with pytest.raises(RecordingError):
        await ReplaySource(tmp_path / "log", VirtualClock()).run()


async def test_the_loop_has_its_turns_while_a_long_recording_is_read_and_sought(tmp_path: Path) -> None:
    events = await recorded(tmp_path / "log", report_cycles=20)
    span = events[-1].at_ns + 1
    later = [moved(event, turn * span) for turn in range(60) for event in events[1:-1]]
    write(tmp_path / "log", [events[0], *later])
    async with played(tmp_path / "log", HeldClock()) as source:
        source.hold_at(source.length_ns)
        turns = 0
        while source.bridge.position_ns < source.length_ns:
            await asyncio.sleep(0)
            turns += 1
        assert turns >= len(later) // replay.SLICE


# On the screen


async def test_keys_move_through_the_recording(tmp_path: Path) -> None:
    await recorded(tmp_path / "log", "route-change", report_cycles=60)
    source = ReplaySource(tmp_path / "log", HeldClock())
    app = HopscopeApp(source)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = main_screen(app)
        await reached(source, lambda: source.playback(None).playing)
        await pilot.press("space")
        await pilot.press("greater_than_sign")
        screen.tick()
        assert screen.scene.position_ns == replay.STEP_NS
        assert screen.scene.length_ns == source.length_ns
        target = screen.scene.target
        assert target is not None
        assert target.status is Status.PAUSED
        (change, *_) = source.playback(target.label).changes
        await pilot.press("right_parenthesis")
        assert source.position_ns == change
        await pilot.press("plus", "plus")
        screen.tick()
        assert screen.scene.speed == 4
        await pilot.press("end")
        assert source.position_ns == source.length_ns
        await pilot.press("home")
        assert source.position_ns == 0
        await pilot.press("left_parenthesis")
        await pilot.pause()
        assert [note.message for note in app._notifications] == ["No path change that way."]


async def test_keys_go_from_loss_to_loss(tmp_path: Path) -> None:
    await recorded(tmp_path / "log")
    source = ReplaySource(tmp_path / "log", HeldClock())
    app = HopscopeApp(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await reached(source, lambda: source.playback(None).playing)
        source.hold_at(0)
        main_screen(app).tick()
        (label,) = (target.label for target in main_screen(app).scene.targets)
        first, second, *_ = dict.fromkeys(source.playback(label).losses)
        await pilot.press("apostrophe", "apostrophe")
        assert source.position_ns == second
        await pilot.press("quotation_mark")
        assert source.position_ns == first


async def test_a_click_on_the_line_goes_there(tmp_path: Path) -> None:
    await recorded(tmp_path / "log")
    source = ReplaySource(tmp_path / "log", HeldClock())
    app = HopscopeApp(source)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = main_screen(app)
        await reached(source, lambda: source.playback(None).playing)
        source.hold_at(0)
        screen.tick()
        await pilot.pause()
        await pilot.click("#scrubber", offset=(99, 0))
        assert source.position_ns == source.length_ns


# The line


playbacks = st.builds(
    Playback,
    position_ns=st.integers(0, 10**12),
    length_ns=st.integers(0, 10**12),
    speed=st.sampled_from(SPEEDS),
    playing=st.booleans(),
    changes=st.lists(st.integers(0, 10**12), max_size=5).map(lambda some: tuple(sorted(some))),
    losses=st.lists(st.integers(0, 10**12), max_size=5).map(lambda some: tuple(sorted(some))),
)


@given(playbacks, st.integers(0, 200), st.sampled_from([*GLYPHS.values()]))
def test_the_line_fits_any_width(playback: Playback, width: int, glyphs: Glyphs) -> None:
    assert line_width(scrubber(playback, width, glyphs)) <= width


@given(st.lists(st.integers(0, 60 * SECOND), min_size=1, max_size=8), st.integers(60, 150))
def test_every_mark_stands_where_a_click_goes_to_its_moment(losses: list[int], width: int) -> None:
    length = 60 * SECOND
    playback = Playback(position_ns=0, length_ns=length, losses=tuple(sorted(losses)))
    text = plain(scrubber(playback, width, ASCII))
    start = text.index(ASCII.bar)
    step = length / (width - start - 1)
    drawn = {cell for cell in range(width) if text[cell] == ASCII.loss and cell > start}
    wanted = {start + int(moment // step) for moment in losses} - {start}
    assert all(min(abs(cell - other) for other in drawn) <= 1 for cell in wanted)
    for cell in drawn:
        moment = moment_at(playback, cell, width)
        assert moment is not None
        assert min(abs(moment - loss) for loss in losses) <= step


def test_outside_the_bar_there_is_no_moment() -> None:
    playback = Playback(position_ns=0, length_ns=60 * SECOND)
    assert moment_at(playback, 0, 100) is None
    assert moment_at(playback, 100, 100) is None
    assert moment_at(playback, 99, 100) == 60 * SECOND


def test_speeds_end_where_they_end() -> None:
    assert faster(SPEEDS[-1]) == SPEEDS[-1]
    assert slower(SPEEDS[0]) == SPEEDS[0]
    assert slower(faster(1.0)) == 1.0
