"""What a run without a screen prints while it goes on and at its end, be it a trace or a recording."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracer.events import Event
from tracer.report.document import Report
from tracer.report.fold import Fold
from tracer.report.modes import BY_NAME, Listening, Material
from tracer.session import Listener
from tui import progress
from tui.mode_names import PRETTY
from tui.terminal_size import size_of

if TYPE_CHECKING:
    from tui.live import LiveTable


class Output:
    """Hears the events of a run and writes to stdout what the mode ``name`` makes of them.

    Addresses of so many hops, ``hidden``, and of this host are masked in all of it. ``rounds`` are those
    asked for, to show how far a live run has come; None for a recording.
    """

    def __init__(self, name: str, hidden: int = 0, rounds: int | None = None) -> None:
        self._mode = BY_NAME[name]
        self._hidden = hidden
        self._fold = Fold()
        self._listening = Listening(self._mode)
        self._drawn: progress.Progress | LiveTable | None = None
        self._listeners: list[Listener] = [self._fold.apply, self._masked(self._listening.apply)]
        if self._mode.material is Material.EVENTS:
            self._listeners.append(self._masked(_stream))
        if rounds is not None:
            self._watch(rounds)

    def _masked(self, listener: Listener) -> Listener:
        if not self._hidden:
            return listener
        from tui.masked import hearing  # noqa: PLC0415 - only where something is private

        return hearing(listener, self._hidden)

    def _watch(self, rounds: int) -> None:
        if self._mode.name == PRETTY and sys.stdout.isatty():
            from tui.live import LiveTable  # noqa: PLC0415 - only on a terminal

            self._drawn = LiveTable(self._reports, sys.stdout)
        elif progress.wanted(sys.stderr) and not self._writes_to_terminal:
            self._drawn = progress.Progress(rounds, sys.stderr)
        if self._drawn is not None:
            self._listeners.append(self._drawn.update)

    @property
    def _writes_to_terminal(self) -> bool:
        """Lines come while the trace runs, on the terminal where the bar would be."""
        return self._mode.material is Material.EVENTS and sys.stdout.isatty()

    def hear(self, events: Sequence[Event]) -> None:
        """Take the next events."""
        for listener in self._listeners:
            listener(events)

    def _reports(self) -> list[Report]:
        if not self._hidden:
            return self._fold.reports()
        from tui.masked import of_fold  # noqa: PLC0415 - only where something is private

        return of_fold(self._fold, self._hidden)

    def clear(self) -> None:
        """Take away what shows how far the run is."""
        if self._drawn is not None:
            self._drawn.close()

    def finish(self) -> list[Report]:
        """Write what comes at the end; returns the reports."""
        self.clear()
        reports = self._reports()
        width = size_of(sys.stdout)[0] if sys.stdout.isatty() else None
        sys.stdout.buffer.write(self._listening.render(reports, width))
        sys.stdout.buffer.flush()
        return reports


def _stream(events: Sequence[Event]) -> None:
    from tracer.report import stream  # noqa: PLC0415 - only for this mode

    sys.stdout.buffer.write(b"".join(stream.encode(event) for event in events))
    sys.stdout.buffer.flush()
