"""Reports as ``mtr --json`` writes them: its keys in its order, its types, its rounding (mtr 0.95).

mtr counts in microseconds and writes five significant digits; a hop that never answered is ``???`` with
zeroes. Several targets are several documents, one behind the other, as mtr prints them.
"""

from __future__ import annotations

import json
from typing import Any

from tracer.report import about
from tracer.report.document import HopReport, Report
from tracer.text import printable

SILENT = "???"
_UNKNOWN_AS = "AS???"
_DIGITS = 5
"""Significant digits of a real number (jansson's JSON_REAL_PRECISION in mtr's report.c)."""

_TIMES = {"Last": "last", "Avg": "mean", "Best": "best", "Wrst": "worst", "StDev": "stddev"}


def render(reports: list[Report]) -> bytes:
    """Return one document for each target."""
    return "".join(f"{_document(report)}\n" for report in reports).encode("utf-8", "replace")


def _document(report: Report) -> str:
    config = report.config
    head = {
        "src": "" if report.source is None else report.source.address,
        "dst": printable(report.target.query),
        "tos": _whole(config.get("tos")),
        "tests": _whole(config.get("report_cycles")) or report.outcome.rounds,
        "psize": str(_whole(config.get("packet_size"))),
        "bitpattern": f"0x{_whole(config.get('payload_pattern')):02X}",
    }
    with_as = any(responder.asn is not None for hop in report.hops for responder in hop.responders)
    hubs = [_hub(hop, with_as=with_as) for hop in report.hops]
    return json.dumps({"report": {"mtr": head, "hubs": hubs}}, indent=4, ensure_ascii=False)


def _hub(hop: HopReport, *, with_as: bool) -> dict[str, Any]:
    first = hop.responders[0] if hop.responders else None
    number = "" if first is None else about.as_number(first)
    return {
        "count": hop.ttl,
        "host": SILENT if first is None else about.hostname(first),
        **({"ASN": number or _UNKNOWN_AS} if with_as else {}),
        "Loss%": _real(hop.loss_pct or 0.0),
        "Snt": hop.sent,
        **{key: _time(hop, field) for key, field in _TIMES.items()},
    }


def _time(hop: HopReport, field: str) -> float:
    value = None if hop.rtt_ms is None else getattr(hop.rtt_ms, field)
    return _real(round(value or 0.0, 3))


def _real(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
