"""Many targets whose rounds begin together: answers do not wait for all probes, and nobody is left out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.session_driver import simulation
from tracer.events import TraceEnded
from tracer.session import SENDS_IN_A_STEP

if TYPE_CHECKING:
    import pytest

    from tracer.interfaces import Received, SendProbe, SendResult

MANY = Path(__file__).parent / "scenarios" / "many.toml"
TARGETS = [f"203.0.113.{number}" for number in range(101, 165)]
WINDOW = 16


async def test_answers_are_read_between_the_probes_of_rounds_that_begin_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = simulation(MANY, TARGETS, report_cycles=2, max_inflight=WINDOW)
    channel = run.prepared.channel
    in_a_row, longest = 0, 0
    send, receive = channel.send, channel.receive

    def counted(command: SendProbe) -> SendResult:
        nonlocal in_a_row, longest
        in_a_row += 1
        longest = max(longest, in_a_row)
        return send(command)

    def looked(now_ns: int) -> list[Received]:
        nonlocal in_a_row
        in_a_row = 0
        return receive(now_ns)

    monkeypatch.setattr(channel, "send", counted)
    monkeypatch.setattr(channel, "receive", looked)
    await run.to_its_end()
    assert WINDOW < longest <= SENDS_IN_A_STEP + WINDOW
    assert [report.outcome.rounds for report in run.reports] == [2] * len(TARGETS)
    assert all(report.outcome.reached for report in run.reports)


async def test_a_target_that_is_closed_while_its_turn_has_come_ends_once() -> None:
    run = simulation(MANY, TARGETS[:8], max_inflight=WINDOW)
    labels = [target.label for target in run.prepared.targets]
    closed = False

    def close(_: object) -> None:
        nonlocal closed
        if not closed and len(run.batches) > len(labels):
            closed = True
            for label in labels:
                run.session.close(label)

    run.on_batch = close
    await run.to_its_end()
    assert sorted(event.target for event in run.told(TraceEnded)) == sorted(labels)
