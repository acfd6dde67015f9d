"""The output of a run without a screen, imported when the first probes are on their way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from tracer.events import Event, ProbeSent

if TYPE_CHECKING:
    from tracer.report.document import Report
    from tui.headless import Output


class LateOutput:
    """An ``Output`` that is made with the first probe; what was told before waits for it.

    Statistics and reports take longer to import than the first probes need to leave.
    """

    def __init__(self, name: str, hidden: int = 0, rounds: int | None = None) -> None:
        self._arguments = (name, hidden, rounds)
        self._early: list[Event] = []
        self._made = False

    @cached_property
    def _output(self) -> Output:
        from tui.headless import Output  # noqa: PLC0415 - see above

        self._made = True
        output = Output(*self._arguments)
        output.hear(self._early)
        return output

    def hear(self, events: Sequence[Event]) -> None:
        """Take the next events."""
        if self._made:
            self._output.hear(events)
            return
        self._early.extend(events)
        if any(isinstance(event, ProbeSent) for event in events):
            self._output  # noqa: B018 - made now

    def clear(self) -> None:
        """Take away what shows how far the run is."""
        if self._made:
            self._output.clear()

    def finish(self) -> list[Report]:
        """Write what comes at the end; returns the reports."""
        return self._output.finish()
