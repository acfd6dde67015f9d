"""Between the trace and the screen: takes events as fast as they come, gives the newest picture when asked.

The screen redraws on its own clock. It asks ``version`` whether anything changed and ``targets`` for what is
there now; however many events came in between, it draws once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracer.events import Event, NameResolved, TargetAdded, TraceStarted
from tracer.model import EndReason
from tracer.report.document import Report
from tracer.report.fold import Fold
from tracer.stats.snapshot import TraceSnapshot
from tui.scene import Look, TargetScene
from tui.view.facts import Fact
from tui.view.history import History
from tui.view.log import Log
from tui.view.privacy import mask
from tui.view.troubles import Recent
from tui.view.verdict_line import Status


class _TargetBooks:
    """What the screen keeps of one target beside the statistics."""

    def __init__(self, max_samples: int) -> None:
        self.history = History(max_samples)
        self.log = Log()
        self.troubles = Recent()

    def apply(self, event: Event) -> None:
        self.history.apply(event)
        self.log.apply(event)
        self.troubles.apply(event)


class Bridge:
    """Folds the log for the screen. ``update`` is a session's listener."""

    def __init__(self, max_samples: int = 512) -> None:
        self.version = 0
        """Counts the batches of events; the picture is old when it has grown."""
        self.position_ns = 0
        """The newest moment the log tells of."""
        self.warnings: tuple[str, ...] = ()
        """What this host is short of, until it has been told."""
        self._max_samples = max_samples
        self._fold = Fold()
        self._books: dict[str, _TargetBooks] = {}
        self._looked_up: frozenset[Fact] = frozenset()

    def update(self, events: Sequence[Event]) -> None:
        """Enter the next events."""
        self._fold.apply(events)
        for event in events:
            if isinstance(event, TraceStarted):
                self._looked_up = frozenset()
                self._books = {target.label: _TargetBooks(self._max_samples) for target in event.targets}
                for started in self._books.values():
                    started.apply(event)
                self.position_ns = event.at_ns
                continue
            if isinstance(event, NameResolved):
                self._looked_up |= _found_by(event)
            if isinstance(event, TargetAdded):
                self._books[event.target] = _TargetBooks(self._max_samples)
            if (books := self._books.get(event.target)) is not None:
                books.apply(event)
            self.position_ns = max(self.position_ns, event.at_ns)
        self.version += 1

    @property
    def header(self) -> TraceStarted | None:
        """The first line of the log; None before it has come."""
        return self._fold.header

    def take_warnings(self) -> tuple[str, ...]:
        """What is to be told once."""
        taken, self.warnings = self.warnings, ()
        return taken

    def reports(self) -> list[Report]:
        """The reports as they stand, unmasked."""
        return self._fold.reports()

    def facts(self) -> frozenset[Fact]:
        """What kinds of data there are to show."""
        header = self._fold.header
        found = set(self._looked_up)
        if header is not None and header.channel.protocol.value != "icmp":
            found.add(Fact.PORTS)
        if len(self._books) > 1:
            found.add(Fact.TARGETS)
        if any(books.history.has_packets for books in self._books.values()):
            found.add(Fact.PACKETS)
        if any(books.history.flows > 1 for books in self._books.values()):
            found.add(Fact.FLOWS)
        if any(hop.quoted is not None for snapshot in self._fold.snapshots() for hop in snapshot.hops):
            found.add(Fact.QUOTED_HEADER)
        return frozenset(found)

    def targets(self, look: Look, hidden: frozenset[str] = frozenset()) -> tuple[TargetScene, ...]:
        """Every target but the ``hidden`` ones, masked as the look says."""
        return tuple(self.each(look, hidden))

    def each(self, look: Look, hidden: frozenset[str] = frozenset()) -> Iterator[TargetScene]:
        """The same, one after the other; events may come in between."""
        known = self._books
        for snapshot in self._fold.each_snapshot():
            label = snapshot.target.label
            if label in known and label not in hidden:
                yield _scene_of(snapshot, known[label], look)


def _scene_of(snapshot: TraceSnapshot, books: _TargetBooks, look: Look) -> TargetScene:
    return TargetScene(
        label=snapshot.target.label,
        snapshot=mask(snapshot, look.privacy),
        history=books.history,
        entries=books.log.entries(look.privacy, everything=look.all_events),
        log=books.log,
        status=_status(snapshot.reason),
        flows=snapshot.flows,
        troubles=books.troubles.current(snapshot.errors),
    )


def _found_by(event: NameResolved) -> frozenset[Fact]:
    place = event.place
    return frozenset(
        fact
        for fact, known in (
            (Fact.NAMES, bool(event.hostnames)),
            (Fact.ASN, event.asn is not None),
            (Fact.PLACES, place is not None),
            (Fact.COORDINATES, place is not None and place.coordinates is not None),
        )
        if known
    )


def _status(reason: EndReason | None) -> Status:
    if reason is None:
        return Status.RUNNING
    return Status.FAILED if reason is EndReason.ERROR else Status.ENDED
