"""The trace as it happens: one line of JSON per event, the very lines that a recording holds."""

from __future__ import annotations

from tracer.ndjson import encode

__all__ = ["encode"]
