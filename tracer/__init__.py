"""hopscope's engine: traces network paths and tells what it sees as a stream of events.

Names are loaded when they are first used: a headless trace takes no packet apart for people to read, and its
start-up is part of what its user waits for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer.wire.dissect import Begins, FieldDiff, begins_with, differences, dissect, quoted_packet
    from tracer.wire.dissect_fields import Field
    from tracer.wire.layers import Dissection, Layer, LayerKind

__all__ = [
    # packets, taken apart for people to read
    "dissect", "begins_with", "quoted_packet", "differences",
    "Begins", "Dissection", "Layer", "LayerKind", "Field", "FieldDiff",
]  # fmt: skip

_HOMES = {
    "tracer.wire.dissect": ("Begins", "FieldDiff", "begins_with", "differences", "dissect", "quoted_packet"),
    "tracer.wire.dissect_fields": ("Field",),
    "tracer.wire.layers": ("Dissection", "Layer", "LayerKind"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
