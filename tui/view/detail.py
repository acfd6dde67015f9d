"""Everything about one hop: who answers and what they say, how much is lost and how long it takes.

Only what is known is shown; a line without a value is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap

import msgspec

from tracer.icmp_names import code_name, type_name
from tracer.model import (
    Address,
    Extension,
    Family,
    Icmp,
    InterfaceIdentification,
    InterfaceInformation,
    MplsStack,
    PathMtu,
    ProbeState,
    QuotedHeader,
    UnknownExtension,
)
from tracer.names import NOTHING
from tracer.stats.snapshot import Finding, HopSnapshot, ResponderSnapshot, RttSnapshot, Verdict
from tracer.text import printable
from tui.view import about
from tui.view import format as fmt
from tui.view.cells import Line, fit, fit_line, joined
from tui.view.chart import chart, series_of
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.histogram import histogram
from tui.view.history import Sample
from tui.view.losses import losses
from tui.view.privacy import HIDDEN
from tui.view.rows import Context, host_text, severity_of
from tui.view.sizes import size_lines
from tui.view.sparkline import sparkline
from tui.view.steps import Steps, finished
from tui.view.strings import say
from tui.view.style import SEVERITY_STYLES, Style
from tui.view.told import diff_text, interface_text, quoted_parts, unknown_text, way_back

_LABEL = 10
"""Cells of the labels on the left."""

_BESIDE = 76
"""From this width on the histogram stands beside the facts."""

_WITH_CHART = 150
"""From this width on the chart does too."""

_MOST_RESPONDERS = 4


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The hop to tell about. Its snapshot is masked already."""

    hop: HopSnapshot
    verdict: Verdict | None
    ordinal: int = 0
    """Which of its responders."""
    context: Context = Context()
    samples: tuple[Sample, ...] = ()
    """Its recent probes, oldest first."""
    path_mtu: PathMtu | None = None
    findings: tuple[Finding, ...] = ()
    """Those of the path."""

    @property
    def responder(self) -> ResponderSnapshot | None:
        """The chosen responder; None where nobody answered."""
        responders = self.hop.responders
        return responders[min(self.ordinal, len(responders) - 1)] if responders else None

    @property
    def rtt(self) -> RttSnapshot | None:
        """Times of the whole hop, or of a further responder."""
        return self.hop.rtt if self.ordinal == 0 or self.responder is None else self.responder.rtt

    @property
    def own_samples(self) -> tuple[Sample, ...]:
        """The probes its times are of."""
        if self.ordinal == 0 or self.responder is None or self.responder.address == HIDDEN:
            return self.samples
        address = self.responder.address
        return tuple(sample for sample in self.samples if sample.responder in (None, address))


def detail(subject: Subject, width: int, height: int, glyphs: Glyphs = UNICODE) -> tuple[Line, ...]:
    """Lines of exactly ``width`` cells, at least ``height`` of them where there is something to draw.

    Facts on the left; beside them, where there is room, the histogram and the chart; below them otherwise.
    """
    return finished(detail_steps(subject, width, height, glyphs))


