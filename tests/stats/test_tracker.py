"""Each rule of the fold by a log small enough to count by hand."""

from __future__ import annotations

import statistics
from typing import get_args

import msgspec
import pytest

from tests.stats.logbook import MS, TARGET, Log, failure
from tracer.events import TargetEvent
from tracer.model import (
    Address,
    Anomaly,
    EndReason,
    FailureKind,
    Icmp,
    LossReason,
    MplsLabel,
    MplsStack,
    PathEndKind,
    Stamp,
    StampClock,
)
from tracer.stats.hop import MAX_RESPONDERS
from tracer.stats.snapshot import HopSnapshot
from tracer.stats.tracker import Tracker
from tracer.stats.troubles import FURTHER, MAX_MESSAGES, Troubles


def counts(hop: HopSnapshot) -> tuple[int, int, int, int]:
    return hop.sent, hop.received, hop.lost, hop.outstanding


def test_every_kind_of_event_has_its_rule() -> None:
    assert set(Tracker._ENTER) == set(get_args(TargetEvent))


def test_an_empty_log_is_an_empty_trace() -> None:
    snapshot = Tracker(TARGET).snapshot()
    assert (snapshot.hops, snapshot.rounds, snapshot.reached, snapshot.reason) == ((), 0, False, None)


def test_a_probe_is_outstanding_until_it_is_closed() -> None:
    log = Log()
    log.sent(1, 1)
    log.sent(1, 2)
    assert counts(log.fold().hops[0]) == (2, 0, 0, 2)
    log.reply(1, 1)
    log.lost(1, 2)
    hop = log.fold().hops[0]
    assert counts(hop) == (2, 1, 1, 0)
    assert hop.loss_pct == 50.0


def test_loss_is_unknown_while_nothing_is_closed() -> None:
    log = Log()
    log.sent(1, 1)
    hop = log.fold().hops[0]
    assert (hop.loss_pct, hop.loss_ci, hop.rtt) == (None, None, None)


def test_a_late_reply_takes_its_loss_back_and_its_time_counts() -> None:
    log = Log()
    log.sent(1, 1)
    log.lost(1, 1)
    log.answered(1, 2, 5 * MS)
    log.late(1, 1, 9 * MS)
    hop = log.fold().hops[0]
    assert counts(hop) == (2, 2, 0, 0)
    assert (hop.late, hop.loss_pct) == (1, 0.0)
    assert hop.rtt is not None
    assert (hop.rtt.last_ns, hop.rtt.worst_ns) == (9 * MS, 9 * MS)
    assert hop.recent_ns == (9 * MS, 5 * MS)


def test_a_late_reply_beyond_the_end_of_the_path_touches_no_hop_of_it() -> None:
    log = Log()
    log.answered(1, 1)
    log.sent(2, 2)
    log.lost(2, 2)
    log.path_end(1, PathEndKind.TARGET)
    log.late(2, 2)
    snapshot = log.fold()
    assert [counts(hop) for hop in snapshot.hops] == [(1, 1, 0, 0)]
    assert snapshot.health.overshoot == 1
    log.path_end(2, PathEndKind.TARGET)
    snapshot = log.fold()
    assert [counts(hop) for hop in snapshot.hops] == [(1, 1, 0, 0), (1, 1, 0, 0)]
    assert snapshot.health.overshoot == 0


def test_a_late_reply_whose_loss_was_never_told_makes_no_count_negative() -> None:
    log = Log()
    log.late(1, 1)
    assert counts(log.fold().hops[0]) == (1, 1, 0, 0)


def test_a_duplicate_only_counts() -> None:
    log = Log()
    log.answered(1, 1, 5 * MS)
    before = log.fold().hops[0]
    log.duplicate(1, 1, 90 * MS, responder=Address("203.0.113.1"), mtu=1280, icmp=Icmp(3, 1))
    assert log.fold().hops[0] == msgspec.structs.replace(before, duplicates=1)


