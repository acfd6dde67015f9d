"""What the options of a trace will ask of the host."""

from __future__ import annotations

import msgspec

from tracer.config import ProtocolChoice, TraceConfig
from tracer.model import Strategy

SPARE_FILES = 64
"""Descriptors beside the probes': the interpreter's, the log's, the name server's."""


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What the options will ask of the host."""

    protocol: ProtocolChoice
    probes_in_flight: int
    """At most, over all targets."""
    ports: int
    """Source ports held at the same time."""
    open_files: int


def needs_of(config: TraceConfig, targets: int) -> Needs:
    """The most that options can ask for: per target a window of outstanding probes, and one of lost ones."""
    window = min(config.max_inflight, config.max_ttl - config.first_ttl + 1)
    probes = window * max(targets, 1)
    udp_to_one_port = config.protocol is ProtocolChoice.UDP and config.target_port is not None
    moving = config.protocol is ProtocolChoice.TCP or udp_to_one_port
    classic = config.multipath_strategy is Strategy.CLASSIC
    own_port_each = moving and classic and config.source_port is None
    ports = 2 * probes if own_port_each else max(targets, 1)
    return Needs(
        protocol=config.protocol, probes_in_flight=probes, ports=ports, open_files=ports + SPARE_FILES
    )
