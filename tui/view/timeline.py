"""The event log as lines, one for each event, and which of them are worth jumping to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from tracer.events import (
    DuplicateReply,
    Event,
    ForeignReply,
    Health,
    LateReply,
    Load,
    MalformedReply,
    NameMoved,
    NameResolved,
    PaceChanged,
    PathChanged,
    PathEndMoved,
    PathMtuFound,
    PortsExhausted,
    PortSkipped,
    ProbeLost,
    ProbeSent,
    ReplyReceived,
    SendFailed,
    SizeProbed,
    SourceChanged,
    Suspended,
    TargetAdded,
    TraceEnded,
    TraceStarted,
)
from tracer.stats.wording import path_mtu
from tracer.text import printable
from tui.view import format as fmt
from tui.view.cells import Line, clip_line
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.history import ProbeKey
from tui.view.privacy import HIDDEN
from tui.view.strings import say
from tui.view.style import SEVERITY_STYLES, Severity, Style


class Kind(StrEnum):
    """What an entry is about; jumps and filters go by it."""

    PROBE = "probe"
    """Ordinary traffic: left out of the log unless asked for."""
    LOSS = "loss"
    PATH = "path"
    """The path changed."""
    END = "end"
    """Where the path ends, as far as that is known."""
    SIZES = "sizes"
    """How large packets may be, as far as that is known."""
    TROUBLE = "trouble"
    """Something on this host."""
    ODDITY = "oddity"
    """Late, duplicate, foreign or malformed."""
    TRACE = "trace"
    """Beginning and end."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of the log. ``text`` is printable."""

    at_ns: int
    kind: Kind
    severity: Severity
    text: str
    probe: tuple[int, ProbeKey] | None = None
    """TTL and name of the probe it tells of."""


NOTABLE = frozenset(Kind) - {Kind.PROBE, Kind.LOSS}
"""What the log shows unless asked for more."""


def entry(event: Event) -> Entry:
    """One event as a line. Mask it first where there is something to hide (``privacy.mask_event``)."""
    kind, severity, text = _TABLE[type(event)]
    return Entry(
        at_ns=event.at_ns,
        kind=kind,
        severity=severity,
        text=printable(text(event)),
        probe=(event.ttl, (event.round, event.sequence)) if isinstance(event, _OF_PROBES) else None,
    )


_OF_PROBES = (ProbeSent, ReplyReceived, ProbeLost)


def entry_line(item: Entry, width: int, glyphs: Glyphs = UNICODE) -> Line:
    """An entry in at most ``width`` cells: when, how bad, what."""
    style = SEVERITY_STYLES[item.severity]
    line = (
        (f"{fmt.moment(item.at_ns)} ", Style.MUTED),
        (f"{glyphs.severity[item.severity]} ", style),
        (item.text, Style.TEXT if item.severity in _CALM else style),
    )
    return clip_line(line, width, glyphs.ellipsis)


_CALM = frozenset({Severity.FINE, Severity.HARMLESS, Severity.UNKNOWN})


def following(entries: Sequence[Entry], at_ns: int, kind: Kind) -> Entry | None:
    """The first entry of a kind after a moment."""
    return next((item for item in entries if item.at_ns > at_ns and item.kind is kind), None)


def preceding(entries: Sequence[Entry], at_ns: int, kind: Kind) -> Entry | None:
    """The last entry of a kind before a moment."""
    return next((item for item in reversed(entries) if item.at_ns < at_ns and item.kind is kind), None)


def _responder(event: ReplyReceived | ForeignReply) -> str:
    return say("row.hidden") if event.responder == HIDDEN else event.responder


def _started(event: TraceStarted) -> str:
    channel = event.channel
    return say(
        "event.trace_started",
        protocol=channel.protocol.value.upper(),
        channel=channel.name,
        reason=channel.reason,
    )


def _sent(event: ProbeSent) -> str:
    return say("event.probe_sent", ttl=event.ttl, round=event.round + 1)


def _answered(key: str) -> Callable[[ReplyReceived], str]:
    def text(event: ReplyReceived) -> str:
        rtt = say("event.rtt-unknown") if event.rtt_ns is None else fmt.ms_unit(event.rtt_ns)
        return say(key, ttl=event.ttl, responder=_responder(event), rtt=rtt)

    return text


def _duplicate(event: DuplicateReply) -> str:
    return say("event.duplicate", ttl=event.ttl, responder=_responder(event))


def _lost(event: ProbeLost) -> str:
    key = f"event.probe_lost.{event.reason.value}"
    values = {"ttl": event.ttl, "round": event.round + 1}
    return say(key, **values)


def _foreign(event: ForeignReply) -> str:
    return say("event.foreign", responder=_responder(event), reason=say(f"foreign.{event.reason.value}"))


def _malformed(event: MalformedReply) -> str:
    return say("event.malformed", reason=event.reason)


def _not_sent(key: str) -> Callable[[SendFailed], str]:
    return lambda event: say(key, ttl=event.ttl, message=event.failure.message)


def _skipped(event: PortSkipped) -> str:
    return say("event.port_skipped", ttl=event.ttl, port=event.source_port)


