"""Which local troubles are going on now: the snapshot counts them for ever, the banner shows what lasts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tracer.events import Event, NameMoved, SendFailed, TraceEnded
from tracer.model import Failure
from tracer.stats.snapshot import ErrorSnapshot

LASTS_NS = 3_000_000_000
"""A trouble that did not come again for so long is over ..."""

LASTS_ROUNDS = 2
"""... unless the last rounds, which may be far apart, still had it."""

_MOST = 64
"""Messages told apart; further ones count for their kind."""


class Moment(msgspec.Struct, frozen=True):
    """A point of a target's log."""

    at_ns: int
    round: int
    """Of the newest probe."""


def lasts(last: Moment, now: Moment) -> bool:
    """Whether what came at ``last`` is going on at ``now``."""
    return now.at_ns - last.at_ns <= LASTS_NS or now.round - last.round < LASTS_ROUNDS


class Recent:
    """When each trouble of a target came last. Bounded."""

    def __init__(self) -> None:
        self._now = Moment(0, 0)
        self._last: dict[tuple[str, str], Moment] = {}
        self._moved: tuple[str, str] | None = None
        """Where the target's name has moved to: lasts until the log says otherwise."""

    def apply(self, event: Event) -> None:
        """Enter the next event of the target's log."""
        began = getattr(event, "round", self._now.round)
        self._now = Moment(max(self._now.at_ns, event.at_ns), max(self._now.round, began))
        if isinstance(event, (SendFailed, TraceEnded)) and event.failure is not None:
            self._note(event.failure)
        elif isinstance(event, NameMoved):
            failure = event.failure
            self._moved = None if failure is None else (failure.kind.value, failure.message)

    def _note(self, failure: Failure) -> None:
        key = (failure.kind.value, failure.message)
        if key in self._last or len(self._last) < _MOST:
            self._last[key] = self._now
        self._last[failure.kind.value, ""] = self._now

    def current(self, errors: Sequence[ErrorSnapshot]) -> tuple[int, ...]:
        """Indices into the unmasked ``errors`` of those that are going on."""
        return tuple(index for index, error in enumerate(errors) if self._is_current(error))

    def _is_current(self, error: ErrorSnapshot) -> bool:
        kind = error.kind.value
        if (kind, error.message) == self._moved:
            return True
        last = self._last.get((kind, error.message)) or self._last.get((kind, ""))
        return last is not None and lasts(last, self._now)
