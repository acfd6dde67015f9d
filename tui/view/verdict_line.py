"""The header: what is traced and how, how far it got, and the path in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from tracer.model import ChannelInfo, ClockInfo, EndReason, PathEndKind
from tracer.stats.snapshot import ErrorSnapshot, FindingKind, HopSnapshot, TraceSnapshot, VerdictKind
from tracer.text import printable
from tui.view import format as fmt
from tui.view.cells import Line, clip_line, fit_line, joined, line_width
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.privacy import HIDDEN
from tui.view.rows import severity_of
from tui.view.strings import counted, say
from tui.view.style import SEVERITY_STYLES, Severity, Style


class Status(StrEnum):
    """What the picture and the trace are doing."""

    RUNNING = "running"
    FROZEN = "frozen"
    """The picture stands still; the trace goes on."""
    ENDED = "ended"
    FAILED = "failed"
    REPLAY = "replay"
    PAUSED = "paused"


_STATUS_STYLES = {Status.FROZEN: Style.CHANGED, Status.PAUSED: Style.CHANGED, Status.FAILED: Style.ALARMING}


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the header shows beside the snapshot."""

    status: Status
    channel: ChannelInfo | None = None
    """None until it is open."""
    clock: ClockInfo | None = None
    ports: str = ""
    """Fixed ports, such as ``443``; empty where none is."""


HEIGHT = 3
"""Lines of the header."""


def header(snapshot: TraceSnapshot, head: Head, width: int, glyphs: Glyphs = UNICODE) -> tuple[Line, ...]:
    """Three lines of exactly ``width`` cells.

    Parts that do not fit are left out whole, the least important first: the reason of the channel, its
    source, the clock. The status stays.
    """
    lines = (
        _beside(_target(snapshot, head, glyphs), _status(snapshot, head, glyphs), width, glyphs),
        _parts(_means(snapshot, head), width, glyphs),
        verdict_line(snapshot, width, glyphs),
    )
    return tuple(fit_line(line, width, glyphs.ellipsis) for line in lines)


def _beside(left: Line, right: Line, width: int, glyphs: Glyphs) -> Line:
    room = width - line_width(right) - 1
    if room < 8:
        return clip_line(left, width, glyphs.ellipsis)
    return (*fit_line(left, room, glyphs.ellipsis), (" ", Style.TEXT), *right)


def _target(snapshot: TraceSnapshot, head: Head, glyphs: Glyphs) -> Line:
    target = snapshot.target
    if target.query == HIDDEN:
        return ((say("row.hidden"), Style.TITLE),)
    query = printable(target.query)
    address = "" if target.address in (None, target.query) else f" ({printable(str(target.address))})"
    name: Line = ((query, Style.TITLE), (address, Style.LABEL))
    if head.channel is None:
        return name
    told = {"protocol": head.channel.protocol.value.upper(), "channel": printable(head.channel.name)}
    if head.ports:
        via = say("header.ports", ports=printable(head.ports), **told)
    else:
        via = say("header.via", **told)
    return joined([name, ((via, Style.TEXT),)], (glyphs.separator, Style.MUTED))


def _status(snapshot: TraceSnapshot, head: Head, glyphs: Glyphs) -> Line:
    parts: list[Line] = [((length_text(snapshot), Style.TEXT),)] if snapshot.hops else []
    if snapshot.path_mtu is not None and snapshot.path_mtu.mtu is not None:
        parts.append(((say("header.mtu", mtu=snapshot.path_mtu.mtu), Style.TEXT),))
    parts.append(((say("header.round", round=snapshot.rounds), Style.TEXT),) if snapshot.rounds else ())
    parts.append(((say(f"status.{head.status}"), _STATUS_STYLES.get(head.status, Style.STRONG)),))
    return joined(parts, (glyphs.separator, Style.MUTED))


_LENGTHS = {
    PathEndKind.TARGET: "header.reached",
    PathEndKind.UNREACHABLE: "header.unreachable",
    PathEndKind.GAP: "header.gap",
    PathEndKind.OPEN: "header.open",
}


def length_text(snapshot: TraceSnapshot) -> str:
    """How long the path is, as far as that is known."""
    if snapshot.end is PathEndKind.GAP:
        return say("header.gap", hops=counted(_last_answered(snapshot), "hops"))
    last = snapshot.hops[-1].ttl if snapshot.hops else 0
    return say(_LENGTHS[snapshot.end], hops=counted(last, "hops"))


def _last_answered(snapshot: TraceSnapshot) -> int:
    return max((hop.ttl for hop in snapshot.hops if hop.received), default=0)


