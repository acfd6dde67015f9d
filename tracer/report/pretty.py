"""Reports as text for people: a table of hops, a sentence on the outcome, and what to do about trouble."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from textwrap import wrap

import msgspec

from tracer.model import Address, EndReason, MplsStack
from tracer.report import about
from tracer.report.document import HopReport, Report, ResponderReport, RttReport
from tracer.report.marks import mark
from tracer.report.table import GAP, lay_out
from tracer.stats.snapshot import VerdictKind
from tracer.stats.wording import path_mtu
from tracer.text import named, printable

SILENT = "???"
"""In the place of an address: nobody answered."""
UNKNOWN = "*"
"""In the place of a number that takes an answer."""
UNDEFINED = "-"
"""In the place of a number that takes more samples than there are."""

_HEADINGS = ("#", "Host", "", "Loss%", "Snt", "Recv", "Last", "Avg", "Best", "Worst", "StDev", "p90")
_HOST = _HEADINGS.index("Host")
_SHARE = _HOST + 1
_NO_NUMBERS = ("",) * (len(_HEADINGS) - _SHARE - 1)

_TIMES: tuple[Callable[[RttReport], float | None], ...] = (
    lambda rtt: rtt.last,
    lambda rtt: rtt.mean,
    lambda rtt: rtt.best,
    lambda rtt: rtt.worst,
    lambda rtt: rtt.stddev,
    lambda rtt: rtt.p90,
)
"""The columns from Last to p90."""

_DECIMALS = ((10.0, 3), (100.0, 2))
"""While the worst time is below so many milliseconds, all are shown with so many decimals; else with one."""

_INDENT = "    "

_MARKS: dict[VerdictKind, str] = {
    VerdictKind.OWN_ANSWERS_ONLY: "own answers only",
    VerdictKind.RATE_LIMIT: "rate limit",
    VerdictKind.PATH_CHANGED: "path changed",
    VerdictKind.MTU_BLACK_HOLE: "large packets vanish",
}
"""What a row says of its verdict; kinds that are no finding about the hop are left out."""

SILENT_MARK = "silent only"
"""A hop that answers nothing, while what stands behind it answers."""

_SPREADING: dict[VerdictKind, tuple[str, str]] = {
    VerdictKind.LOSS_REACHES_TARGET: ("loss begins here", "loss from hop {ttl}"),
    VerdictKind.BUFFERBLOAT: ("queue fills here", "queue from hop {ttl}"),
}
"""The same for what begins at one hop and shows at all behind it."""

_ENDINGS: dict[EndReason, str] = {
    EndReason.INTERRUPTED: "Interrupted after {rounds}.",
    EndReason.TRUNCATED: "The record stops after {rounds}.",
    EndReason.ERROR: "Failed after {rounds}.",
}
"""How the trace ended, where the verdict leads; all others ended as they should."""

_OUTCOMES: dict[EndReason, str] = {
    EndReason.TARGET_REACHED: "Reached",
    EndReason.UNREACHABLE: "Unreachable beyond {answered}",
    EndReason.GAP_LIMIT: "Not reached: silence beyond {answered}",
    EndReason.MAX_TTL: "Not reached within {hops}",
    EndReason.INTERRUPTED: "Interrupted",
    EndReason.TRUNCATED: "The record stops before the end",
    EndReason.ERROR: "Failed",
}

_NOTICED: dict[str, str] = {
    "malformed": "malformed packets",
    "anomalies": "impossible times left out",
    "retransmitted": "times left out because the kernel resent the probe",
    "clock_steps": "steps of the wall clock",
    "kernel_drops": "packets dropped by a full receive queue",
}
"""What makes the numbers less certain, by its field in the report's ``health``."""


class _Row(msgspec.Struct, frozen=True):
    cells: tuple[str, ...]
    notes: str = ""


def render(reports: list[Report], width: int | None = None) -> str:
    """Return the reports as text, one block each. ``width`` in columns; None for as wide as it takes."""
    return "\n".join("".join(f"{line}\n" for line in _block(report, width)) for report in reports)


def render_running(reports: list[Report], width: int | None = None) -> str:
    """Return what is known while the traces run: the hops, without an outcome."""
    return "\n".join("".join(f"{line}\n" for line in _progress(report, width)) for report in reports)


