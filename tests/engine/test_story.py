from __future__ import annotations

from typing import Any

import pytest

from tests.engine.engine_driver import EXHAUSTED, FULL, LABEL, TARGET, kernel, reply_to, router
from tests.engine.samples_of_probes import tracked
from tracer.engine.path_end import OPEN, PathEnd
from tracer.engine.story import Story
from tracer.events import (
    DuplicateReply,
    ForeignReply,
    Health,
    LateReply,
    MalformedReply,
    PathEndMoved,
    PortsExhausted,
    PortSkipped,
    ProbeLost,
    ProbeSent,
    ReplyReceived,
    SendFailed,
)
from tracer.interfaces import Malformed, Notice
from tracer.model import (
    Anomaly,
    ForeignReason,
    LossReason,
    PathEndKind,
    Port,
    ProbeState,
    ReplyKind,
    Stamp,
    StampClock,
    Ttl,
)

NOW = 900


def test_every_event_of_a_probe_says_which() -> None:
    story, one = Story(LABEL), tracked(7, ttl=3, round_id=2)
    story.sent(one, kernel(5), NOW)
    story.skipped(one, NOW)
    story.failed(one, FULL, ProbeState.LOST, NOW)
    story.failed(one, EXHAUSTED, ProbeState.PLANNED, NOW)
    story.lost(one, LossReason.TRACE_END, NOW)
    story.answered(
        one, reply_to(one.probe, ReplyKind.TIME_EXCEEDED, router(3), 9), TARGET, ProbeState.OUTSTANDING, NOW
    )
    events = story.take()
    assert [type(event) for event in events] == [
        ProbeSent,
        PortSkipped,
        SendFailed,
        PortsExhausted,
        ProbeLost,
        ReplyReceived,
    ]
    about = {
        (event.target, event.at_ns, event.round, event.ttl, event.flow, event.sequence)
        for event in events
        if isinstance(event, ProbeSent | PortSkipped | SendFailed | ProbeLost | ReplyReceived)
    }
    assert about == {(LABEL, NOW, 2, 3, 0, 7)}
    assert isinstance(events[2], SendFailed)
    assert events[2].was is ProbeState.LOST
    assert isinstance(events[0], ProbeSent)
    assert (events[0].source_port, events[0].target_port) == (Port(40_000), Port(33_434))
    assert story.take() == []


@pytest.mark.parametrize(
    ("was", "kind"),
    [
        (ProbeState.OUTSTANDING, ReplyReceived),
        (ProbeState.LOST, LateReply),
        (ProbeState.REPLIED, DuplicateReply),
        (ProbeState.FAILED, DuplicateReply),
    ],
)
def test_what_an_answer_is_depends_on_what_its_probe_was(was: ProbeState, kind: type) -> None:
    one = tracked()
    reply = reply_to(one.probe, ReplyKind.TIME_EXCEEDED, router(3), 9)
    assert type(Story(LABEL).answered(one, reply, TARGET, was, NOW)) is kind


@pytest.mark.parametrize(
    ("tx", "rx", "fields", "rtt", "anomaly"),
    [
        (100, 350, {}, 250, None),
        (100, 100, {}, 0, None),
        (100, 99, {}, None, Anomaly.NEGATIVE_RTT),
        (100, 350, {"rtt_ns": 113}, 113, None),
        (100, 350, {"rtt_ns": 113, "retransmitted": True}, None, Anomaly.SYN_RETRANSMITTED),
    ],
)
def test_the_round_trip_time_is_of_the_best_stamps_and_never_clamped(
    tx: int, rx: int, fields: dict[str, Any], rtt: int | None, anomaly: Anomaly | None
) -> None:
    one = tracked()
    one.tx = Stamp(tx, StampClock.USER)
    one.packet = b"as it left"
    reply = reply_to(one.probe, ReplyKind.ECHO_REPLY, TARGET, rx, raw=b"as it came", **fields)
    event = Story(LABEL).answered(one, reply, TARGET, ProbeState.OUTSTANDING, NOW)
    assert (event.rtt_ns, event.anomaly) == (rtt, anomaly)
    assert (event.tx, event.rx) == (Stamp(tx, StampClock.USER), kernel(rx))
    assert event.reached
    assert (event.probe_bytes, event.reply_bytes) == (b"as it left", b"as it came")


def test_the_end_of_the_path_is_told_once_per_change() -> None:
    story = Story(LABEL)
    end = PathEnd(Ttl(8), PathEndKind.TARGET)
    for believed in (OPEN, end, end, OPEN, OPEN):
        story.path_end(believed, NOW)
    told = [event for event in story.take() if isinstance(event, PathEndMoved)]
    assert [(event.ttl, event.kind) for event in told] == [(8, PathEndKind.TARGET), (None, PathEndKind.OPEN)]


def test_oddities_are_events_of_the_target() -> None:
    story = Story(LABEL)
    reply = reply_to(tracked().probe, ReplyKind.TIME_EXCEEDED, router(3), 9)
    story.foreign(reply, ForeignReason.UNKNOWN_IDENTITY, NOW)
    story.malformed(Malformed(destination=None, reason="icmp at byte 4: truncated", raw=b"x"), NOW)
    story.noticed(Notice(kernel_drops=3, clock_steps=1), NOW)
    assert story.take() == [
        ForeignReply(at_ns=NOW, target=LABEL, responder=router(3), reason=ForeignReason.UNKNOWN_IDENTITY),
        MalformedReply(at_ns=NOW, target=LABEL, reason="icmp at byte 4: truncated", reply_bytes=b"x"),
        Health(at_ns=NOW, target=LABEL, kernel_drops=3, clock_steps=1),
    ]
