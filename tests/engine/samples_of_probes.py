"""Probes to try the small pieces of the engine with."""

from __future__ import annotations

from typing import Any

from tests.engine.engine_driver import TARGET
from tracer.engine.lifecycle import ProbeInput
from tracer.engine.matching import TrackedProbe
from tracer.engine.ports import Ports
from tracer.model import (
    FlowId,
    PacketShape,
    Port,
    Probe,
    Protocol,
    RoundId,
    Sequence,
    TraceId,
    Ttl,
)


def probe(
    sequence: int = 7, ttl: int = 3, source: int = 40_000, target: int = 33_434, **fields: Any
) -> Probe:
    return Probe(
        trace=TraceId(0),
        target=TARGET,
        protocol=fields.pop("protocol", Protocol.UDP),
        round=RoundId(fields.pop("round_id", 0)),
        ttl=Ttl(ttl),
        flow=FlowId(0),
        sequence=Sequence(sequence),
        source_port=Port(source),
        target_port=Port(target),
        shape=PacketShape(size=84),
        **fields,
    )


def tracked(sequence: int = 7, **fields: Any) -> TrackedProbe:
    """Outstanding."""
    made = probe(sequence, **fields)
    following = TrackedProbe(made, Ports(made.source_port, made.target_port))
    following.move(ProbeInput.LEFT)
    return following
