"""What is told of flows, over logs of several of them."""

from __future__ import annotations

import statistics
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.logbook import MS, TARGET, Log
from tests.stats.test_recount import fates, logs
from tracer.events import DuplicateReply, ProbeSent, ReplyReceived, TargetEvent
from tracer.model import Address, FlowId, PathEndKind, Port
from tracer.stats.snapshot import FlowSnapshot
from tracer.stats.tracker import Tracker

GOAL = Address("192.0.2.80")


def moved(log: Log, flow: int, **fields: Any) -> list[TargetEvent]:
    """The events of a log as those of another flow."""
    return [
        msgspec.structs.replace(event, flow=FlowId(flow), **fields) if hasattr(event, "flow") else event
        for event in log.events
    ]


def folded(*batches: list[TargetEvent], max_flows: int = 64) -> tuple[FlowSnapshot, ...]:
    tracker = Tracker(TARGET, max_flows=max_flows)
    for events in batches:
        for event in events:
            tracker.apply(event)
    return tracker.snapshot().flows


def path(length: int, round_id: int = 0, overshoot: int = 0, rtt_ns: int = MS) -> Log:
    """Routers answer below ``length``, the target from there on."""
    log = Log()
    for ttl in range(1, length + overshoot + 1):
        reached = ttl >= length
        responder = GOAL if reached else Address(f"198.51.100.{ttl}")
        log.answered(ttl, 100 * round_id + ttl, rtt_ns, round_id, responder=responder, reached=reached)
    return log


def test_each_flow_ends_at_its_own_target_whatever_was_sent_beyond() -> None:
    flows = folded(moved(path(3, overshoot=4), 0), moved(path(5, overshoot=2), 1, source_port=Port(40_001)))
    assert [len(flow.path) for flow in flows] == [3, 5]
    assert [flow.reached for flow in flows] == [True, True]
    assert [flow.source_port for flow in flows] == [40_000, 40_001]


def test_a_flow_that_grew_or_shrank_ends_where_it_ends_now() -> None:
    (grown,) = folded(moved(path(3, overshoot=3), 0), moved(path(5, 1), 0))
    assert len(grown.path) == 5
    (shrunk,) = folded(moved(path(5), 0), moved(path(3, 1), 0))
    assert len(shrunk.path) == 3


def test_a_port_that_moves_is_none() -> None:
    one, other = path(2).events, moved(path(2, 1), 0, target_port=Port(33_435))
    (flow,) = folded(one, other)
    assert (flow.source_port, flow.target_port) == (40_000, None)


def test_silence_is_none_and_what_nobody_answers_at_the_end_is_left_out() -> None:
    log = Log()
    log.answered(1, 1)
    for ttl in (2, 4):
        log.sent(ttl, ttl)
        log.lost(ttl, ttl)
    log.answered(3, 3)
    (flow,) = folded(log.events)
    assert flow.path == ("198.51.100.1", None, "198.51.100.3")
    assert not flow.reached
    assert folded([]) == ()


def test_loss_and_round_trips_are_those_of_the_end() -> None:
    log = path(2, rtt_ns=4 * MS)
    for sequence, rtt_ns in ((10, 6 * MS), (11, None), (12, 8 * MS)):
        log.sent(2, sequence, 1)
        if rtt_ns is None:
            log.lost(2, sequence, 1)
        else:
            log.reply(2, sequence, rtt_ns, 1, responder=GOAL, reached=True)
    (flow,) = folded(log.events)
    assert (flow.sent, flow.received, flow.lost, flow.loss_pct) == (4, 3, 1, 25.0)
    assert flow.rtt is not None
    assert (flow.rtt.last_ns, flow.rtt.best_ns, flow.rtt.worst_ns) == (8 * MS, 4 * MS, 8 * MS)
    assert flow.rtt.mean_ns == pytest.approx(6 * MS)
    assert flow.rtt.stddev_ns == pytest.approx(statistics.stdev([4 * MS, 6 * MS, 8 * MS]))


def test_flows_beyond_the_bound_are_counted_in_the_hops_alone_and_the_known_ones_go_on() -> None:
    batches = [moved(path(2, round_id), flow) for round_id in range(3) for flow in range(4)]
    flows = folded(*batches, max_flows=2)
    assert [(flow.id, flow.sent) for flow in flows] == [(0, 3), (1, 3)]
    tracker = Tracker(TARGET, max_flows=2)
    for event in (event for batch in batches for event in batch):
        tracker.apply(event)
    first = tracker.snapshot().hops[0]
    assert (first.received, first.responders[0].flows) == (12, (0, 1))


@given(logs(), st.integers(1, 3))
def test_no_flow_counts_what_another_one_did(log: Log, flows: int) -> None:
    """Probes dealt out to flows by their sequence, against a recount of each flow's own probes."""
    dealt = [
        msgspec.structs.replace(event, flow=FlowId(event.sequence % flows))
        if hasattr(event, "sequence")
        else event
        for event in log.events
    ]
    for flow in folded(dealt):
        own = [event for event in dealt if getattr(event, "flow", flow.id) == flow.id]
        last = flow.first_ttl + len(flow.path) - 1
        became = [fate for (ttl, _), fate in fates(own).items() if ttl == last]
        assert flow.received == became.count("received")
        assert flow.lost == became.count("lost")
        answers: dict[int, Address] = {}
        for event in own:
            if isinstance(event, ReplyReceived) and not isinstance(event, DuplicateReply):
                answers[event.ttl] = event.responder
        assert list(flow.path) == [answers.get(ttl) for ttl in range(flow.first_ttl, last + 1)]


def test_the_path_stops_where_the_traces_does() -> None:
    log = path(3, overshoot=3)
    log.path_end(2, PathEndKind.UNREACHABLE)
    (flow,) = folded(log.events)
    assert len(flow.path) == 2
    assert [type(event) for event in log.events[:2]] == [ProbeSent, ReplyReceived]
