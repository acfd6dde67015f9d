"""Texts that come into a report from elsewhere, safe to print."""

from __future__ import annotations

from typing import Any

import msgspec

from tracer.model import SourceInfo
from tracer.stats.snapshot import ErrorSnapshot
from tracer.text import printable


def shown(value: Any) -> Any:
    """A value of the config or of evidence, every text in it printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(str(key)): shown(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(one) for one in value]
    return value


def shown_source(source: SourceInfo | None) -> SourceInfo | None:
    """The interface's name is text from the system, or of a recording."""
    if source is None or source.interface is None:
        return source
    return SourceInfo(source.address, printable(source.interface))


def shown_error(error: ErrorSnapshot) -> ErrorSnapshot:
    """What went wrong, in words that are safe to print."""
    return msgspec.structs.replace(
        error,
        message=printable(error.message),
        remedy=printable(error.remedy),
        evidence=shown(error.evidence),
    )
