"""Wherever sequences start, around 2^16 too, and whatever its payloads say, a trace finds the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.session_driver import Run, simulation
from tests.wire.wire_strategies import MARKING
from tracer.config import AddressFamily, ProtocolChoice, TraceConfig
from tracer.model import Strategy
from tracer.wire.mark import WORD_LENGTH

ROUNDS = 20
CASES = [
    (ProtocolChoice(protocol.value), strategy, family)
    for strategy, protocols in MARKING.items()
    for protocol in sorted(protocols)
    for family in (AddressFamily.IPV4, AddressFamily.IPV6)
]


async def found(config: TraceConfig, first: int | None, word_length: int) -> Any:
    prepared = simulation("clean", **msgspec.structs.asdict(config)).prepared
    changed = msgspec.structs.replace(prepared, first_sequence=first, word_length=word_length)
    report = (await Run(changed, config).to_its_end()).report
    hops = [(hop.ttl, hop.sent, hop.received, [one.address for one in hop.responders]) for hop in report.hops]
    return hops, report.health.foreign, report.health.malformed, report.outcome


@pytest.mark.parametrize(("protocol", "strategy", "family"), CASES)
async def test_a_trace_is_the_same_wherever_its_sequences_start(
    protocol: ProtocolChoice, strategy: Strategy, family: AddressFamily
) -> None:
    config = TraceConfig(
        protocol=protocol, multipath_strategy=strategy, addr_family=family, report_cycles=ROUNDS
    )
    usual = await found(config, 33_434, 0)
    assert usual[0]
    for first in (0, 0xFFF0, 0xFFFF, None):
        assert await found(config, first, WORD_LENGTH) == usual
