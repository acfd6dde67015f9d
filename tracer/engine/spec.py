"""What an engine must know of its trace."""

from __future__ import annotations

import msgspec

from tracer.model import Address, PacketShape, Protocol, SourceInfo, TraceId


class TraceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine must know beyond the options."""

    trace: TraceId
    label: str
    target: Address
    protocol: Protocol
    shape: PacketShape
    first_sequence: int
    source: SourceInfo | None = None
    """Where the probes leave from, as far as it is known."""