def test_a_failed_or_skipped_probe_was_never_sent() -> None:
    log = Log()
    log.failed(1, 1)
    log.skipped(1, 2)
    log.answered(1, 3)
    hop = log.fold().hops[0]
    assert counts(hop) == (1, 1, 0, 0)
    assert (hop.failed, hop.skipped, hop.loss_pct) == (1, 1, 0.0)


def test_a_probe_that_fails_after_it_seemed_sent_is_failed_not_outstanding() -> None:
    log = Log()
    log.sent(1, 1)
    log.failed(1, 1)
    hop = log.fold().hops[0]
    assert counts(hop) == (0, 0, 0, 0)
    assert hop.failed == 1


def test_a_probe_found_to_have_failed_after_its_timeout_is_not_lost_any_more() -> None:
    log = Log()
    log.sent(1, 1)
    log.lost(1, 1)
    log.failed(1, 1, failure(FailureKind.NEXT_HOP_UNREACHABLE, "EHOSTUNREACH"))
    hop = log.fold().hops[0]
    assert counts(hop) == (0, 0, 0, 0)
    assert (hop.failed, hop.loss_pct, hop.recent_ns) == (1, None, ())


def test_a_sequence_that_comes_round_again_is_another_probe() -> None:
    log = Log()
    log.sent(1, 1, 0)
    log.lost(1, 1, 0)
    log.sent(1, 1, 7)
    log.reply(1, 1, MS, 7)
    hop = log.fold().hops[0]
    assert counts(hop) == (2, 1, 1, 0)
    assert hop.recent_ns == (None, MS)


@pytest.mark.parametrize(
    ("anomaly", "rtt_ns", "health"),
    [(Anomaly.NEGATIVE_RTT, -5, (1, 0)), (Anomaly.SYN_RETRANSMITTED, None, (0, 1))],
)
def test_an_answer_without_a_trustworthy_time_is_received_and_gives_no_sample(
    anomaly: Anomaly, rtt_ns: int | None, health: tuple[int, int]
) -> None:
    log = Log()
    log.answered(1, 1, 5 * MS)
    log.sent(1, 2)
    log.reply(1, 2, rtt_ns, anomaly=anomaly)
    snapshot = log.fold()
    hop = snapshot.hops[0]
    assert counts(hop) == (2, 2, 0, 0)
    assert hop.rtt is not None
    assert (hop.rtt.best_ns, hop.rtt.last_ns, hop.clock.kernel, hop.recent_ns) == (
        5 * MS,
        5 * MS,
        1,
        (5 * MS,),
    )
    assert (hop.responders[0].received, hop.responders[0].rtt) == (2, hop.rtt)
    assert (snapshot.health.anomalies, snapshot.health.retransmitted) == health


def test_a_late_answer_without_a_time_leaves_neither_loss_nor_sample() -> None:
    log = Log()
    log.sent(1, 1)
    log.lost(1, 1)
    log.late(1, 1, None, anomaly=Anomaly.SYN_RETRANSMITTED)
    hop = log.fold().hops[0]
    assert counts(hop) == (1, 1, 0, 0)
    assert (hop.rtt, hop.recent_ns, hop.late) == (None, (), 1)


def test_samples_are_counted_by_who_stamped_their_arrival() -> None:
    log = Log()
    log.answered(1, 1)
    log.answered(1, 2, rx=Stamp(MS, StampClock.USER))
    log.answered(1, 3, tx=Stamp(0, StampClock.USER))
    assert log.fold().hops[0].clock == msgspec.convert(
        {"kernel": 2, "user": 1}, type(log.fold().hops[0].clock)
    )


def test_icmp_and_reply_ttl_are_the_last_replys_and_the_mtu_the_last_reported() -> None:
    log = Log()
    log.answered(1, 1, icmp=Icmp(3, 4), reply_ttl=60, mtu=1400)
    log.answered(1, 2, icmp=None, reply_ttl=None)
    hop = log.fold().hops[0]
    assert (hop.icmp, hop.reply_ttl, hop.mtu) == (None, None, 1400)