def detail_steps(
    subject: Subject, width: int, height: int, glyphs: Glyphs = UNICODE
) -> Steps[tuple[Line, ...]]:
    """``detail``, with pauses."""
    if width <= 0 or height <= 0:
        return ()
    if width < _BESIDE:
        facts = _facts(subject, width, glyphs)
        yield
        drawn = [*facts, *_histogram(subject, width, max(height // 2, 4), glyphs)]
        return tuple(fit_line(line, width, glyphs.ellipsis) for line in drawn)
    side = max(28, min(width // 3, 40))
    left = min(width - side - 2, 72) if width >= _WITH_CHART else width - side - 2
    charted = width - side - left - 4 if width >= _WITH_CHART else 0
    columns = [(_facts(subject, left, glyphs), left)]
    yield
    if charted:
        columns.append((_chart(subject, charted, height, glyphs), charted))
        yield
    columns.append((_histogram(subject, side, height, glyphs), side))
    yield
    return _beside(columns, glyphs)


def nothing(width: int, glyphs: Glyphs = UNICODE) -> tuple[Line, ...]:
    """No hop is selected."""
    return (fit_line(((f" {say('detail.none')}", Style.MUTED),), width, glyphs.ellipsis),)


def _beside(columns: Sequence[tuple[Sequence[Line], int]], glyphs: Glyphs) -> tuple[Line, ...]:
    lines = []
    for parts in zip_longest(*(lines for lines, _ in columns), fillvalue=()):
        line: list[tuple[str, Style]] = []
        for part, (_, width) in zip(parts, columns, strict=True):
            line += (
                [("  ", Style.TEXT), *fit_line(part, width, glyphs.ellipsis)]
                if line
                else fit_line(part, width, glyphs.ellipsis)
            )
        lines.append(tuple(line))
    return tuple(lines)


def _chart(subject: Subject, width: int, height: int, glyphs: Glyphs) -> tuple[Line, ...]:
    ttl = int(subject.hop.ttl)
    title: Line = ((say("detail.chart"), Style.LABEL),)
    series = [series_of(ttl, subject.own_samples)]
    return (title, *chart(series, width, height - 1, selected=ttl, glyphs=glyphs))


def _histogram(subject: Subject, width: int, height: int, glyphs: Glyphs) -> tuple[Line, ...]:
    times = [sample.rtt_ns for sample in subject.own_samples if sample.rtt_ns is not None]
    rtt = subject.rtt
    marks = {} if rtt is None else {"p50": rtt.p50_ns, "p90": rtt.p90_ns, "p99": rtt.p99_ns}
    title: Line = ((say("detail.histogram"), Style.LABEL),)
    return (title, *histogram(times, width, height - 1, marks, glyphs))


# The facts, one function for each line or group of lines


def _facts(subject: Subject, width: int, glyphs: Glyphs) -> tuple[Line, ...]:
    return (
        *_judged(subject, width, glyphs),
        *_labelled("detail.host", _hosts(subject, glyphs)),
        *_looked_up(subject, width),
        *(line for key, draw in _FACTS for line in _labelled(key, draw(subject, width - _LABEL, glyphs))),
    )


def _labelled(key: str, lines: Iterable[Line]) -> Iterator[Line]:
    """The label stands before the first of the lines."""
    label = say(key)
    for line in lines:
        yield ((f" {fit(label, _LABEL - 2)} ", Style.LABEL), *line)
        label = ""


def _judged(subject: Subject, width: int, glyphs: Glyphs) -> Iterator[Line]:
    severity = severity_of(subject.verdict)
    style = SEVERITY_STYLES[severity]
    hop = say("detail.hop", ttl=subject.hop.ttl)
    sentence = hop if subject.verdict is None else printable(subject.verdict.sentence)
    lead = f" {glyphs.severity[severity]} "
    for line in wrap(sentence, max(width - len(lead), 8)):
        yield ((lead, style), (line, style))
        lead = " " * len(lead)


def _hosts(subject: Subject, glyphs: Glyphs) -> Iterator[Line]:
    """Some of the responders, the chosen one among them."""
    hop = subject.hop
    if not hop.responders:
        yield ((host_text(None, subject.context), Style.MUTED),)
        return
    first = max(min(subject.ordinal - 1, len(hop.responders) - _MOST_RESPONDERS), 0)
    shown = hop.responders[first : first + _MOST_RESPONDERS]
    for ordinal, responder in enumerate(shown, first):
        chosen = ordinal == min(subject.ordinal, len(hop.responders) - 1)
        share = fmt.share(responder.received, hop.received) if len(hop.responders) > 1 else ""
        mark = f"{glyphs.arrow} " if chosen and len(hop.responders) > 1 else "  " if share else ""
        host = host_text(responder.address, subject.context)
        about = [share, *_known(subject.context, responder.address)]
        aside = "".join(f"  {text}" for text in about if text)
        yield ((mark + host, Style.STRONG if chosen else Style.TEXT), (aside, Style.LABEL))
    if rest := len(hop.responders) - len(shown):
        yield ((f"  {say('detail.more', count=rest)}", Style.MUTED),)


def _known(context: Context, address: Address) -> Iterator[str]:
    for found in (context.asns, context.countries):
        if (text := found.get(address)) is not None:
            yield printable(text)


def _looked_up(subject: Subject, width: int) -> Iterator[Line]:
    """What was looked up of the chosen responder."""
    if (responder := subject.responder) is None or responder.address == HIDDEN:
        return
    known = subject.context.known.get(responder.address, NOTHING)
    for key, text in about.facts(responder.address, known):
        lines = wrap(printable(text), max(width - _LABEL, 8))
        yield from _labelled(key, (((line, Style.VALUE),) for line in lines))


def _loss(subject: Subject, _width: int, _glyphs: Glyphs) -> Iterator[Line]:
    hop = subject.hop
    if hop.loss_pct is None or hop.loss_ci is None:
        yield ((say("detail.loss-unknown"), Style.MUTED),)
        return
    low, high = hop.loss_ci
    text = say(
        "detail.loss-known",
        loss=fmt.percent(hop.loss_pct),
        lost=hop.lost,
        closed=hop.lost + hop.received,
        low=fmt.percent(low),
        high=fmt.percent(high),
    )
    yield ((text, SEVERITY_STYLES[severity_of(subject.verdict)] if hop.lost else Style.VALUE),)


def _counts(subject: Subject, _width: int, glyphs: Glyphs) -> Iterator[Line]:
    names = ("outstanding", "late", "duplicates", "failed", "skipped")
    told = [(name, getattr(subject.hop, name)) for name in names]
    parts: list[Line] = [
        ((say(f"detail.{name}", count=number), Style.VALUE),) for name, number in told if number
    ]
    yield from _some(parts, glyphs)


def _times(subject: Subject, _width: int, _glyphs: Glyphs) -> Iterator[Line]:
    if (rtt := subject.rtt) is not None:
        last, best, mean, worst = map(fmt.ms, (rtt.last_ns, rtt.best_ns, rtt.mean_ns, rtt.worst_ns))
        text = say("detail.rtt-values", last=last, best=best, mean=mean, worst=worst)
        yield ((text, Style.VALUE),)


def _spread(subject: Subject, _width: int, _glyphs: Glyphs) -> Iterator[Line]:
    if (rtt := subject.rtt) is not None and rtt.stddev_ns is not None:
        stddev, jitter, mean = map(fmt.ms, (rtt.stddev_ns, rtt.jitter_last_ns, rtt.jitter_mean_ns))
        yield ((say("detail.spread-values", stddev=stddev, jitter=jitter, jitter_mean=mean), Style.VALUE),)


def _recent(subject: Subject, width: int, glyphs: Glyphs) -> Iterator[Line]:
    if subject.hop.recent_ns:
        room = min(len(subject.hop.recent_ns), max(width, 1))
        yield sparkline(subject.hop.recent_ns, room, glyphs)


def _losses(subject: Subject, width: int, glyphs: Glyphs) -> Iterator[Line]:
    if any(sample.state is ProbeState.LOST for sample in subject.samples):
        yield losses(subject.samples, width, glyphs)


def _answer(subject: Subject, _width: int, glyphs: Glyphs) -> Iterator[Line]:
    responder = subject.responder
    if responder is None:
        return
    parts: list[Line] = []
    if responder.icmp is not None:
        parts.append(((icmp_text(responder.icmp, responder.address), Style.VALUE),))
    yield from _some(parts, glyphs)


def _reply(subject: Subject, width: int, _glyphs: Glyphs) -> Iterator[Line]:
    if subject.responder is not None and subject.responder.reply_ttl is not None:
        yield from _folded(way_back(subject.responder.reply_ttl), width)


def icmp_text(icmp: Icmp, sender: Address) -> str:
    """Type and code by name; the family, which decides what they mean, is that of who sent it."""
    numbers = {"type": icmp.type, "code": icmp.code}
    if sender == HIDDEN:
        return say("detail.icmp-numbers", **numbers)
    family = Family.IPV6 if ":" in sender else Family.IPV4
    names = {"type_name": type_name(family, icmp.type), "code_name": code_name(family, icmp.type, icmp.code)}
    return say("detail.icmp", **names, **numbers)


def _labels(subject: Subject, _width: int, glyphs: Glyphs) -> Iterator[Line]:
    for extension in _extensions(subject):
        if isinstance(extension, MplsStack):
            labels: list[Line] = [
                ((say("detail.label", label=entry.label, exp=entry.exp, ttl=entry.ttl), Style.VALUE),)
                for entry in extension.labels
            ]
            yield from _some(labels, glyphs)


def _interfaces(subject: Subject, width: int, _glyphs: Glyphs) -> Iterator[Line]:
    for extension in _extensions(subject):
        if isinstance(extension, InterfaceInformation | InterfaceIdentification):
            yield from _folded(interface_text(extension), width)


def _unknown(subject: Subject, _width: int, glyphs: Glyphs) -> Iterator[Line]:
    for extension in _extensions(subject):
        if isinstance(extension, UnknownExtension):
            yield ((unknown_text(extension, glyphs.ellipsis), Style.VALUE),)


def _extensions(subject: Subject) -> tuple[Extension, ...]:
    return () if subject.responder is None else subject.responder.extensions


def _header(subject: Subject) -> QuotedHeader | None:
    """What was quoted to the chosen responder's credit."""
    if subject.ordinal == 0 or subject.responder is None:
        return subject.hop.quoted
    return subject.responder.quoted


def _quoted(subject: Subject, _width: int, glyphs: Glyphs) -> Iterator[Line]:
    if (quoted := _header(subject)) is not None:
        yield from _some([((part, Style.VALUE),) for part in quoted_parts(quoted)], glyphs)


def _rewritten(subject: Subject, width: int, glyphs: Glyphs) -> Iterator[Line]:
    quoted = _header(subject)
    for diff in () if quoted is None else quoted.diff or ():
        yield from _folded(diff_text(diff, glyphs.arrow), width, Style.CHANGED)


def _found(subject: Subject, width: int, _glyphs: Glyphs) -> Iterator[Line]:
    for finding in subject.findings:
        if finding.ttl == subject.hop.ttl:
            yield from _folded(printable(finding.sentence), width, Style.CHANGED)


def _folded(text: str, width: int, style: Style = Style.VALUE) -> Iterator[Line]:
    yield from (((line, style),) for line in wrap(text, max(width, 8)))


def _clock(subject: Subject, _width: int, _glyphs: Glyphs) -> Iterator[Line]:
    clock = subject.hop.clock
    if clock.kernel or clock.user:
        yield ((say("detail.clock-values", kernel=clock.kernel, user=clock.user), Style.VALUE),)


def _some(parts: Sequence[Line], glyphs: Glyphs) -> Iterator[Line]:
    """The parts in one line; none where there are none."""
    if parts:
        yield joined(parts, (glyphs.separator, Style.MUTED))


_FACTS: tuple[tuple[str, Callable[[Subject, int, Glyphs], Iterator[Line]]], ...] = (
    ("detail.loss", _loss),
    ("detail.rtt", _times),
    ("detail.recent", _recent),
    ("detail.losses", _losses),
    ("detail.answer", _answer),
    ("detail.mtu", lambda subject, _width, _glyphs: size_lines(subject.hop, subject.path_mtu)),
    ("detail.found", _found),
    ("detail.mpls", _labels),
    ("detail.interface", _interfaces),
    ("detail.extension", _unknown),
    ("detail.quoted", _quoted),
    ("detail.rewritten", _rewritten),
    ("detail.reply", _reply),
    ("detail.spread", _spread),
    ("detail.counts", _counts),
    ("detail.clock", _clock),
)
"""In the order of their worth: what does not fit is scrolled to."""
