"""Reports as Trippy's ``-m json`` writes them (0.13): its keys in its order, its types.

Its numbers are texts of two decimals, and what is not known is ``0.00``. Several targets, which Trippy
refuses, are an array.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tracer.model import Extension, MplsStack, UnknownExtension
from tracer.report import about
from tracer.report.document import HopReport, Report
from tracer.text import printable

_TIMES = {
    "avg": "mean",
    "best": "best",
    "worst": "worst",
    "stddev": "stddev",
    "jitter": "jitter_last",
    "javg": "jitter_mean",
    "jmax": "jitter_max",
    "jinta": "jitter_rfc3550",
}


def render(reports: list[Report]) -> bytes:
    """Return one object for one target, an array for several."""
    told = [_report(report) for report in reports]
    text = json.dumps(told[0] if len(told) == 1 else told, indent=2, ensure_ascii=False)
    return f"{text}\n".encode("utf-8", "replace")


def _report(report: Report) -> dict[str, Any]:
    return {
        "info": {
            "target": {"ip": report.target.address or "", "hostname": printable(report.target.query)},
            "start_timestamp": report.started_at,
            "end_timestamp": report.ended_at or report.started_at,
        },
        "hops": [_hop(hop) for hop in report.hops],
    }


def _hop(hop: HopReport) -> dict[str, Any]:
    return {
        "ttl": hop.ttl,
        "hosts": [{"ip": one.address, "hostname": about.hostname(one)} for one in hop.responders],
        "extensions": _extensions(hop),
        "loss_pct": _text(hop.loss_pct),
        "sent": hop.sent,
        "last": _time(hop, "last"),
        "recv": hop.received,
        **{key: _time(hop, field) for key, field in _TIMES.items()},
        "nat": hop.nat,
        "tos": _tos(hop),
    }


def _time(hop: HopReport, field: str) -> str:
    return _text(None if hop.rtt_ms is None else getattr(hop.rtt_ms, field))


def _text(value: float | None) -> str:
    return f"{value or 0.0:.2f}"


def _tos(hop: HopReport) -> int:
    quoted = hop.quoted
    return 0 if quoted is None else (quoted.dscp or 0) << 2 | (quoted.ecn or 0)


def _mpls(extension: MplsStack) -> dict[str, Any]:
    members = [
        {"label": one.label, "exp": one.exp, "bos": one.bos, "ttl": one.ttl} for one in extension.labels
    ]
    return {"mpls": {"members": members}}


def _unknown(extension: UnknownExtension) -> dict[str, Any]:
    return {
        "unknown": {
            "class_num": extension.class_num,
            "class_subtype": extension.class_type,
            "bytes": [*extension.body],
        }
    }


_EXTENSIONS: dict[type[Extension], Callable[[Any], dict[str, Any]]] = {
    MplsStack: _mpls,
    UnknownExtension: _unknown,
}
"""The two kinds Trippy has words for; others are left out."""


def _extensions(hop: HopReport) -> list[dict[str, Any]]:
    told = [extension for responder in hop.responders for extension in responder.extensions]
    return [_EXTENSIONS[type(one)](one) for one in told if type(one) in _EXTENSIONS]
