"""JSON Schema (draft 2020-12) of what is written, derived from the structs that write it."""

from __future__ import annotations

from typing import Any

import msgspec

from tracer.events import SCHEMA as EVENTS
from tracer.events import Event
from tracer.report.document import Report

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def report_schema() -> dict[str, Any]:
    """Return the schema of the JSON report: one target's object, or an array of them."""
    (report, several), definitions = _components(Report, list[Report])
    return {
        "$schema": _DIALECT,
        "$id": "hopscope.report/1",
        "title": "Report of one or several traces",
        "anyOf": [report, several],
        "$defs": definitions,
    }


def events_schema() -> dict[str, Any]:
    """Return the schema of one line of the event log."""
    (event,), definitions = _components(Event)
    return {
        "$schema": _DIALECT,
        "$id": EVENTS,
        "title": "One line of the event log",
        **event,
        "$defs": definitions,
    }


SCHEMAS = {"report": report_schema, "events": events_schema}
"""What can be described, by the name a user calls it."""


def render(name: str) -> bytes:
    """Return the schema called ``name`` as text. KeyError unless it is in ``SCHEMAS``."""
    return msgspec.json.format(msgspec.json.encode(SCHEMAS[name]()), indent=2) + b"\n"


def _components(*types: Any) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    return msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