def _path_end(event: PathEndMoved) -> str:
    return say(f"event.path_end.{event.kind.value}", ttl=event.ttl)


def _path_changed(event: PathChanged) -> str:
    old, new = (_at(path, event.ttl) for path in (event.old, event.new))
    return say("event.path_changed", ttl=event.ttl, old=old, new=new)


def _at(path: tuple[str | None, ...], ttl: int) -> str:
    address = path[ttl - 1] if 0 < ttl <= len(path) else None
    if address is None:
        return say("row.silent")
    return say("row.hidden") if address == HIDDEN else address


def _size_probed(event: SizeProbed) -> str:
    outcome = say(f"size.{event.outcome.value}")
    return say("event.size_probed", ttl=event.ttl, size=event.size, outcome=outcome)


def _path_mtu(event: PathMtuFound) -> str:
    return say("event.path_mtu", sentence=path_mtu(event.found))


def _added(event: TargetAdded) -> str:
    return say("event.target_added", query=printable(event.info.query))


def _named(event: NameResolved) -> str:
    address = say("row.hidden") if event.address == HIDDEN else event.address
    system = None if event.asn is None else f"{event.asn.label} {event.asn.name or ''}".rstrip()
    parts = (*event.hostnames, system, None if event.place is None else event.place.label)
    if told := ", ".join(part for part in parts if part):
        return say("event.name_resolved", address=address, known=told)
    return say("event.name_resolved.nothing", address=address)


def _health(event: Health) -> str:
    drops, steps = event.kernel_drops, event.clock_steps
    return say("event.health", drops=_times(drops), steps=_times(steps))


def _pace(event: PaceChanged) -> str:
    key = "event.pace.slower" if event.rate < event.wanted else "event.pace.full"
    return say(key, rate=event.rate, wanted=event.wanted)


def _source(event: SourceChanged) -> str:
    if event.source is None:
        return say("event.source.none")
    address = say("row.hidden") if event.source.address == HIDDEN else event.source.address
    return say("event.source.moved", address=address)


def _name_moved(event: NameMoved) -> str:
    return say("event.name_back") if event.failure is None else event.failure.message


def _suspended(event: Suspended) -> str:
    return say("event.suspended", seconds=f"{event.slept_ns / 1e9:.1f}")


def _load(event: Load) -> str:
    return say("event.load", lag=fmt.ms_unit(event.lag_ns), cpu=_percent(event))


def _percent(event: Load) -> str:
    return f"{100 * event.cpu_ns / event.over_ns:.1f}" if event.over_ns else "0"


def _times(number: int) -> str:
    return say("times.one") if number == 1 else say("times.many", number=number)


def _ended(event: TraceEnded) -> str:
    text = say("event.trace_ended", reason=say(f"reason.{event.reason.value}"))
    return text if event.failure is None else f"{text}: {event.failure.message}"


_TABLE: dict[type[Event], tuple[Kind, Severity, Callable[[Any], str]]] = {
    TraceStarted: (Kind.TRACE, Severity.FINE, _started),
    ProbeSent: (Kind.PROBE, Severity.FINE, _sent),
    ReplyReceived: (Kind.PROBE, Severity.FINE, _answered("event.reply")),
    LateReply: (Kind.ODDITY, Severity.HARMLESS, _answered("event.late")),
    DuplicateReply: (Kind.ODDITY, Severity.HARMLESS, _duplicate),
    ProbeLost: (Kind.LOSS, Severity.UNKNOWN, _lost),
    ForeignReply: (Kind.ODDITY, Severity.HARMLESS, _foreign),
    MalformedReply: (Kind.ODDITY, Severity.HARMLESS, _malformed),
    SendFailed: (Kind.TROUBLE, Severity.WARNING, _not_sent("event.send_failed")),
    PortsExhausted: (Kind.TROUBLE, Severity.WARNING, _not_sent("event.ports_exhausted")),
    PortSkipped: (Kind.ODDITY, Severity.HARMLESS, _skipped),
    PathEndMoved: (Kind.END, Severity.FINE, _path_end),
    PathChanged: (Kind.PATH, Severity.WARNING, _path_changed),
    SizeProbed: (Kind.PROBE, Severity.FINE, _size_probed),
    PathMtuFound: (Kind.SIZES, Severity.FINE, _path_mtu),
    Health: (Kind.TROUBLE, Severity.WARNING, _health),
    PaceChanged: (Kind.TROUBLE, Severity.WARNING, _pace),
    SourceChanged: (Kind.TROUBLE, Severity.WARNING, _source),
    NameMoved: (Kind.TROUBLE, Severity.WARNING, _name_moved),
    Suspended: (Kind.TROUBLE, Severity.HARMLESS, _suspended),
    Load: (Kind.PROBE, Severity.FINE, _load),
    NameResolved: (Kind.PROBE, Severity.FINE, _named),
    TargetAdded: (Kind.TRACE, Severity.UNKNOWN, _added),
    TraceEnded: (Kind.TRACE, Severity.FINE, _ended),
}
"""Every type of event: what it is about, how bad it is taken alone, and how it reads."""
