"""Snapshots and samples for the tests of the views."""

from __future__ import annotations

import msgspec

from tests.report import samples
from tests.stats.logbook import Log
from tracer.model import Address, SourceInfo
from tracer.stats.snapshot import TraceSnapshot
from tui.view.history import History

SOURCE = Address("192.0.2.10")


def traced(log: Log | None = None) -> TraceSnapshot:
    """The fold of a log, with a source."""
    snapshot = (log or samples.eventful()).fold()
    target = msgspec.structs.replace(snapshot.target, source=SourceInfo(SOURCE, "eth0"))
    return msgspec.structs.replace(snapshot, target=target)


def history(log: Log) -> History:
    kept = History()
    for event in log.events:
        kept.apply(event)
    return kept
