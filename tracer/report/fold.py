"""The fold of a whole log: its header and one tracker per target give the reports, live or from a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tracer.events import Event, TargetAdded, TraceStarted
from tracer.model import TargetInfo
from tracer.report.document import Report, build
from tracer.stats.hop import DEFAULT_MAX_FLOWS
from tracer.stats.snapshot import TraceSnapshot
from tracer.stats.tracker import DEFAULT_MAX_SAMPLES, Tracker


class Fold:
    """Takes events in order; what it says is a function of them alone."""

    def __init__(self) -> None:
        self._header: TraceStarted | None = None
        self._max_samples = DEFAULT_MAX_SAMPLES
        self._max_flows = DEFAULT_MAX_FLOWS
        self._targets: list[TargetInfo] = []
        self._trackers: dict[str, Tracker] = {}

    @property
    def header(self) -> TraceStarted | None:
        """The first line of the log; None before it has come."""
        return self._header

    def apply(self, events: Iterable[Event]) -> None:
        """Enter the next events; those of unknown targets are ignored."""
        for event in events:
            if isinstance(event, TraceStarted):
                self._start(event)
            elif isinstance(event, TargetAdded):
                self._add(event.info)
            elif (tracker := self._trackers.get(event.target)) is not None:
                tracker.apply(event)

    def _start(self, header: TraceStarted) -> None:
        self._header = header
        self._max_samples = _bound(header, "max_samples", DEFAULT_MAX_SAMPLES)
        self._max_flows = _bound(header, "max_flows", DEFAULT_MAX_FLOWS)
        self._targets, self._trackers = [], {}
        for target in header.targets:
            self._add(target)

    def _add(self, target: TargetInfo) -> None:
        self._targets.append(target)
        self._trackers[target.label] = Tracker(target, self._max_samples, self._max_flows)

    def snapshots(self) -> list[TraceSnapshot]:
        """One snapshot per target, in the order given."""
        return [tracker.snapshot() for tracker in self._trackers.values()]

    def each_snapshot(self) -> Iterator[TraceSnapshot]:
        """The same, each taken when it is asked for; events may come in between."""
        return (tracker.snapshot() for tracker in tuple(self._trackers.values()))

    def reports(self) -> list[Report]:
        """One report per target, in the order given; none before the log has begun."""
        header = self._header
        if header is None:
            return []
        return [build(header, target, self._trackers[target.label].snapshot()) for target in self._targets]


def _bound(header: TraceStarted, option: str, default: int) -> int:
    """An option of the recorded run; the default where an older version did not have it."""
    value = header.config.get(option)
    return value if isinstance(value, int) else default