def test_responders_are_kept_apart() -> None:
    stack = MplsStack((MplsLabel(24_015, 0, 1, 1),))
    log = Log()
    log.answered(1, 1, 1 * MS, responder=Address("192.0.2.1"))
    log.answered(1, 2, 2 * MS, responder=Address("192.0.2.2"), extensions=(stack,))
    log.answered(1, 3, 4 * MS, responder=Address("192.0.2.2"), extensions=(stack,))
    first, second = log.fold().hops[0].responders
    assert (first.address, first.received, first.extensions) == ("192.0.2.1", 1, ())
    assert (second.address, second.received, second.extensions) == ("192.0.2.2", 2, (stack,))
    assert second.rtt is not None
    assert (second.rtt.mean_ns, second.rtt.jitter_last_ns) == (3 * MS, 2 * MS)


def test_the_first_responder_keeps_its_own_times_when_a_second_one_answers() -> None:
    log = Log()
    times = {1: [1, 5, 3], 2: [50, 70], 3: [7]}
    order = [(1, 1), (1, 5), (2, 50), (1, 3), (3, 7), (2, 70)]
    for sequence, (host, ms) in enumerate(order, 1):
        log.answered(1, sequence, ms * MS, responder=Address(f"192.0.2.{host}"))
    hop = log.fold().hops[0]
    for host, responder in enumerate(hop.responders, 1):
        rtt = responder.rtt
        assert rtt is not None
        assert (rtt.best_ns, rtt.worst_ns, rtt.last_ns) == (
            min(times[host]) * MS,
            max(times[host]) * MS,
            times[host][-1] * MS,
        )
        assert rtt.p50_ns == statistics.median(times[host]) * MS
    assert hop.rtt is not None
    assert (hop.rtt.best_ns, hop.rtt.worst_ns, hop.rtt.last_ns) == (1 * MS, 70 * MS, 70 * MS)
    assert hop.rtt.mean_ns == pytest.approx(statistics.mean(ms for _, ms in order) * MS)


def test_responders_beyond_the_bound_count_in_the_hop_alone() -> None:
    log = Log()
    for sequence in range(MAX_RESPONDERS + 10):
        log.answered(1, sequence, responder=Address(f"192.0.2.{sequence}"))
    hop = log.fold().hops[0]
    assert (hop.received, len(hop.responders)) == (MAX_RESPONDERS + 10, MAX_RESPONDERS)


def test_hops_run_from_the_first_ttl_probed_to_the_last_while_the_path_is_open() -> None:
    log = Log()
    for ttl in (3, 4, 6):
        log.sent(ttl, ttl)
    snapshot = log.fold()
    assert [hop.ttl for hop in snapshot.hops] == [3, 4, 5, 6]
    assert counts(snapshot.hops[2]) == (0, 0, 0, 0)


@pytest.mark.parametrize("kind", [PathEndKind.TARGET, PathEndKind.UNREACHABLE, PathEndKind.GAP])
def test_hops_stop_at_the_end_of_the_path_and_the_rest_is_overshoot(kind: PathEndKind) -> None:
    log = Log()
    for ttl in range(1, 7):
        log.answered(ttl, ttl)
    log.path_end(4, kind)
    snapshot = log.fold()
    assert [hop.ttl for hop in snapshot.hops] == [1, 2, 3, 4]
    assert (snapshot.health.sent, snapshot.health.received, snapshot.health.overshoot) == (4, 4, 2)
    assert (snapshot.target_ttl, snapshot.end) == (4 if kind is PathEndKind.TARGET else None, kind)


def test_an_end_that_opens_again_shows_all_hops_again() -> None:
    log = Log()
    for ttl in range(1, 4):
        log.answered(ttl, ttl)
    log.path_end(1, PathEndKind.TARGET)
    log.path_end(None, PathEndKind.OPEN)
    assert (len(log.fold().hops), log.fold().target_ttl) == (3, None)


def test_an_end_beyond_what_was_probed_does_not_count_as_probed_once_it_opens_again() -> None:
    log = Log()
    log.answered(1, 1)
    log.path_end(3, PathEndKind.GAP)
    tracker = Tracker(TARGET)
    for event in log.events:
        tracker.apply(event)
    assert [hop.ttl for hop in tracker.snapshot().hops] == [1, 2, 3]
    log.path_end(None, PathEndKind.OPEN)
    tracker.apply(log.events[-1])
    assert [hop.ttl for hop in tracker.snapshot().hops] == [1]


