"""One probe and its reply, taken apart layer by layer, bytes beside fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

import msgspec

from tracer import (
    Begins,
    Field,
    FieldDiff,
    Layer,
    LayerKind,
    begins_with,
    differences,
    dissect,
    quoted_packet,
)
from tracer.model import ProbeState
from tracer.text import printable
from tui.view import format as fmt
from tui.view.cells import Line, cell_width, clip_line, fit, fit_line, line_width, wrapped
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.history import ProbeKey, Sample
from tui.view.strings import say
from tui.view.style import SEVERITY_STYLES, Severity, Style

SIDE_BY_SIDE_FROM = 100
"""From this width on the probe stands beside its reply where no line has to be cut for it, else above it."""

_WIDE_FROM = 72
"""From this width on a line may hold eight bytes, else four."""

_NAME_WIDTH = 16
_BARE = frozenset({LayerKind.PAYLOAD, LayerKind.PADDING})
"""Layers that are nothing but bytes."""


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    """Which probe is looked at."""

    sample: Sample
    number: int
    """Its place among the probes kept of the hop, from 1."""
    total: int
    newest: bool
    """The newest one is shown, whichever that is."""
    host: str
    """Who answered; printable."""


def chosen(samples: Sequence[Sample], key: ProbeKey | None) -> int | None:
    """The index of the probe to look at: the one named, else the newest that has ended; None without any.

    A probe of another hop stands for the one of its round here.
    """
    if key is not None:
        exact = (at for at, sample in enumerate(samples) if sample.key == key)
        near = (at for at, sample in enumerate(samples) if sample.round == key[0])
        found = next(exact, None)
        if (found := next(near, None) if found is None else found) is not None:
            return found
    ended = (at for at in reversed(range(len(samples))) if samples[at].state is not ProbeState.OUTSTANDING)
    return next(ended, len(samples) - 1 if samples else None)


def stepped(samples: Sequence[Sample], key: ProbeKey | None, by: int) -> ProbeKey | None:
    """The probe before or behind the one looked at; None beyond the newest, which is to follow it."""
    at = chosen(samples, key)
    goal = 0 if at is None else max(at + by, 0)
    if goal >= len(samples) or samples[goal].state is ProbeState.OUTSTANDING:
        return None
    return samples[goal].key


def inspector(what: Inspected, width: int, glyphs: Glyphs = UNICODE) -> tuple[Line, ...]:
    """Lines of at most ``width`` cells: which probe it is, what became of it, and both packets."""
    head = (*_title(what, width, glyphs), *_verdict(what.sample, width, glyphs))
    return tuple(
        clip_line(line, width, glyphs.ellipsis) for line in (*head, *_packets(what.sample, width, glyphs))
    )


def _title(what: Inspected, width: int, glyphs: Glyphs) -> Iterator[Line]:
    sample = what.sample
    place = say("inspector.place", number=what.number, total=what.total)
    title: Line = (
        (say("inspector.hop", ttl=sample.ttl), Style.HEADER),
        (f"  {place}", Style.HEADER),
        (f"  {say('inspector.newest')}" if what.newest else "", Style.HEADER),
    )
    yield fit_line(title, width, glyphs.ellipsis, Style.HEADER)
    outcome = _outcome(sample)
    yield ((say(f"inspector.{outcome}", host=what.host, rtt=_rtt(sample)), _OUTCOMES[outcome]),)
    ports = "inspector.ports" if sample.target_port else "inspector.identifier"
    identity = say("inspector.identity", round=sample.round + 1, flow=sample.flow, sequence=sample.sequence)
    carried = say(ports, source=sample.source_port, arrow=glyphs.arrow, target=sample.target_port)
    yield ((f"{identity}, {carried}", Style.LABEL),)


_OUTCOMES = {"replied": Style.STRONG, "late": Style.HARMLESS, "lost": Style.LOSS, "outstanding": Style.MUTED}


def _outcome(sample: Sample) -> str:
    if sample.state is ProbeState.REPLIED:
        return "late" if sample.late else "replied"
    return "lost" if sample.state is ProbeState.LOST else "outstanding"


def _rtt(sample: Sample) -> str:
    return say("event.rtt-unknown") if sample.rtt_ns is None else fmt.ms_unit(sample.rtt_ns)


def _verdict(sample: Sample, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """What the reply quotes otherwise than it was sent."""
    if sample.probe_bytes is None or sample.reply_bytes is None:
        return
    quoted = quoted_packet(sample.reply_bytes)
    if not quoted:
        return
    meddled = [diff for diff in differences(sample.probe_bytes, quoted) if not diff.expected]
    for diff in meddled:
        mark = glyphs.severity[Severity.WARNING]
        text = say("inspector.diff", field=diff.field, sent=diff.sent, quoted=diff.quoted)
        yield from (((line, Style.WARNING),) for line in wrapped(f"{mark} {printable(text)}", width))
    if not meddled:
        yield (
            (f"{glyphs.severity[Severity.FINE]} ", SEVERITY_STYLES[Severity.FINE]),
            (say("inspector.same"), Style.TEXT),
        )


def _packets(sample: Sample, width: int, glyphs: Glyphs) -> Iterator[Line]:
    sent, reply = sample.probe_bytes, sample.reply_bytes
    if sent is None and reply is None:
        yield ()
        for line in wrapped(say(f"inspector.nothing.{sample.state.value}"), width):
            yield ((line, Style.MUTED),)
        return
    quoted = quoted_packet(reply) if reply is not None else b""
    found = differences(sent, quoted) if sent is not None and quoted else ()
    diffs = {diff.field: diff for diff in found}
    half = (width - 3) // 2
    both = (_packet("probe", sent, half, {}), _packet("reply", reply, half, diffs, glyphs))
    yield ()
    if width < SIDE_BY_SIDE_FROM or max(line_width(line) for lines in both for line in lines) > half:
        yield from (*_packet("probe", sent, width, {}), (), *_packet("reply", reply, width, diffs, glyphs))
        return
    for one, other in zip_longest(*both, fillvalue=()):
        yield (*fit_line(one, half, glyphs.ellipsis), (f" {glyphs.vertical} ", Style.AXIS), *other)


def _packet(
    name: str,
    packet: bytes | None,
    width: int,
    diffs: Mapping[str, FieldDiff],
    glyphs: Glyphs = UNICODE,
) -> tuple[Line, ...]:
    """Lines of ``width`` cells, or more where something cannot be broken."""
    if packet is None:
        return tuple(((line, Style.MUTED),) for line in wrapped(say(f"inspector.no-{name}"), width))
    part = "" if begins_with(packet) is Begins.IP else say("inspector.part")
    lines: list[Line] = [
        ((say(f"inspector.{name}", size=len(packet)), Style.TITLE), (f"  {part}", Style.MUTED))
    ]
    layers = dissect(packet).layers
    longest = max(
        (field.length for layer in layers if layer.kind not in _BARE for field in layer.fields), default=0
    )
    per_line = 8 if longest > 4 and width >= _WIDE_FROM else 4
    for layer in layers:
        told = say("inspector.layer", at=layer.offset, size=layer.length)
        lines.append(((printable(layer.title), Style.KEY), (f"  {told}", Style.MUTED)))
        found = diffs if layer.quoted else {}
        if layer.kind in _BARE:
            lines += _dump(layer, packet, 16 if width >= _WIDE_FROM else 8, found)
            continue
        for field in layer.fields:
            diff = found.get(f"{layer.kind.value}.{field.name}")
            lines += _field(field, packet[field.offset :][: field.length], (per_line, width), diff, glyphs)
    return tuple(lines)


def _field(
    field: Field, content: bytes, place: tuple[int, int], diff: FieldDiff | None, glyphs: Glyphs
) -> Iterator[Line]:
    """Its bytes, so many on a line, its name and value, and behind or below them remarks."""
    per_line, width = place
    rows = [content[at : at + per_line] for at in range(0, len(content), per_line)] or [b""]
    value_style = Style.TEXT if diff is None else _diff_style(diff)
    hex_style = Style.MUTED if diff is None else value_style
    hex_width = 3 * per_line - 1
    indent = hex_width + _NAME_WIDTH + 5
    line: Line = (
        (f"  {fit(rows[0].hex(' '), hex_width)}  ", hex_style),
        (f"{fit(field.name, _NAME_WIDTH)} ", Style.LABEL),
        (printable(field.text), value_style),
    )
    below: list[Line] = []
    for text, style in _remarks(field, diff, glyphs):
        if line_width(line) + cell_width(text) + 2 <= width and not below:
            line = (*line, (f"  {text}", style))
        else:
            below += [((" " * indent + part, style),) for part in wrapped(text, width - indent)]
    yield line
    yield from below
    yield from (((f"  {row.hex(' ')}", hex_style),) for row in rows[1:])


def _diff_style(diff: FieldDiff) -> Style:
    return Style.CHANGED if diff.expected else Style.WARNING


def _remarks(field: Field, diff: FieldDiff | None, glyphs: Glyphs) -> Iterator[tuple[str, Style]]:
    if field.note and field.note != f"{field.name} {field.text}":
        yield printable(field.note), Style.MUTED
    if diff is None:
        return
    sent = say("inspector.sent-as", sent=printable(diff.sent))
    if diff.expected:
        yield f"{sent}, {diff.expected}", Style.MUTED
    else:
        yield f"{glyphs.severity[Severity.WARNING]} {sent}", Style.WARNING


def _dump(layer: Layer, packet: bytes, per_line: int, diffs: Mapping[str, FieldDiff]) -> Iterator[Line]:
    """Bytes and the characters they are in ASCII."""
    content = packet[layer.offset : layer.offset + layer.length]
    changed = {field.removeprefix("payload.byte ") for field in diffs if field.startswith("payload.byte ")}
    for at in range(0, len(content), per_line):
        row = content[at : at + per_line]
        hit = any(str(at + index) in changed for index in range(len(row)))
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield (
            (f"  {fit(row.hex(' '), 3 * per_line - 1)}  ", Style.WARNING if hit else Style.MUTED),
            (text, Style.WARNING if hit else Style.TEXT),
        )
