from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tracer.clock import SystemClock, VirtualClock
from tracer.interfaces import Clock

MS = 1_000_000
S = 1_000_000_000


def test_both_are_clocks() -> None:
    clocks: list[Clock] = [SystemClock(), VirtualClock()]
    assert all(clock.utc().endswith("Z") for clock in clocks)


async def test_a_virtual_wait_is_over_at_once_and_exactly_at_its_deadline() -> None:
    clock = VirtualClock()
    started_ns = time.monotonic_ns()
    await clock.wait(3600 * S + 1, None)
    assert clock.now_ns() == 3600 * S + 1
    assert time.monotonic_ns() - started_ns < S


async def test_virtual_time_never_runs_backwards() -> None:
    clock = VirtualClock()
    clock.advance(5)
    await clock.wait(3, None)
    assert clock.now_ns() == 5
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


async def test_a_virtual_wait_lets_other_tasks_run() -> None:
    clock, seen = VirtualClock(), []

    async def other() -> None:
        seen.append(clock.now_ns())

    task = asyncio.create_task(other())
    await clock.wait(S, None)
    assert seen == [0]
    await task


async def test_waking_a_virtual_clock_ends_a_wait_without_a_deadline() -> None:
    clock = VirtualClock()
    waiting = asyncio.create_task(clock.wait(None, None))
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.wake()
    await waiting
    assert clock.now_ns() == 0


async def test_a_wake_before_a_virtual_wait_ends_that_wait_and_no_other() -> None:
    clock = VirtualClock()
    clock.wake()
    await clock.wait(S, None)
    assert clock.now_ns() == 0
    await clock.wait(S, None)
    assert clock.now_ns() == S


async def test_a_virtual_clock_refuses_descriptors() -> None:
    with pytest.raises(ValueError, match="descriptor"):
        await VirtualClock().wait(S, 0)


async def test_the_virtual_wall_clock_goes_along() -> None:
    clock = VirtualClock("2026-03-01T12:00:00Z")
    assert clock.utc() == "2026-03-01T12:00:00.000000Z"
    await clock.wait(90 * S + 1500, None)
    assert clock.utc() == "2026-03-01T12:01:30.000001Z"


def test_the_system_clock_counts_monotonic_nanoseconds_from_its_creation() -> None:
    before_ns = time.monotonic_ns()
    clock = SystemClock()
    after_ns = time.monotonic_ns()
    reads = [clock.now_ns() for _ in range(100)]
    assert all(later >= earlier for earlier, later in pairwise([0, *reads]))
    asked_ns = time.monotonic_ns()
    last_ns = clock.now_ns()
    assert asked_ns - after_ns <= last_ns <= time.monotonic_ns() - before_ns


def test_the_system_wall_clock_is_utc_with_microseconds() -> None:
    before, told, after = datetime.now(UTC), SystemClock().utc(), datetime.now(UTC)
    assert len(told) == len("2026-01-01T00:00:00.000000Z")
    assert before <= datetime.fromisoformat(told) <= after


async def test_a_system_wait_never_ends_before_its_deadline() -> None:
    clock = SystemClock()
    for step_ns in (100_000, 1_500_000, 3 * MS):
        deadline_ns = clock.now_ns() + step_ns
        await clock.wait(deadline_ns, None)
        assert clock.now_ns() >= deadline_ns


async def test_a_past_deadline_still_lets_other_tasks_run() -> None:
    clock, turns = SystemClock(), []

    async def other() -> None:
        turns.append(clock.now_ns())

    task = asyncio.create_task(other())
    await clock.wait(0, None)
    assert len(turns) == 1
    await task


async def test_a_readable_descriptor_ends_a_system_wait() -> None:
    clock = SystemClock()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        waiting = asyncio.create_task(clock.wait(None, ours.fileno()))
        await asyncio.sleep(0)
        assert not waiting.done()
        theirs.send(b"x")
        await waiting
        assert ours.recv(10) == b"x"
        clock.close()


async def test_a_descriptor_stays_watched_between_waits_and_reports_each_time() -> None:
    clock = SystemClock()
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for _ in range(3):
            theirs.send(b"x")
            await clock.wait(None, ours.fileno())
            assert ours.recv(10) == b"x"
        # What was read is no reason to end the next wait: this one lasts to its deadline.
        deadline_ns = clock.now_ns() + 2 * MS
        await clock.wait(deadline_ns, ours.fileno())
        assert clock.now_ns() >= deadline_ns
        clock.close()
        assert not loop.remove_reader(ours.fileno())


async def test_waiting_for_another_descriptor_forgets_the_first() -> None:
    clock = SystemClock()
    loop = asyncio.get_running_loop()
    first, second = socket.socketpair(), socket.socketpair()
    with first[0], first[1], second[0], second[1]:
        await clock.wait(0, first[0].fileno())
        second[1].send(b"x")
        await clock.wait(None, second[0].fileno())
        assert not loop.remove_reader(first[0].fileno())
        clock.close()


async def test_wake_ends_this_system_wait_or_the_next() -> None:
    clock = SystemClock()
    waiting = asyncio.create_task(clock.wait(None, None))
    await asyncio.sleep(0)
    clock.wake()
    await waiting
    clock.wake()
    await clock.wait(None, None)
    assert clock.now_ns() < 60 * S


async def test_a_signal_handler_may_wake_the_clock() -> None:
    clock = SystemClock()
    before = signal.signal(signal.SIGUSR1, lambda *_: clock.wake())
    try:
        waiting = asyncio.create_task(clock.wait(None, None))
        asyncio.get_running_loop().call_later(0.001, os.kill, os.getpid(), signal.SIGUSR1)
        await waiting
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert waiting.done()


async def test_a_cancelled_wait_leaves_the_clock_usable() -> None:
    clock = SystemClock()
    waiting = asyncio.create_task(clock.wait(None, None))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await clock.wait(clock.now_ns() + 100_000, None)
    clock.wake()
    await clock.wait(None, None)
    assert waiting.cancelled()