def _progress(report: Report, width: int | None) -> Iterator[str]:
    yield from _fold(header(report), width)
    if report.hops:
        yield from _table(report, _decimals(report), width)
    verdict = "" if report.path_verdict is None else f" {report.path_verdict.sentence}"
    yield from _fold(f"Running, {_count(report.outcome.rounds, 'round')}.{verdict}", width)
    yield from _errors(report, width)


def _block(report: Report, width: int | None) -> Iterator[str]:
    decimals = _decimals(report)
    yield from _fold(header(report), width)
    if report.hops:
        yield from _table(report, decimals, width)
    yield from _fold(_outcome(report, decimals), width)
    for finding in report.findings:
        yield from _fold(printable(finding.sentence), width)
    if report.path_mtu is not None:
        yield from _fold(path_mtu(report.path_mtu), width)
    if noticed := _noticed(report):
        yield from _fold(f"Noticed: {', '.join(noticed)}.", width)
    yield from _errors(report, width)


def _errors(report: Report, width: int | None) -> Iterator[str]:
    for error in report.errors:
        times = f" ({error.count} times)" if error.count > 1 else ""
        yield from _fold(f"{error.kind.value}{times}: {printable(error.message)}", width)
        if error.remedy:
            yield from _fold(f"{_INDENT}{printable(error.remedy)}", width)


def _fold(text: str, width: int | None) -> list[str]:
    if width is None or len(text) <= width:
        return [text]
    return wrap(text, width, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False)


def header(report: Report) -> str:
    """What was traced, and how, in a line."""
    target, channel = report.target, report.channel
    address = "" if target.address is None or target.address == target.query else f" ({target.address})"
    way = f"{channel.protocol.value} by {channel.name}: {printable(channel.reason)}"
    return f"{named(target.query)}{address}, {way}"


def _table(report: Report, decimals: int, width: int | None) -> Iterator[str]:
    rows = [_Row(_HEADINGS)]
    for hop in _with_notable_mtus(report):
        rows.extend(_rows(hop, report.target.address, decimals))
    cells = [row.cells for row in rows]
    if all(len(hop.responders) <= 1 for hop in report.hops):
        cells = [row[:_SHARE] + row[_SHARE + 1 :] for row in cells]
    for row, lines in zip(rows, lay_out(cells, left=_HOST, width=width), strict=True):
        noted = f"{lines[-1]}{GAP * 2}{row.notes}".rstrip()
        if width is None or not row.notes or len(noted) <= width:
            lines[-1] = noted
        else:
            lines.append(f"{_INDENT}{row.notes}")
        yield from (line.rstrip() for line in lines)


def _with_notable_mtus(report: Report) -> Iterator[HopReport]:
    """Every hop of a measured path has an MTU; it is worth a note where it falls."""
    if report.path_mtu is None:
        yield from report.hops
        return
    falls = {step.ttl for step in report.path_mtu.lowered_at}
    for hop in report.hops:
        yield hop if hop.ttl in falls else msgspec.structs.replace(hop, mtu=None)


def _rows(hop: HopReport, target: Address | None, decimals: int) -> Iterator[_Row]:
    numbers = (_number(hop.loss_pct, 1), str(hop.sent), str(hop.received), *_times(hop.rtt_ms, decimals))
    if not hop.responders:
        yield _Row((str(hop.ttl), SILENT, "", *numbers), ", ".join(_hop_notes(hop)))
        return
    first, *others = hop.responders
    share = _share(first, hop) if others else ""
    notes = [*_responder_notes(first, target), *_hop_notes(hop)]
    yield _Row((str(hop.ttl), _host(first), share, *numbers), ", ".join(notes))
    for other in others:
        notes = [*_responder_notes(other, target)]
        yield _Row(("", _host(other), _share(other, hop), *_NO_NUMBERS), ", ".join(notes))


def _host(responder: ResponderReport) -> str:
    if responder.hostname is None:
        return responder.address
    return f"{printable(responder.hostname)} ({responder.address})"


def _share(responder: ResponderReport, hop: HopReport) -> str:
    return f"{100 * responder.received / hop.received:.0f}%"


