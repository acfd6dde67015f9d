"""The output of a run without a screen, imported when the first probes are on their way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracer.events import Event

if TYPE_CHECKING:
    from tracer.report.document import Report
    from tui.headless import Output


class LateOutput:
    """Keeps what it hears until ``make`` is called, and is an ``Output`` from then on.

    Statistics and reports take longer to import than the first probes need to leave.
    """

    def __init__(self, name: str, hidden: int, rounds: int | None) -> None:
        self._arguments = (name, hidden, rounds)
        self._early: list[Event] = []
        self._output: Output | None = None

    def make(self) -> Output:
        """Import and tell what was heard so far."""
        from tui.headless import Output  # noqa: PLC0415 - see above

        if self._output is None:
            self._output = Output(*self._arguments)
            self._output.hear(self._early)
        return self._output

    def hear(self, events: Sequence[Event]) -> None:
        """Take the next events."""
        if self._output is None:
            self._early.extend(events)
        else:
            self._output.hear(events)

    def clear(self) -> None:
        """Take away what shows how far the run is."""
        if self._output is not None:
            self._output.clear()

    def finish(self) -> list[Report]:
        """Write what comes at the end; returns the reports."""
        return self.make().finish()
