"""Drawing in slices: the loop has its turn in between, and the picture is the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.tui.still_screen import opened, press, texts, traced
from tracer.events import Event
from tui.screens.main import MainScreen
from tui.slices import SLICE_NS, in_slices, one_slice
from tui.widgets import Lines

SIZES = ((80, 24), (160, 45))
VIEWS = {"table": "t", "chart": "c", "heat map": "e", "events": "l", "inspector": "x", "flows": "f"}


class Clock:
    """Each look at it costs a step."""

    def __init__(self, step_ns: int) -> None:
        self._now_ns, self._step_ns = 0, step_ns

    def __call__(self) -> int:
        self._now_ns += self._step_ns
        return self._now_ns


@pytest.fixture
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step takes longer than a slice."""
    monkeypatch.setattr("tui.slices.perf_counter_ns", Clock(10 * SLICE_NS))


def counting(to: int, done: list[int]) -> Iterator[None]:
    for number in range(to):
        done.append(number)
        yield


def test_a_slice_goes_on_while_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.slices.perf_counter_ns", Clock(1000))
    done: list[int] = []
    steps = counting(7, done)
    assert one_slice(steps, 3000)
    assert done == [0, 1, 2]
    assert one_slice(steps, 3000)
    assert done == [0, 1, 2, 3, 4, 5]
    assert not one_slice(steps, 3000)
    assert done == [*range(7)]


@pytest.mark.usefixtures("_slow")
async def test_the_loop_has_its_turn_between_two_slices() -> None:
    done: list[int] = []
    seen: list[int] = []
    loop = asyncio.get_running_loop()

    def watch() -> None:
        seen.append(len(done))
        if len(done) < 5:
            loop.call_soon(watch)

    loop.call_soon(watch)
    await in_slices(counting(5, done), lambda: True)
    assert seen[:5] == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("_slow")
async def test_what_is_not_wanted_any_more_is_left() -> None:
    done: list[int] = []
    await in_slices(counting(50, done), lambda: len(done) < 3)
    assert done == [0, 1, 2]


async def loss() -> list[Event]:
    return await traced("loss", report_cycles=40)


@pytest.mark.usefixtures("_slow")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", VIEWS.values(), ids=VIEWS.keys())
async def test_a_picture_drawn_in_slices_is_the_one_drawn_at_once(key: str, size: tuple[int, int]) -> None:
    events = await loss()
    half = len(events) // 2
    async with opened(events[:half], size=size) as (pilot, screen):
        await press(pilot, key, "down", "d")
        screen._pace.pause()
        screen.source.bridge.update(events[half:])
        before = pictures(screen)
        await screen._redraw()
        await pilot.pause()
        sliced = pictures(screen)
        screen.draw()
        await pilot.pause()
        assert pictures(screen) == sliced != before


def pictures(screen: MainScreen) -> list[list[str]]:
    return [texts(part) for part in screen.query(Lines)]


@pytest.mark.usefixtures("_slow")
async def test_a_key_in_the_middle_of_a_drawing_is_obeyed_at_once() -> None:
    events = await loss()
    half = len(events) // 2
    async with opened(events[:half]) as (pilot, screen):
        await press(pilot, "c")
        screen._pace.pause()
        screen.source.bridge.update(events[half:-20])
        drawing = asyncio.create_task(screen._redraw())
        await asyncio.sleep(0)
        assert not drawing.done()
        screen.show_view("view-table")
        screen.source.bridge.update(events[-20:])
        screen.tick()
        await drawing
        await pilot.pause()
        assert screen._state() == screen._drawn
        target = screen.scene.target
        assert target is not None
        assert target.snapshot == screen.source.bridge.targets(screen.look)[0].snapshot
        assert screen.body.id == "view-table"


@pytest.mark.usefixtures("_slow")
async def test_events_that_come_while_it_draws_are_drawn_the_next_time() -> None:
    events = await loss()
    async with opened(events[:-40]) as (pilot, screen):
        screen._pace.pause()
        screen.source.bridge.update(events[-40:-20])
        drawing = asyncio.create_task(screen._redraw())
        await asyncio.sleep(0)
        screen.source.bridge.update(events[-20:])
        await drawing
        assert screen._state() != screen._drawn
        await screen._redraw()
        await pilot.pause()
        assert screen._state() == screen._drawn
