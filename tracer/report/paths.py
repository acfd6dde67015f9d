"""The paths of every target, folded from a whole log, live or from a file."""

from __future__ import annotations

from collections.abc import Iterable

from tracer.events import Event, TargetAdded, TraceStarted
from tracer.stats.paths_taken import PathsTaken, TakenFlow


class PathFold:
    """Takes events in order; what it says is a function of them alone."""

    def __init__(self) -> None:
        self._labels: list[str] = []
        self._taken: dict[str, PathsTaken] = {}

    def apply(self, events: Iterable[Event]) -> None:
        """Enter the next events; those of unknown targets are ignored."""
        for event in events:
            if isinstance(event, TraceStarted):
                self._labels, self._taken = [], {}
                for target in event.targets:
                    self._add(target.label)
            elif isinstance(event, TargetAdded):
                self._add(event.info.label)
            elif (taken := self._taken.get(event.target)) is not None:
                taken.apply(event)

    def _add(self, label: str) -> None:
        self._labels.append(label)
        self._taken[label] = PathsTaken()

    def flows(self) -> list[tuple[TakenFlow, ...]]:
        """The flows of each target, in the order given. Call it once, when there is no more."""
        told = {label: taken.flows() for label, taken in self._taken.items()}
        return [told[label] for label in self._labels]

    def flows_of(self, label: str) -> tuple[TakenFlow, ...]:
        """The flows of one target; none where it is not known. Call it once."""
        return self._taken[label].flows() if label in self._taken else ()
