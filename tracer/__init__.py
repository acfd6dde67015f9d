"""hopscope's engine: traces network paths and tells what it sees as a stream of events.

Names are loaded when they are first used: a headless trace takes no packet apart for people to read, and its
start-up is part of what its user waits for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer.clock import VirtualClock
    from tracer.config import AddressFamily, ChannelChoice, ProtocolChoice, TraceConfig
    from tracer.errors import (
        ConfigError,
        HopscopeError,
        LocalError,
        NotPermittedError,
        RecordingError,
        ScenarioError,
        TargetError,
    )
    from tracer.events import (
        DuplicateReply,
        Event,
        LateReply,
        PathChanged,
        PathEndMoved,
        PortsExhausted,
        PortSkipped,
        ProbeLost,
        ProbeSent,
        ReplyReceived,
        SendFailed,
        TraceEnded,
        TraceStarted,
    )
    from tracer.record import Recorder
    from tracer.record import read as read_recording
    from tracer.report.document import Report
    from tracer.report.fold import Fold
    from tracer.stats.snapshot import HopSnapshot, TraceSnapshot, Verdict, VerdictKind
    from tracer.tracing import Tracing, trace
    from tracer.wire.dissect import Begins, FieldDiff, begins_with, differences, dissect, quoted_packet
    from tracer.wire.dissect_fields import Field
    from tracer.wire.layers import Dissection, Layer, LayerKind

__all__ = [
    # a trace, and its options
    "trace", "Tracing", "TraceConfig", "ProtocolChoice", "AddressFamily", "ChannelChoice",
    # the story, event by event (the rarer ones stand in tracer.events)
    "Event", "TraceStarted", "ProbeSent", "ReplyReceived", "LateReply", "DuplicateReply", "ProbeLost",
    "SendFailed", "PortSkipped", "PortsExhausted", "PathEndMoved", "PathChanged", "TraceEnded",
    # the numbers that come of it
    "TraceSnapshot", "HopSnapshot", "Verdict", "VerdictKind", "Report", "Fold",
    # recordings, and time that takes none
    "Recorder", "read_recording", "VirtualClock",
    # what can go wrong, by who can fix it
    "HopscopeError", "ConfigError", "NotPermittedError", "TargetError", "LocalError", "RecordingError",
    "ScenarioError",
    # packets, taken apart for people to read
    "dissect", "begins_with", "quoted_packet", "differences",
    "Begins", "Dissection", "Layer", "LayerKind", "Field", "FieldDiff",
]  # fmt: skip

_HOMES = {
    "tracer.clock": ("VirtualClock",),
    "tracer.config": ("AddressFamily", "ChannelChoice", "ProtocolChoice", "TraceConfig"),
    "tracer.errors": (
        "ConfigError", "HopscopeError", "LocalError", "NotPermittedError", "RecordingError", "ScenarioError",
        "TargetError",
    ),
    "tracer.events": (
        "DuplicateReply", "Event", "LateReply", "PathChanged", "PathEndMoved", "PortSkipped",
        "PortsExhausted", "ProbeLost", "ProbeSent", "ReplyReceived", "SendFailed", "TraceEnded",
        "TraceStarted",
    ),
    "tracer.record": ("Recorder", "read_recording"),
    "tracer.report.document": ("Report",),
    "tracer.report.fold": ("Fold",),
    "tracer.stats.snapshot": ("HopSnapshot", "TraceSnapshot", "Verdict", "VerdictKind"),
    "tracer.tracing": ("Tracing", "trace"),
    "tracer.wire.dissect": ("Begins", "FieldDiff", "begins_with", "differences", "dissect", "quoted_packet"),
    "tracer.wire.dissect_fields": ("Field",),
    "tracer.wire.layers": ("Dissection", "Layer", "LayerKind"),
}  # fmt: skip

_OTHER_NAMES = {"read_recording": "read"}
"""What a name is called at home, where that says too little here."""


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), _OTHER_NAMES.get(name, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
