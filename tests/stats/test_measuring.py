"""Rates are what a recount of the events gives; pace and load are what was told last."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.stats.logbook import TARGET, Log
from tracer.events import Load, PaceChanged, SourceChanged, Suspended
from tracer.model import Address, FlowId, SourceInfo
from tracer.stats.rates import WINDOW_S, Rates
from tracer.stats.snapshot import LoadSnapshot, PaceSnapshot
from tracer.stats.tracker import Tracker

SECOND = 1_000_000_000
KINDS = ("sent", "matched", "foreign", "malformed", "kernel_drops", "ports_skipped", "failed no_route")


@given(st.lists(st.tuples(st.integers(0, 4 * SECOND), st.sampled_from(KINDS)), min_size=1, max_size=60))
def test_rates_are_the_mean_of_the_last_whole_seconds(steps: list[tuple[int, str]]) -> None:
    rates, at_ns, told = Rates(), 0, []
    for gap, what in steps:
        at_ns += gap
        told.append((at_ns // SECOND, what))
        rates.count(what, at_ns)
    first, last = told[0][0], at_ns // SECOND
    seconds = range(max(first, last - WINDOW_S), last)
    found = rates.snapshot()
    if not seconds:
        assert found is None
        return
    counts = Counter(what for second, what in told if second in seconds)
    mean = {what: round(number / len(seconds), 3) for what, number in counts.items()}
    assert found is not None
    assert found.over_s == len(seconds)
    for field in ("sent", "matched", "foreign", "malformed", "kernel_drops", "ports_skipped"):
        assert getattr(found, field) == mean.get(field, 0)
    assert found.failed == ({"no_route": mean["failed no_route"]} if "failed no_route" in mean else {})
    came_in = sum(counts[what] for what in ("matched", "foreign", "malformed")) / len(seconds)
    assert abs(found.received - came_in) < 0.01


def test_a_log_of_less_than_a_second_has_no_rate() -> None:
    log = Log()
    log.answered(1, 1, 400_000)
    assert log.fold().health.per_second is None


def test_the_slowest_flow_is_the_pace() -> None:
    tracker = Tracker(TARGET)
    for at_ns, flow, rate in ((1, 0, 50), (2, 1, 50), (3, 1, 25), (4, 0, 100), (5, 1, 35)):
        tracker.apply(PaceChanged(at_ns=at_ns, target=TARGET.label, flow=FlowId(flow), rate=rate, wanted=100))
    assert tracker.snapshot().health.pace == PaceSnapshot(rate=35, wanted=100, reductions=3)


def test_load_is_the_last_one_told() -> None:
    tracker = Tracker(TARGET)
    for cpu_ns in (1, SECOND // 20):
        tracker.apply(
            Load(
                at_ns=1,
                target=TARGET.label,
                over_ns=SECOND,
                lag_ns=2_500_000,
                cpu_ns=cpu_ns,
                memory=30_000_000,
            )
        )
    assert tracker.snapshot().health.load == LoadSnapshot(lag_ms=2.5, cpu_pct=5.0, memory=30_000_000)


def test_the_source_of_the_report_is_the_present_one() -> None:
    tracker = Tracker(TARGET)
    new = SourceInfo(Address("192.0.2.7"), "eth0")
    tracker.apply(SourceChanged(at_ns=1, target=TARGET.label, source=new, old=None))
    tracker.apply(Suspended(at_ns=2, target=TARGET.label, slept_ns=SECOND))
    snapshot = tracker.snapshot()
    assert snapshot.target.source == new
    assert (snapshot.health.source_changes, snapshot.health.suspends) == (1, 1)
