"""The tracker against a recount of the whole log, over random logs in which every probe has its own life."""

from __future__ import annotations

import statistics
from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.logbook import TARGET, Log
from tracer.events import (
    DuplicateReply,
    LateReply,
    PathEndMoved,
    PortsExhausted,
    PortSkipped,
    ProbeLost,
    ProbeSent,
    ReplyReceived,
    SendFailed,
    TargetEvent,
)
from tracer.model import Address, Anomaly, PathEndKind
from tracer.stats.tracker import Tracker

LIVES = (
    ("sent",),
    ("sent", "reply"),
    ("sent", "reply", "duplicate"),
    ("sent", "odd"),
    ("sent", "lost"),
    ("sent", "lost", "late"),
    ("sent", "lost", "late", "duplicate"),
    ("sent", "lost", "failed"),
    ("sent", "failed"),
    ("failed",),
    ("exhausted",),
    ("skipped",),
)
Probe = tuple[int, int]


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Interleave the lives of up to 40 probes over 6 TTLs, the end of the path moving meanwhile."""
    count = draw(st.integers(1, 40))
    lives = {sequence: list(draw(st.sampled_from(LIVES))) for sequence in range(count)}
    ttls = {sequence: draw(st.integers(1, 6)) for sequence in lives}
    log = Log()
    while lives:
        sequence = draw(st.sampled_from(sorted(lives)))
        _live(log, lives[sequence].pop(0), ttls[sequence], sequence, draw)
        if not lives[sequence]:
            del lives[sequence]
        if draw(st.integers(0, 9)) == 0:
            kind = draw(st.sampled_from(PathEndKind))
            log.path_end(None if kind is PathEndKind.OPEN else draw(st.integers(1, 7)), kind)
    return log


def _live(log: Log, step: str, ttl: int, sequence: int, draw: st.DrawFn) -> None:
    round_id = sequence // 6
    if step in {"reply", "late", "duplicate"}:
        responder = Address(f"192.0.2.{draw(st.integers(1, 3))}")
        getattr(log, step)(ttl, sequence, draw(st.integers(0, 10**10)), round_id, responder=responder)
    elif step == "odd":
        log.reply(ttl, sequence, None, round_id, anomaly=draw(st.sampled_from(Anomaly)))
    else:
        getattr(log, step)(ttl, sequence, round_id=round_id)


def fates(events: list[TargetEvent]) -> dict[Probe, str]:
    """Return what became of each probe, judged from all of its events together and not in their order."""
    seen: dict[Probe, set[type]] = defaultdict(set)
    for event in events:
        if isinstance(event, ProbeSent | ReplyReceived | ProbeLost | SendFailed | PortSkipped):
            seen[event.ttl, event.sequence].add(type(event))
    return {probe: _fate(kinds) for probe, kinds in seen.items()}


def _fate(kinds: set[type]) -> str:
    order = (
        (ReplyReceived, "received"),
        (LateReply, "received"),
        (SendFailed, "failed"),
        (PortsExhausted, "failed"),
        (PortSkipped, "skipped"),
        (ProbeLost, "lost"),
    )
    return next((fate for kind, fate in order if kind in kinds), "outstanding")


def samples(events: list[TargetEvent], ttl: int) -> list[int]:
    return [
        event.rtt_ns
        for event in events
        if isinstance(event, ReplyReceived) and not isinstance(event, DuplicateReply)
        if event.ttl == ttl and event.rtt_ns is not None
    ]


@given(logs())
def test_counts_agree_with_a_recount_of_the_log(log: Log) -> None:
    snapshot = log.fold()
    told = fates(log.events)
    for hop in snapshot.hops:
        here = [fate for (ttl, _), fate in told.items() if ttl == hop.ttl]
        for fate in ("received", "lost", "outstanding", "failed", "skipped"):
            assert getattr(hop, fate) == here.count(fate), fate
        assert hop.sent == sum(fate in {"received", "lost", "outstanding"} for fate in here)
        assert hop.late == sum(isinstance(event, LateReply) and event.ttl == hop.ttl for event in log.events)
        assert hop.duplicates == sum(
            isinstance(event, DuplicateReply) and event.ttl == hop.ttl for event in log.events
        )
        assert sum(one.received for one in hop.responders) == hop.received
        assert hop.recent_ns.count(None) == hop.lost
        assert sorted(rtt for rtt in hop.recent_ns if rtt is not None) == sorted(samples(log.events, hop.ttl))
        if hop.received + hop.lost:
            assert hop.loss_pct == 100 * hop.lost / (hop.received + hop.lost)


@given(logs())
def test_the_hops_shown_are_those_up_to_the_end_and_the_rest_is_overshoot(log: Log) -> None:
    snapshot = log.fold()
    told = fates(log.events)
    ends = [event for event in log.events if isinstance(event, PathEndMoved)]
    end = ends[-1].ttl if ends else None
    probed = [ttl for ttl, _ in told]
    assert [hop.ttl for hop in snapshot.hops] == list(range(min(probed), (end or max(probed)) + 1))
    sent = [ttl for (ttl, _), fate in told.items() if fate in {"received", "lost", "outstanding"}]
    shown = {hop.ttl for hop in snapshot.hops}
    assert snapshot.health.sent == sum(ttl in shown for ttl in sent)
    assert snapshot.health.overshoot == sum(ttl not in shown for ttl in sent)


@given(logs())
def test_times_agree_with_the_samples_in_the_order_they_came(log: Log) -> None:
    for hop in log.fold().hops:
        rtts = samples(log.events, hop.ttl)
        assert (hop.rtt is None) == (not rtts)
        assert hop.clock.kernel + hop.clock.user == len(rtts)
        if hop.rtt is None:
            continue
        assert (hop.rtt.last_ns, hop.rtt.best_ns, hop.rtt.worst_ns) == (rtts[-1], min(rtts), max(rtts))
        assert hop.rtt.mean_ns == pytest.approx(statistics.fmean(rtts), rel=1e-12, abs=1e-3)
        assert hop.rtt.p50_ns == statistics.median(rtts)
        if len(rtts) >= 2:
            deltas = [abs(after - before) for before, after in pairwise(rtts)]
            assert hop.rtt.stddev_ns == pytest.approx(statistics.stdev(rtts), rel=1e-9, abs=1e-3)
            assert (hop.rtt.jitter_last_ns, hop.rtt.jitter_max_ns) == (deltas[-1], max(deltas))
        else:
            assert (hop.rtt.stddev_ns, hop.rtt.jitter_last_ns) == (None, None)


@given(logs())
def test_snapshots_taken_on_the_way_change_nothing(log: Log) -> None:
    tracker = Tracker(TARGET)
    for event in log.events:
        tracker.apply(event)
        tracker.snapshot()
    assert tracker.snapshot() == log.fold()
