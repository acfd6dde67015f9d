"""The engine as a whole, one story at a time."""

from __future__ import annotations

import pytest

from tests.engine.engine_driver import (
    EXHAUSTED,
    FULL,
    NO_ROUTE,
    TARGET,
    Driven,
    in_use,
    kernel,
    leaves,
    reply_to,
    router,
)
from tracer.config import MS, SECOND, ProtocolChoice
from tracer.engine.matching import OUTSTANDING_LIMIT
from tracer.events import (
    DuplicateReply,
    ForeignReply,
    LateReply,
    PathEndMoved,
    PortsExhausted,
    PortSkipped,
    ProbeLost,
    ReplyReceived,
    SendFailed,
)
from tracer.interfaces import FailedLate, NotSent, SendProbe, SendResult, Sent, TransmitStamp
from tracer.model import (
    Address,
    Anomaly,
    EndReason,
    ForeignReason,
    LossReason,
    Port,
    Protocol,
    ReplyKind,
)


def test_the_first_tick_sends_the_window_ascending() -> None:
    driven = Driven()
    assert driven.tick(0) == list(range(1, 25))
    assert driven.tick(0) == []
    assert [probe.sequence for probe in driven.sent] == list(range(33_434, 33_458))
    assert [probe.target_port for probe in driven.sent] == list(range(33_434, 33_458))


def test_after_the_target_answered_the_next_rounds_stop_there() -> None:
    driven = Driven()
    driven.tick(0)
    driven.path(8, 20 * MS)
    assert driven.tick(SECOND) == list(range(1, 9))
    assert driven.told(PathEndMoved)[-1].ttl == 8


def test_a_whole_trace_reaches_the_target_and_says_so() -> None:
    driven = Driven(report_cycles=3)
    seen = 0
    for round_id in range(3):
        driven.tick(round_id * SECOND)
        seen += 1  # the first router is silent
        driven.path(5, round_id * SECOND + 10 * MS, seen)
        seen = len(driven.sent)
    assert driven.engine.deadline(2 * SECOND + 10 * MS) == 2 * SECOND + 30 * MS
    driven.tick(2 * SECOND + 30 * MS)
    assert driven.engine.ended is EndReason.TARGET_REACHED
    assert driven.tick(9 * SECOND) == []


def test_a_trace_that_has_ended_asks_for_nothing() -> None:
    driven = Driven(report_cycles=1)
    driven.tick(0)
    driven.path(5, 10 * MS)
    assert driven.engine.ended is EndReason.TARGET_REACHED
    assert driven.engine.deadline(10 * MS) is None


def test_a_silent_path_ends_with_its_gap_once_every_probe_is_lost() -> None:
    driven = Driven(report_cycles=1, gap_limit=5)
    driven.tick(0)
    for probe in driven.sent[:3]:
        driven.router_answers(probe, 10 * MS)
    assert driven.engine.deadline(10 * MS) == 2 * SECOND
    driven.tick(2 * SECOND)
    assert driven.engine.ended is EndReason.GAP_LIMIT
    assert driven.told(PathEndMoved)[-1].ttl == 8


def test_a_path_that_answers_up_to_the_last_ttl_ends_there() -> None:
    driven = Driven(report_cycles=1, max_ttl=10)
    driven.tick(0)
    driven.path(99, 10 * MS)
    assert driven.engine.ended is EndReason.MAX_TTL


def test_a_refusing_router_ends_the_trace_as_unreachable() -> None:
    driven = Driven(report_cycles=1)
    driven.tick(0)
    for probe in driven.sent[:4]:
        driven.router_answers(probe, 10 * MS)
    refusal = reply_to(driven.sent[4], ReplyKind.UNREACHABLE, router(5), 10 * MS)
    driven.receive(refusal, 10 * MS)
    driven.tick(SECOND)
    assert driven.engine.ended is EndReason.UNREACHABLE
    assert {event.reason for event in driven.told(ProbeLost)} == {LossReason.TRACE_END}


