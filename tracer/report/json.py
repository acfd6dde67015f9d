"""Reports as JSON for programs."""

from __future__ import annotations

import msgspec

from tracer.report.document import Report


def render(reports: list[Report]) -> bytes:
    """Return one object for one target, an array for several; the same bytes for the same reports."""
    document = reports[0] if len(reports) == 1 else reports
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