def test_the_target_is_reached_when_an_answer_says_so() -> None:
    log = Log()
    log.answered(1, 1)
    assert not log.fold().reached
    log.answered(2, 2, reached=True)
    log.answered(3, 3)
    assert log.fold().reached


def test_rounds_are_counted_by_the_highest_seen() -> None:
    log = Log()
    log.sent(1, 1, 4)
    log.sent(1, 2, 2)
    assert log.fold().rounds == 5


def test_foreign_malformed_and_channel_notices_add_up() -> None:
    log = Log()
    log.foreign()
    log.malformed()
    log.malformed()
    log.health(kernel_drops=3)
    log.health(kernel_drops=4, clock_steps=1)
    health = log.fold().health
    assert (health.foreign, health.malformed, health.kernel_drops, health.clock_steps) == (1, 2, 7, 1)


def test_send_errors_exhausted_ports_and_skipped_ports_are_separate_numbers() -> None:
    log = Log()
    log.failed(1, 1)
    log.failed(1, 2)
    log.failed(1, 3, failure(FailureKind.LOCAL_FIREWALL, None, message="Dropped."))
    log.exhausted(1, 4)
    log.skipped(1, 5)
    snapshot = log.fold()
    assert snapshot.health.send_errors == {"ENOBUFS": 2, "local_firewall": 1}
    assert (snapshot.health.ports_exhausted, snapshot.health.ports_skipped) == (1, 1)
    assert (snapshot.hops[0].failed, snapshot.hops[0].skipped) == (4, 1)


def test_errors_are_told_once_with_their_count_and_latest_evidence() -> None:
    log = Log()
    log.failed(1, 1, failure(evidence={"queue": 1}))
    log.exhausted(1, 2)
    log.failed(1, 3, failure(evidence={"queue": 2}))
    first, second = log.fold().errors
    assert (first.kind, first.count, first.evidence) == (FailureKind.QUEUE_FULL, 2, {"queue": 2})
    assert (second.kind, second.count) == (FailureKind.PORTS_EXHAUSTED, 1)


def test_endlessly_different_messages_do_not_pile_up() -> None:
    troubles = Troubles()
    for number in range(MAX_MESSAGES + 100):
        troubles.add(failure(message=f"Trouble {number}."))
    entries = troubles.snapshot()
    assert len(entries) == MAX_MESSAGES + 1
    assert (entries[-1].message, entries[-1].count) == (FURTHER, 100)


def test_the_end_of_a_trace_tells_why_and_what_kept_it_from_starting() -> None:
    log = Log()
    log.ended(EndReason.ERROR, failure(FailureKind.TARGET_NOT_RESOLVED, None, message="No address."))
    snapshot = log.fold()
    assert (snapshot.reason, snapshot.ended_at) == (EndReason.ERROR, "2025-01-01T00:00:02.000000Z")
    assert [error.kind for error in snapshot.errors] == [FailureKind.TARGET_NOT_RESOLVED]


def test_loss_at_the_end_of_a_trace_is_loss() -> None:
    log = Log()
    log.sent(1, 1)
    log.lost(1, 1, reason=LossReason.TRACE_END)
    assert log.fold().hops[0].lost == 1


def test_what_did_not_change_is_the_same_object_in_the_next_snapshot() -> None:
    log = Log()
    log.answered(1, 1)
    log.answered(2, 2, responder=Address("192.0.2.1"))
    log.answered(2, 3, responder=Address("192.0.2.2"))
    tracker = Tracker(TARGET)
    for event in log.events:
        tracker.apply(event)
    before = tracker.snapshot()
    assert tracker.snapshot() is before
    log.answered(2, 4, responder=Address("192.0.2.1"))
    for event in log.events[-2:]:
        tracker.apply(event)
    after = tracker.snapshot()
    assert after.hops[0] is before.hops[0]
    assert after.hops[1] is not before.hops[1]
    assert after.hops[1].responders[1] is before.hops[1].responders[1]
    assert before.hops[1].received == 2
