"""hopscope's engine: traces network paths and tells what it sees as a stream of events."""

from tracer.wire.dissect import Begins, FieldDiff, begins_with, differences, dissect, quoted_packet
from tracer.wire.dissect_fields import Field
from tracer.wire.layers import Dissection, Layer, LayerKind

__all__ = [
    # packets, taken apart for people to read
    "dissect", "begins_with", "quoted_packet", "differences",
    "Begins", "Dissection", "Layer", "LayerKind", "Field", "FieldDiff",
]  # fmt: skip
