"""A packet as people read it: layers of fields, each with its place in the bytes."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from tracer.wire.dissect_fields import Field


class LayerKind(StrEnum):
    """What a layer is."""

    IP = "ip"
    UDP = "udp"
    TCP = "tcp"
    ICMP = "icmp"
    EXTENSIONS = "extensions"
    PAYLOAD = "payload"
    PADDING = "padding"
    MALFORMED = "malformed"


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One header, or one stretch of bytes without one."""

    kind: LayerKind
    title: str
    """Such as ``IPv4`` or ``quoted UDP``."""
    offset: int
    """In the bytes that were dissected."""
    length: int
    """In bytes."""
    fields: tuple[Field, ...]
    quoted: bool = False
    """It belongs to the packet that an ICMP error quotes."""


class Dissection(msgspec.Struct, frozen=True):
    """All layers of a packet, in the order of their bytes."""

    layers: tuple[Layer, ...]

    def at(self, offset: int) -> tuple[Layer, Field | None] | None:
        """The layer and the (shortest) field a byte belongs to; None outside all layers."""
        for layer in self.layers:
            if layer.offset <= offset < layer.offset + layer.length:
                found = [field for field in layer.fields if field.covers(offset)]
                return layer, min(found, key=lambda field: field.length, default=None)
        return None