def test_a_late_answer_takes_the_loss_back_and_a_further_one_is_a_duplicate() -> None:
    driven = Driven(report_cycles=100)
    driven.tick(0)
    driven.tick(2 * SECOND)
    assert {event.ttl for event in driven.told(ProbeLost)} == set(range(1, 25))
    first = driven.sent[0]
    for _ in range(2):
        driven.router_answers(first, 3 * SECOND)
    assert [event.ttl for event in driven.told(LateReply)] == [1]
    assert driven.told(LateReply)[0].rtt_ns == 3 * SECOND
    assert [event.ttl for event in driven.told(DuplicateReply)] == [1]


def test_an_answer_after_the_probe_is_forgotten_is_foreign() -> None:
    driven = Driven(protocol=ProtocolChoice.ICMP, report_cycles=100)
    driven.tick(0)
    for second in range(1, 11):
        driven.tick(second * SECOND)
    driven.router_answers(driven.sent[0], 10 * SECOND)
    assert [event.reason for event in driven.told(ForeignReply)] == [ForeignReason.UNKNOWN_IDENTITY]


@pytest.mark.parametrize("kind", [ReplyKind.ECHO_REPLY, ReplyKind.SYN_ACK, ReplyKind.RST, ReplyKind.UDP_DATA])
def test_only_the_target_itself_can_answer_directly(kind: ReplyKind) -> None:
    driven = Driven()
    driven.tick(0)
    driven.receive(reply_to(driven.sent[3], kind, router(4), MS), MS)
    assert [event.reason for event in driven.told(ForeignReply)] == [ForeignReason.WRONG_RESPONDER]
    driven.receive(reply_to(driven.sent[3], kind, TARGET, MS), MS)
    assert [event.reached for event in driven.told(ReplyReceived)] == [True]


def test_a_stamp_refines_the_round_trip_time_of_its_own_target_alone() -> None:
    driven = Driven()
    driven.tick(0)
    probe = driven.sent[0]
    for destination, at in ((Address("192.0.2.77"), 9 * MS), (TARGET, 2 * MS)):
        driven.engine.receive(
            TransmitStamp(
                protocol=Protocol.UDP,
                destination=destination,
                identity=probe.identity,
                at=kernel(at),
                packet=destination.encode(),
            ),
            MS,
        )
    driven.router_answers(probe, 10 * MS)
    (event,) = driven.told(ReplyReceived)
    assert (event.rtt_ns, event.probe_bytes) == (8 * MS, TARGET.encode())


def test_a_reply_before_its_probe_is_an_anomaly() -> None:
    driven = Driven()
    driven.tick(10)
    driven.receive(reply_to(driven.sent[0], ReplyKind.TIME_EXCEEDED, router(1), 9), 11)
    (event,) = driven.told(ReplyReceived)
    assert (event.rtt_ns, event.anomaly) == (None, Anomaly.NEGATIVE_RTT)


def test_a_port_in_use_is_skipped_and_the_same_ttl_goes_out_before_the_next() -> None:
    driven = Driven(protocol=ProtocolChoice.TCP)

    def every_third_in_use(command: SendProbe, now: int) -> SendResult:
        return in_use(command, now) if command.probe.source_port % 3 == 0 else leaves(command, now)

    driven.answering = every_third_in_use
    assert driven.tick(0) == list(range(1, 25))
    skipped = driven.told(PortSkipped)
    assert skipped
    assert [probe.sequence for probe in driven.asked] == list(range(33_434, 33_434 + 24 + len(skipped)))
    assert {event.source_port % 3 for event in skipped} == {0}


def test_a_skipped_ttl_is_not_sent_again_beyond_a_target_that_has_answered() -> None:
    driven = Driven(protocol=ProtocolChoice.TCP, max_inflight=4)
    driven.engine.tick(0)
    for _ in range(3):
        command = _send(driven)
        driven.sent.append(command.probe)
        driven.engine.answer(command, leaves(command, 0), 0)
    command = _send(driven)
    assert command.probe.ttl == 4
    driven.engine.receive(reply_to(driven.sent[2], ReplyKind.SYN_ACK, TARGET, MS), MS)
    driven.engine.answer(command, in_use(command, MS), MS)
    driven.engine.tick(MS)
    assert not [one for one in driven.engine.take_commands() if isinstance(one, SendProbe)]


