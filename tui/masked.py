"""Reports and events without what is private, as the screen masks them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracer.events import Event, TraceStarted
from tracer.report.document import Report, build
from tracer.report.fold import Fold
from tracer.stats.snapshot import TraceSnapshot
from tui.view.privacy import Masker, Privacy, mask, mask_event


def reports(
    header: TraceStarted | None, snapshots: Sequence[TraceSnapshot], privacy: Privacy
) -> list[Report]:
    """The reports of these targets, masked; none before there is a header."""
    masked = None if header is None else mask_event(header, privacy)
    if not isinstance(masked, TraceStarted):
        return []
    hidden = [mask(snapshot, privacy) for snapshot in snapshots]
    return [build(masked, snapshot.target, snapshot) for snapshot in hidden]


def of_fold(fold: Fold, hops: int) -> list[Report]:
    """The reports of a whole log with so many hops masked."""
    return reports(fold.header, fold.snapshots(), Privacy(hops))


def hearing(listener: Callable[[Sequence[Event]], None], hops: int) -> Callable[[Sequence[Event]], None]:
    """A listener that is given events with so many hops masked."""
    privacy, masker = Privacy(hops), Masker()
    return lambda events: listener([masker.mask(event, privacy) for event in events])
