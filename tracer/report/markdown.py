"""Reports as Markdown: a heading, a table (GFM), a sentence on the outcome, one block for each target."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from tracer.report import about, pretty
from tracer.report.document import HopReport, Report, ResponderReport, RttReport
from tracer.report.marks import mark
from tracer.text import printable

_TIMES: dict[str, Callable[[RttReport], float | None]] = {
    "Last": lambda rtt: rtt.last,
    "Avg": lambda rtt: rtt.mean,
    "Best": lambda rtt: rtt.best,
    "Wrst": lambda rtt: rtt.worst,
    "StDev": lambda rtt: rtt.stddev,
}
HEADINGS = ("Hop", "IPs", "Addrs", "Loss%", "Snt", "Recv", *_TIMES, "Notes")
_TEXTS = frozenset({"IPs", "Addrs", "Notes"})
"""Columns aligned to the left."""

_SPECIAL = re.compile(r"[\\`*_\[\]#|~$^!@]|(?<=www)\.|:(?=//)", re.IGNORECASE)
"""What Markdown, or GitHub's dialect of it, takes for more than characters inside a line: emphasis, code,
links (also bare ones), cells, mathematics."""
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def escape(text: str) -> str:
    """``text`` so that Markdown shows it as it is: no emphasis, no link, no further cell, no HTML."""
    plain = _SPECIAL.sub(r"\\\g<0>", text)
    return "".join(_ENTITIES.get(char, char) for char in plain)


def render(reports: list[Report]) -> bytes:
    """Return the reports, one block each."""
    return "\n".join("".join(f"{line}\n" for line in _block(report)) for report in reports).encode(
        "utf-8", "replace"
    )


def _block(report: Report) -> Iterator[str]:
    yield f"## {escape(printable(report.target.query))}"
    yield ""
    yield escape(f"To {pretty.header(report)}")
    yield ""
    if report.hops:
        yield _line(HEADINGS)
        yield _line([":--" if heading in _TEXTS else "--:" for heading in HEADINGS])
        for hop in report.hops:
            yield from (_line([escape(cell) for cell in row]) for row in _rows(report, hop))
        yield ""
    yield escape(pretty.outcome(report))
    for error in report.errors:
        yield ""
        told = f"{error.kind.value}: {printable(error.message)} {printable(error.remedy)}"
        yield f"- {escape(told.rstrip())}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rows(report: Report, hop: HopReport) -> Iterator[tuple[str, ...]]:
    numbers = (_number(hop.loss_pct, 1), str(hop.sent), str(hop.received), *_times(hop.rtt_ms))
    if not hop.responders:
        yield (str(hop.ttl), pretty.SILENT, pretty.SILENT, *numbers, _verdict(hop))
        return
    first, *others = hop.responders
    notes = [*_notes(report, first), _verdict(hop)]
    yield (
        str(hop.ttl),
        first.address,
        about.hostname(first),
        *numbers,
        ", ".join(note for note in notes if note),
    )
    for other in others:
        blank = ("", "", str(other.received), *_times(other.rtt_ms))
        yield ("", other.address, about.hostname(other), *blank, ", ".join(_notes(report, other)))


def _times(rtt: RttReport | None) -> tuple[str, ...]:
    if rtt is None:
        return (pretty.UNKNOWN,) * len(_TIMES)
    return tuple(_number(time(rtt), 3) for time in _TIMES.values())


def _number(value: float | None, decimals: int) -> str:
    return pretty.UNDEFINED if value is None else f"{value:.{decimals}f}"


def _notes(report: Report, responder: ResponderReport) -> list[str]:
    notes = (mark(responder.icmp, responder.address, report.target.address), about.known(responder))
    return [note for note in notes if note]


def _verdict(hop: HopReport) -> str:
    return "" if hop.verdict is None else pretty.verdict_mark(hop)