def _times(rtt: RttReport | None, decimals: int) -> tuple[str, ...]:
    if rtt is None:
        return (UNKNOWN,) * len(_TIMES)
    values = (time(rtt) for time in _TIMES)
    return tuple(UNDEFINED if value is None else f"{value:.{decimals}f}" for value in values)


def _number(value: float | None, decimals: int) -> str:
    return UNKNOWN if value is None else f"{value:.{decimals}f}"


def _decimals(report: Report) -> int:
    worst = max((hop.rtt_ms.worst for hop in report.hops if hop.rtt_ms is not None), default=0.0)
    return next((decimals for limit, decimals in _DECIMALS if worst < limit), 1)


def _responder_notes(responder: ResponderReport, target: Address | None) -> Iterator[str]:
    if complaint := mark(responder.icmp, responder.address, target):
        yield complaint
    for extension in responder.extensions:
        if isinstance(extension, MplsStack):
            yield f"mpls {'/'.join(str(entry.label) for entry in extension.labels)}"
    if known := about.known(responder):
        yield known


def verdict_mark(hop: HopReport) -> str:
    """What a row says of its hop's verdict, in two or three words; empty where there is nothing to say."""
    verdict = hop.verdict
    if verdict is None:
        return ""
    if verdict.kind is VerdictKind.OWN_ANSWERS_ONLY and not hop.received:
        return SILENT_MARK
    begins, inherits = _SPREADING.get(verdict.kind, ("", ""))
    if verdict.evidence.get("role") == "inherits":
        return inherits.format(ttl=verdict.evidence["begins_at_ttl"])
    return begins or _MARKS.get(verdict.kind, "")


def _hop_notes(hop: HopReport) -> Iterator[str]:
    if marked := verdict_mark(hop):
        yield marked
    if hop.mtu is not None:
        yield f"mtu {hop.mtu}"
    for count, what in (
        (hop.failed, "failed"),
        (hop.skipped, "skipped"),
        (hop.late, "late"),
        (hop.duplicates, "duplicate"),
    ):
        if count:
            yield f"{count} {what}"


def outcome(report: Report) -> str:
    """How the trace ended and what the path suffers from, in one or two sentences."""
    return _outcome(report, _decimals(report))


def _outcome(report: Report, decimals: int) -> str:
    """The path's verdict and the rounds behind it; where nothing was tried, how the trace ended."""
    verdict, outcome = report.path_verdict, report.outcome
    if verdict is None or not report.health.sent:
        return _ending(report, decimals)
    ending = _ENDINGS.get(outcome.reason, "{rounds}.").format(rounds=_count(outcome.rounds, "round"))
    return f"{verdict.sentence} {ending}"


def _ending(report: Report, decimals: int) -> str:
    outcome = report.outcome
    answered = max((hop.ttl for hop in report.hops if hop.received), default=0)
    last = report.hops[-1].ttl if report.hops else 0
    text = _OUTCOMES[outcome.reason].format(
        answered=f"hop {answered}" if answered else "this host", hops=_count(last, "hop")
    )
    if outcome.reached and outcome.reason is not EndReason.TARGET_REACHED:
        text += "; the target answered"
    if outcome.target_ttl is not None:
        text += f" in {_count(outcome.target_ttl, 'hop')}"
    details = [*_target_details(report, decimals)]
    if outcome.rounds:
        details.append(_count(outcome.rounds, "round"))
    return ", ".join([text, *details]) + "."


def _target_details(report: Report, decimals: int) -> Iterator[str]:
    for hop in report.hops:
        if hop.ttl == report.outcome.target_ttl:
            if hop.rtt_ms is not None:
                yield f"{hop.rtt_ms.mean:.{decimals}f} ms on average"
            if hop.loss_pct is not None:
                yield f"{hop.loss_pct:.1f} % loss"


def _noticed(report: Report) -> list[str]:
    health = {field: getattr(report.health, field) for field in _NOTICED}
    noticed = [f"{count} {_NOTICED[field]}" for field, count in health.items() if count]
    user = sum(hop.clock.user for hop in report.hops)
    if user:
        total = user + sum(hop.clock.kernel for hop in report.hops)
        noticed.append(f"{user} of {total} times taken by this process, not by the kernel")
    return noticed


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