def _means(snapshot: TraceSnapshot, head: Head) -> list[Line]:
    """By importance, the first the most."""
    parts: list[Line] = []
    if head.clock is not None:
        parts.append(((_clock_text(head.clock), Style.LABEL),))
    source = snapshot.target.source
    if source is not None:
        address = say("row.hidden") if source.address == HIDDEN else printable(source.address)
        parts.append(((say("header.source", address=address), Style.LABEL),))
    if head.channel is not None:
        parts.append(((printable(head.channel.reason), Style.LABEL),))
    return parts


def _clock_text(clock: ClockInfo) -> str:
    if clock.tx is clock.rx:
        text = say("header.clock", clock=clock.rx.value)
    else:
        text = say("header.clocks", tx=clock.tx.value, rx=clock.rx.value)
    return f"{text} ({printable(clock.note)})" if clock.note else text


def _parts(parts: Sequence[Line], width: int, glyphs: Glyphs) -> Line:
    gap = (glyphs.separator, Style.MUTED)
    for count in range(len(parts), 0, -1):
        line = joined(parts[:count], gap)
        if line_width(line) <= width:
            return line
    return clip_line(parts[0], width, glyphs.ellipsis) if parts else ()


_REFUSALS = {
    FindingKind.PORT_REFUSED: "header.port-refused",
    FindingKind.PROHIBITED: "header.prohibited",
}
"""What the end of the path says of the packets themselves: it may be why a service is down."""


def verdict_line(snapshot: TraceSnapshot, width: int, glyphs: Glyphs = UNICODE) -> Line:
    """The path in one sentence of at most ``width`` cells.

    That is the judgement on it, behind a refusal of its end; where it speaks of this host only, or there is
    none yet, what is known of the path stands beside it.
    """
    verdict = snapshot.path_verdict
    severity = severity_of(verdict)
    style = SEVERITY_STYLES[severity]
    parts: list[Line] = [
        ((say(_REFUSALS[finding.kind], **finding.evidence), Style.CHANGED),)
        for finding in snapshot.findings
        if finding.kind in _REFUSALS
    ]
    if verdict is not None:
        parts.append(((printable(verdict.sentence), style),))
    if verdict is None or verdict.kind is VerdictKind.LOCAL_TROUBLE:
        parts.append(((outcome(snapshot), Style.STRONG),))
    line = joined(parts, (glyphs.separator, Style.MUTED))
    return clip_line(((f"{glyphs.severity[severity]} ", style), *line), width, glyphs.ellipsis)


def outcome(snapshot: TraceSnapshot) -> str:
    """What is known of the path without any judgement; printable."""
    if snapshot.reason is EndReason.ERROR and snapshot.errors:
        return say("outcome.error", message=printable(snapshot.errors[-1].message))
    if not any(hop.received for hop in snapshot.hops):
        return say("outcome.waiting")
    if snapshot.end is PathEndKind.TARGET:
        return _reached(snapshot.hops[-1])
    return _not_reached(snapshot)


_NOT_REACHED = {PathEndKind.UNREACHABLE: "outcome.unreachable", PathEndKind.GAP: "outcome.gap"}
"""A refusing hop has answered: in both cases the last answer is what counts."""


def _not_reached(snapshot: TraceSnapshot) -> str:
    answered = _last_answered(snapshot)
    if snapshot.end in _NOT_REACHED:
        return say(_NOT_REACHED[snapshot.end], ttl=answered)
    if snapshot.reason is EndReason.MAX_TTL:
        return say("outcome.max-ttl", hops=counted(snapshot.hops[-1].ttl, "hops"))
    return say("outcome.searching", hops=counted(answered, "hops"))


def _reached(target: HopSnapshot) -> str:
    hops = counted(target.ttl, "hops")
    rtt = fmt.ms_unit(None if target.rtt is None else target.rtt.p50_ns)
    if target.loss_pct is None:
        return say("outcome.reached-early", hops=hops, rtt=rtt)
    return say("outcome.reached", hops=hops, rtt=rtt, loss=fmt.percent(target.loss_pct))


def banner(error: ErrorSnapshot, width: int, glyphs: Glyphs = UNICODE) -> Line:
    """A local trouble with its remedy and how often it came, in exactly ``width`` cells."""
    text = say("banner", message=error.message, remedy=error.remedy).strip()
    times = say("banner.count", times=counted(error.count, "times"))
    return notice(f"{printable(text)} {times}", width, glyphs)


def notice(text: str, width: int, glyphs: Glyphs = UNICODE) -> Line:
    """Something that lasts, in exactly ``width`` cells; the text is printable."""
    line = ((f" {glyphs.severity[Severity.WARNING]} {text}", Style.BANNER),)
    return fit_line(line, width, glyphs.ellipsis, Style.BANNER)
