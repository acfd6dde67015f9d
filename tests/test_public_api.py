"""What ``import tracer`` promises."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tracer
from tracer.report import json

ROOT = Path(__file__).parents[1]
PROGRAM = re.search(r"```python\n(.*?)```", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.DOTALL)
ROUNDS = tracer.TraceConfig(report_cycles=3)
ENDLESS = tracer.TraceConfig()


def test_every_public_name_is_there_and_no_other_is_promised() -> None:
    promised = [name for names in tracer._HOMES.values() for name in names]
    assert sorted(promised) == sorted(tracer.__all__)
    assert len(set(promised)) == len(promised)
    for name in set(tracer.__all__) - {"Event"}:  # a union of types has no name
        assert getattr(tracer, name).__name__ == tracer._OTHER_NAMES.get(name, name)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        tracer.no_such_name  # noqa: B018 - the look-up is the test


def test_the_program_in_the_documentation_runs_as_it_stands(tmp_path: Path) -> None:
    assert PROGRAM is not None
    script = tmp_path / "program.py"
    script.write_text(PROGRAM[1], encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, script],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "203.0.113.80" in ended.stdout
    assert ended.stdout.count("\n") > 13  # of the 16 hops two are silent


async def test_a_trace_tells_its_whole_story_in_order_and_then_ends() -> None:
    async with tracer.trace("203.0.113.80", ROUNDS, sim="wan", clock=tracer.VirtualClock()) as trace:
        events = [event async for event in trace]
    assert isinstance(events[0], tracer.TraceStarted)
    assert isinstance(events[-1], tracer.TraceEnded)
    fold = tracer.Fold()
    fold.apply(events)
    assert json.render(fold.reports()) == json.render(trace.reports())
    assert trace.snapshot().reached


async def test_leaving_the_block_ends_the_trace_with_every_probe_accounted_for() -> None:
    async with tracer.trace(sim="wan", config=ENDLESS, clock=tracer.VirtualClock()) as trace:
        async for event in trace:
            if isinstance(event, tracer.ReplyReceived):
                break
    end = trace.snapshot()
    assert end.reason == "interrupted"
    assert all(hop.outstanding == 0 for hop in end.hops)


async def test_what_the_program_raises_in_the_block_is_what_it_gets() -> None:
    with pytest.raises(ZeroDivisionError):
        async with tracer.trace(sim="wan", config=ENDLESS, clock=tracer.VirtualClock()):
            raise ZeroDivisionError
    assert [task.get_name() for task in asyncio.all_tasks()].count("trace") == 0


async def test_targets_come_and_go_while_it_runs() -> None:
    clock = tracer.VirtualClock()
    async with tracer.trace(["203.0.113.80", "198.51.100.21"], ENDLESS, sim="wan", clock=clock) as trace:
        added = await trace.add("192.0.2.45")
        trace.close("198.51.100.21")
        ended = []
        async for event in trace:
            if isinstance(event, tracer.TraceEnded):
                ended.append(event.target)
            if isinstance(event, tracer.ReplyReceived) and event.target == added.label:
                break
        assert list(trace.snapshots()) == ["203.0.113.80", "198.51.100.21", "192.0.2.45"]
        assert [target.label for target in trace.targets] == list(trace.snapshots())
    assert ended == ["198.51.100.21"]


async def test_an_ended_trace_takes_no_further_target() -> None:
    async with tracer.trace(sim="wan", config=ROUNDS, clock=tracer.VirtualClock()) as trace:
        await trace.finished()
        with pytest.raises(tracer.TargetError, match="has ended"):
            await trace.add("192.0.2.45")


async def test_a_program_that_does_not_read_loses_the_oldest_events_and_no_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracer.tracing.EVENTS_KEPT", 10)
    async with tracer.trace(sim="wan", config=ROUNDS, clock=tracer.VirtualClock()) as trace:
        await trace.finished()
        rest = [event async for event in trace]
    sent = sum(hop.sent for hop in trace.snapshot().hops)
    assert len(rest) == 10
    assert trace.missed_events > sent
    assert trace.snapshot().rounds == 3


async def test_a_target_without_an_address_is_an_error_before_anything_is_sent() -> None:
    with pytest.raises(tracer.TargetError):
        async with tracer.trace("no-such-name", ROUNDS, sim="wan", clock=tracer.VirtualClock()):
            raise AssertionError("never begun")
