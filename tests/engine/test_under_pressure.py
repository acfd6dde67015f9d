"""An engine whose host lets nothing out for a while, or for good; and one whose machine sleeps."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from tests.engine.engine_driver import FULL, LABEL, MS, NO_ROUTE, TARGET, Driven, leaves
from tests.lab.labkit.fault_notes import FaultNotes
from tracer.engine.setbacks import IN_A_ROW, PATIENCE_NS, Setbacks
from tracer.events import (
    DuplicateReply,
    PaceChanged,
    ProbeLost,
    ReplyReceived,
    SendFailed,
    SourceChanged,
    Suspended,
)
from tracer.interfaces import NotSent, Slept, SourceMoved
from tracer.model import Address, EndReason, FailureKind, SourceInfo, TraceId

SECOND = 1_000 * MS


def run(driven: Driven, until: int) -> int:
    """Let virtual time jump from deadline to deadline; returns when nothing was left to do."""
    now = 0
    while driven.engine.ended is None and now <= until:
        driven.tick(now)
        due = driven.engine.deadline(now)
        if due is None:
            break
        now = max(due, now + 1)
    return now


@pytest.mark.parametrize("failure", [FULL, NO_ROUTE])
def test_a_report_that_can_send_nothing_ends_in_bounded_time_and_names_why(failure: object) -> None:
    driven = Driven(report_cycles=1_000_000)
    driven.answering = lambda _command, _now: NotSent(failure)  # type: ignore[arg-type] # one of two failures
    ended_ns = run(driven, 3_600 * SECOND)
    assert driven.engine.ended is EndReason.ERROR
    assert PATIENCE_NS <= ended_ns <= 2 * PATIENCE_NS
    reason = driven.engine.failure
    assert reason is not None
    assert reason.kind is failure.kind  # type: ignore[attr-defined] # one of two failures
    assert reason.message.startswith("Given up: nothing could be sent for 1")
    assert reason.remedy
    assert reason.evidence["failed_in_a_row"] == len(driven.told(SendFailed))


@pytest.mark.fault("nothing can be sent: the screen", "asks ever less often, goes on, recovers")
def test_a_screen_goes_on_for_ever_and_recovers(notes: FaultNotes) -> None:
    driven = Driven(report_cycles=None, max_ttl=4)
    driven.answering = lambda command, now: NotSent(FULL) if now < 60 * SECOND else leaves(command, now)
    run(driven, 60 * SECOND)
    assert driven.engine.ended is None
    slowed = driven.told(PaceChanged)[-1]
    assert (slowed.rate, slowed.wanted) == (1, 100)
    notes.events(map(msgspec.to_builtins, driven.events))
    now = 61 * SECOND
    for second in range(15):
        driven.tick(now + second * SECOND)
    assert driven.told(PaceChanged)[-1].rate == 100
    assert driven.engine.ended is None


def test_silence_of_the_network_is_no_setback() -> None:
    setbacks = Setbacks(timeout_ns=2 * SECOND)
    for number in range(10 * IN_A_ROW):
        now = number * SECOND
        assert setbacks.failed(NO_ROUTE, now) is None
        if number % 5 == 0:
            setbacks.got_through()


def test_patience_lasts_two_timeouts_where_they_are_long() -> None:
    setbacks = Setbacks(timeout_ns=30 * SECOND)
    ends = [now for now in range(0, 70 * SECOND, SECOND) if setbacks.failed(NO_ROUTE, now) is not None]
    assert ends[0] == 60 * SECOND


def test_a_full_queue_is_asked_ever_less_often() -> None:
    driven = Driven(report_cycles=None, max_ttl=200, max_inflight=200, gap_limit=200)
    driven.answering = lambda _command, _now: NotSent(FULL)
    run(driven, 10 * SECOND)
    times = [event.at_ns for event in driven.told(SendFailed)]
    assert len(times) < 30
    assert all(later > earlier for earlier, later in itertools.pairwise(times))
    rates = [event.rate for event in driven.told(PaceChanged)]
    assert rates == [50, 25, 12, 6, 3, 1]


@pytest.mark.fault("machine suspended", "fails what was under way, counts no loss and no step of the clock")
def test_what_was_under_way_while_the_machine_slept_is_no_loss(notes: FaultNotes) -> None:
    driven = Driven(report_cycles=None, max_ttl=3)
    driven.tick(0)
    driven.engine.receive(Slept(trace=TraceId(0), destination=TARGET, slept_ns=8 * SECOND), MS)
    driven.tick(5 * SECOND)
    assert [event.slept_ns for event in driven.told(Suspended)] == [8 * SECOND]
    notes.events(map(msgspec.to_builtins, driven.events))
    failed = driven.told(SendFailed)
    assert [event.ttl for event in failed] == [1, 2, 3]
    assert {event.failure.kind for event in failed} == {FailureKind.HOST_ASLEEP}
    assert driven.told(ProbeLost) == []
    driven.router_answers(driven.sent[0], 6 * SECOND)
    assert driven.told(ReplyReceived) == []
    assert len(driven.told(DuplicateReply)) == 1


def test_a_source_that_moves_is_told_once() -> None:
    driven = Driven()
    source = SourceInfo(Address("192.0.2.7"), "eth0")
    moved = SourceMoved(trace=TraceId(0), destination=TARGET, source=source)
    for item in (moved, moved, msgspec.structs.replace(moved, source=None)):
        assert driven.engine.claims(item)
        driven.engine.receive(item, MS)
    driven.tick(MS)
    assert [(event.target, event.old, event.source) for event in driven.told(SourceChanged)] == [
        (LABEL, None, source),
        (LABEL, source, None),
    ]
    assert not driven.engine.claims(msgspec.structs.replace(moved, trace=TraceId(1)))