def _send(driven: Driven) -> SendProbe:
    (command,) = driven.engine.take_commands()
    assert isinstance(command, SendProbe)
    return command


def lap_of_eight(command: SendProbe, now: int) -> SendResult:
    return NotSent(EXHAUSTED) if command.lap_ends else in_use(command, now)


def test_a_range_that_others_hold_is_one_lap_and_then_exhaustion() -> None:
    driven = Driven(protocol=ProtocolChoice.TCP, usable=range(50_000, 50_008), report_cycles=1)
    driven.answering = lap_of_eight
    assert driven.tick(0) == []
    # One lap of skips; then each TTL tries the one port that might have come free.
    assert len(driven.told(PortSkipped)) == 7
    assert [event.ttl for event in driven.told(PortsExhausted)] == list(range(1, 25))
    assert driven.told(ProbeLost) == []
    assert driven.engine.deadline(0) == 0
    driven.tick(0)
    assert driven.engine.ended is EndReason.ERROR


def test_ports_that_come_free_are_used_again_in_the_next_round() -> None:
    driven = Driven(protocol=ProtocolChoice.TCP, usable=range(50_000, 50_008))
    driven.answering = lap_of_eight
    driven.tick(0)
    driven.answering = leaves
    assert driven.tick(SECOND) == list(range(1, 9))


def test_ports_of_our_own_probes_mean_wait_until_one_is_answered_or_lost() -> None:
    driven = Driven(protocol=ProtocolChoice.TCP, usable=range(50_000, 50_003), report_cycles=1)
    assert driven.tick(0) == [1, 2, 3]
    assert driven.engine.deadline(0) == 2 * SECOND
    assert driven.router_answers(driven.sent[1], 10 * MS) == [4]
    assert driven.tick(2 * SECOND) == [5, 6]
    ports = [probe.source_port for probe in driven.sent]
    assert ports[3] == ports[1]
    assert set(ports[4:]) == {ports[0], ports[2]}
    assert driven.told(SendFailed) == []


def test_one_fixed_pair_has_one_probe_outstanding_at_a_time() -> None:
    driven = Driven(source_port=7000, target_port=53)
    assert driven.tick(0) == [1]
    assert driven.router_answers(driven.sent[0], 5 * MS) == [2]
    assert driven.tick(5 * MS + 2 * SECOND) == [3]
    assert {probe.identity for probe in driven.sent} == {(7000, 53)}


def test_a_failure_is_no_loss_and_its_turn_is_over() -> None:
    driven = Driven(report_cycles=1, max_ttl=5)
    driven.answering = lambda command, now: (
        NotSent(NO_ROUTE) if command.probe.ttl == 2 else leaves(command, now)
    )
    assert driven.tick(0) == [1, 3, 4, 5]
    assert [event.ttl for event in driven.told(SendFailed)] == [2]


def test_a_failure_told_later_ends_its_probe_and_frees_its_port() -> None:
    driven = Driven(report_cycles=2, max_ttl=3)
    driven.tick(0)
    for probe in driven.sent:
        failed = FailedLate(protocol=Protocol.UDP, destination=TARGET, identity=probe.identity, failure=FULL)
        for _ in range(2):
            driven.engine.receive(failed, MS)
    driven.tick(MS)
    assert [event.ttl for event in driven.told(SendFailed)] == [1, 2, 3]
    assert driven.released == driven.sent


def test_a_trace_whose_every_probe_was_stopped_here_has_sent_nothing() -> None:
    driven = Driven(report_cycles=1, max_ttl=3)
    driven.tick(0)
    for probe in driven.sent:
        driven.engine.receive(
            FailedLate(protocol=Protocol.UDP, destination=TARGET, identity=probe.identity, failure=FULL), MS
        )
    driven.tick(MS)
    assert driven.engine.ended is EndReason.ERROR


