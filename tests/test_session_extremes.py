"""Whole sessions in virtual time where the path and the options strain each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.session_driver import responders, simulation
from tracer.config import MS, ProtocolChoice
from tracer.events import ProbeSent
from tracer.model import EndReason

SATELLITE = Path(__file__).parent / "scenarios" / "satellite.toml"
TARGET_TTL = 7
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
