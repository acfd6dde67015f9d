"""Whole sessions in virtual time where the path and the options strain each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from tests.session_driver import responders, simulation
from tracer.clock import VirtualClock
from tracer.config import MS, ProtocolChoice
from tracer.errors import ConfigError
from tracer.events import Event, ProbeSent
from tracer.model import EndReason

SATELLITE = Path(__file__).parent / "scenarios" / "satellite.toml"
TARGET_TTL = 7
SECOND = 1_000_000_000
BURST, RATE = 24, 100
"""Probes at once, and a second beyond them."""
each_protocol = pytest.mark.parametrize(
    "protocol", [ProtocolChoice.UDP, ProtocolChoice.TCP, ProtocolChoice.ICMP]
)


@each_protocol
@pytest.mark.parametrize("longest", [250 * MS, 1000 * MS])
async def test_rounds_shorter_than_the_round_trip_lose_nothing(
    protocol: ProtocolChoice, longest: int
) -> None:
    run = await simulation(
        SATELLITE,
        protocol=protocol,
        min_round_duration_ns=250 * MS,
        max_round_duration_ns=longest,
        report_cycles=12,
    ).to_its_end()
    report = run.report
    assert (report.outcome.reason, report.outcome.target_ttl) == (EndReason.TARGET_REACHED, TARGET_TTL)
    for hop in report.hops:
        answered = 0 if hop.ttl == 5 else 12
        assert (hop.sent, hop.received, hop.late, hop.duplicates) == (12, answered, 0, 0)
        assert hop.rtt_ms is None or hop.ttl < 3 or 1480 <= hop.rtt_ms.best <= hop.rtt_ms.worst <= 1505
    assert report.health.foreign == 0


@pytest.mark.parametrize("inflight", [1, 2, 3])
async def test_a_small_window_moves_on_while_answers_come_later_than_their_round(inflight: int) -> None:
    """Answers to earlier rounds are all there are; the target must be found long before the last round."""
    run = await simulation(SATELLITE, max_inflight=inflight, report_cycles=30).to_its_end()
    first = min(event.round for event in run.told(ProbeSent) if event.ttl == TARGET_TTL)
    assert run.report.outcome.target_ttl == TARGET_TTL
    assert first < 15


@each_protocol
@pytest.mark.parametrize("inflight", [1, 2])
async def test_a_window_smaller_than_a_silent_stretch_gets_past_it(
    protocol: ProtocolChoice, inflight: int
) -> None:
    run = await simulation("wan", protocol=protocol, max_inflight=inflight, report_cycles=1).to_its_end()
    report = run.report
    assert (report.outcome.reason, report.outcome.target_ttl) == (EndReason.TARGET_REACHED, 16)
    assert [hop.ttl for hop in report.hops if not responders(hop)] == [4, 12]
    assert report.health.overshoot < inflight


@pytest.mark.parametrize(
    ("protocol", "target_port", "queries"),
    [
        (ProtocolChoice.UDP, None, ["203.0.113.8", "203.0.113.9"]),
        (ProtocolChoice.UDP, 53, ["203.0.113.8", "203.0.113.9"]),
        (ProtocolChoice.TCP, 80, ["203.0.113.8", "203.0.113.9"]),
        (ProtocolChoice.TCP, None, ["203.0.113.8", "203.0.113.8"]),
    ],
)
def test_targets_that_cannot_share_the_fixed_source_port_are_refused(
    protocol: ProtocolChoice, target_port: int | None, queries: list[str]
) -> None:
    """Answers could not be told apart, or the second socket could not be bound."""
    with pytest.raises(ConfigError, match="cannot share one"):
        simulation("clean", queries, protocol=protocol, source_port=5000, target_port=target_port)


async def test_one_fixed_source_port_serves_a_target_of_each_family_and_any_by_tcp() -> None:
    for protocol, queries in (
        (ProtocolChoice.UDP, ["203.0.113.8", "2001:db8::cb00:7108"]),
        (ProtocolChoice.TCP, ["203.0.113.8", "192.0.2.33"]),
    ):
        run = await simulation(
            "clean", queries, protocol=protocol, source_port=5000, report_cycles=1
        ).to_its_end()
        assert [report.outcome.reached for report in run.reports] == [True, True]


@each_protocol
async def test_what_is_overdue_after_the_loop_was_held_up_is_paced_anew_and_never_bursts(
    protocol: ProtocolChoice,
) -> None:
    """A listener keeps the loop for five seconds, as a screen that draws too long would."""
    run = simulation("wan", protocol=protocol, report_cycles=12)
    clock = run.clock
    assert isinstance(clock, VirtualClock)
    held_from: list[int] = []

    def hold(batch: Sequence[Event]) -> None:
        begins = any(isinstance(event, ProbeSent) and event.ttl == 1 for event in batch)
        if begins and len(held_from) < 6:
            held_from.append(clock.now_ns())
            clock.advance(5 * SECOND)

    run.on_batch = hold
    await run.to_its_end()
    sent = [event.tx.ns for event in run.told(ProbeSent)]
    assert len(held_from) == 6
    for since in sent:
        assert sum(since <= at < since + SECOND for at in sent) <= BURST + RATE
        assert sum(since <= at < since + SECOND // 100 for at in sent) <= BURST + RATE // 100
    begun = [event.tx.ns for event in run.told(ProbeSent) if event.ttl == 1]
    least_ns = SECOND * 9 // 10  # a round makes up for a tenth of itself
    assert all(after - before >= least_ns for before, after in pairwise(begun))
    assert run.report.outcome.rounds == 12