def test_no_stamp_however_wrong_keeps_a_trace_from_ending() -> None:
    driven = Driven(report_cycles=1)
    driven.tick(0)
    for probe in driven.sent:
        driven.engine.receive(
            TransmitStamp(
                protocol=Protocol.UDP, destination=TARGET, identity=probe.identity, at=kernel(10**18)
            ),
            MS,
        )
    driven.tick(2 * SECOND)
    assert driven.engine.ended is EndReason.GAP_LIMIT


def test_stop_closes_what_is_outstanding_as_lost_with_the_trace() -> None:
    driven = Driven()
    driven.tick(0)
    driven.router_answers(driven.sent[0], MS)
    driven.engine.stop(EndReason.INTERRUPTED, 2 * MS)
    driven.engine.stop(EndReason.MAX_TTL, 3 * MS)
    driven.tick(4 * MS)
    assert driven.engine.ended is EndReason.INTERRUPTED
    lost = driven.told(ProbeLost)
    assert [event.ttl for event in lost] == list(range(2, 25))
    assert {event.reason for event in lost} == {LossReason.TRACE_END}


def test_beyond_the_burst_probes_are_paced() -> None:
    driven = Driven(max_inflight=4, max_rate=10)
    driven.tick(0)
    driven.router_answers(driven.sent[3], MS)
    assert driven.engine.deadline(MS) == 100 * MS
    assert driven.tick(100 * MS - 1) == []
    assert driven.tick(100 * MS) == [5]


def test_an_answer_to_what_was_not_asked_is_a_bug_that_shows() -> None:
    driven = Driven()
    driven.engine.tick(0)
    (command,) = driven.engine.take_commands()
    assert isinstance(command, SendProbe)
    driven.engine.answer(command, Sent(kernel(0), Port(0)), 0)
    with pytest.raises(ValueError, match="not planned"):
        driven.engine.answer(command, Sent(kernel(0), Port(0)), 0)


def test_the_highest_rate_never_hangs_for_want_of_a_sequence() -> None:
    """More probes than there are sequences, none of them answered or forgotten by time."""
    driven = Driven(
        protocol=ProtocolChoice.ICMP,
        max_rate=100_000,
        max_inflight=254,
        max_ttl=254,
        gap_limit=254,
        min_round_duration_ns=10 * MS,
        max_round_duration_ns=10 * MS,
        timeout_ns=60 * SECOND,
        report_cycles=1000,
    )
    now = 0
    while len(driven.sent) < OUTSTANDING_LIMIT:
        driven.tick(now)
        now += 10 * MS
    assert driven.tick(now) == []
    assert driven.engine.deadline(now) == 60 * SECOND
    assert len({probe.sequence for probe in driven.sent}) == OUTSTANDING_LIMIT
    assert driven.tick(60 * SECOND)


def test_a_host_that_is_late_by_a_little_every_time_begins_as_many_rounds_as_one_that_is_not() -> None:
    late_ns, rounds, path = 7 * MS, 50, 3
    driven = Driven(report_cycles=None)
    now = 0
    begun: list[int] = []
    while len(begun) < rounds:
        if driven.tick(now):
            begun.append(now)
            driven.path(path, now + MS, len(driven.sent) - path if len(begun) > 1 else 0)
        due_ns = driven.engine.deadline(now)
        assert due_ns is not None
        now = due_ns + late_ns
    assert now - begun[0] <= rounds * SECOND + late_ns


def test_after_a_standstill_no_rounds_are_made_up_for() -> None:
    driven = Driven(report_cycles=None)
    driven.tick(0)
    driven.path(3, MS)
    standstill_ns = 10 * SECOND
    assert driven.tick(standstill_ns) == [1, 2, 3]
    driven.path(3, standstill_ns + MS, len(driven.sent) - 3)
    due_ns = driven.engine.deadline(standstill_ns + MS)
    assert due_ns == standstill_ns + SECOND * 9 // 10
    assert driven.tick(due_ns) == [1, 2, 3]
