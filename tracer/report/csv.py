"""Reports as CSV (RFC 4180): one line per hop, Trippy's columns first, further ones behind.

Several addresses of a hop stand in one cell, a space between them; so do their names, in the same order. A
number that is not known is an empty cell. A cell that a spreadsheet would take for a formula gets an
apostrophe in front.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

from tracer.report import about
from tracer.report.document import HopReport, Report, ResponderReport, RttReport
from tracer.text import printable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What begins a formula in a spreadsheet (OWASP, CSV injection), in its full-width form too."""

Column = Callable[[Report, HopReport], Any]


def _rtt(field: str) -> Column:
    def value(_: Report, hop: HopReport) -> float | None:
        return None if hop.rtt_ms is None else getattr(hop.rtt_ms, field)

    return value


def _each(told: Callable[[ResponderReport], str]) -> Column:
    """What is told of each responder, a space between; blanks of its own are written as escapes."""

    def value(_: Report, hop: HopReport) -> str:
        return " ".join(told(one).replace(" ", r"\x20") or "-" for one in hop.responders)

    return value


def _about(told: Callable[[ResponderReport], str]) -> Column:
    """The same for texts of several words: a semicolon between; nothing where nothing is known."""

    def value(_: Report, hop: HopReport) -> str:
        texts = [told(one).replace(";", ",") for one in hop.responders]
        return "; ".join(texts) if any(texts) else ""

    return value


def _verdict(_: Report, hop: HopReport) -> str:
    return "" if hop.verdict is None else hop.verdict.kind.value


COLUMNS: dict[str, Column] = {
    "Target": lambda report, _: printable(report.target.query),
    "TargetIp": lambda report, _: report.target.address,
    "Hop": lambda _, hop: hop.ttl,
    "IPs": _each(lambda responder: responder.address),
    "Addrs": _each(about.hostname),
    "Loss%": lambda _, hop: hop.loss_pct,
    "Snt": lambda _, hop: hop.sent,
    "Recv": lambda _, hop: hop.received,
    "Last": _rtt("last"),
    "Avg": _rtt("mean"),
    "Best": _rtt("best"),
    "Wrst": _rtt("worst"),
    "StDev": _rtt("stddev"),
    **{name: _rtt(name) for name in RttReport.__struct_fields__ if name.startswith(("p", "jitter"))},
    "lost": lambda _, hop: hop.lost,
    "failed": lambda _, hop: hop.failed,
    "late": lambda _, hop: hop.late,
    "AS": _about(about.autonomous_system),
    "place": _about(about.place),
    "verdict": _verdict,
}
"""Every column by its heading. The first thirteen are those of Trippy's ``-m csv``."""

_DECIMALS = 3
"""Of a millisecond, and of a percentage."""


def render(reports: list[Report]) -> bytes:
    """Return one heading, then the hops of every target in the order given."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(reports))
    return text.getvalue().encode("utf-8", "replace")


def _rows(reports: list[Report]) -> Iterator[list[str]]:
    for report in reports:
        for hop in report.hops:
            yield [_cell(column(report, hop)) for column in COLUMNS.values()]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{_DECIMALS}f}"
    return inert(str(value))


def inert(text: str) -> str:
    """``text`` as a cell that no spreadsheet computes."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
