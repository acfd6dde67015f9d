"""When to give a report up because this host lets nothing out."""

from __future__ import annotations

from tracer.model import Failure, FailureKind

IN_A_ROW = 10
"""So many probes in a row must have failed here ..."""

PATIENCE_NS = 10_000_000_000
"""... over so long a time: a cable that is plugged in again, an address that is renewed."""

TIMEOUTS = 2
"""And over so many timeouts: by then the network has spoken of every probe that was thought to have left."""


class Setbacks:
    """Counts the probes that failed on this host since one last got through to the network."""

    def __init__(self, timeout_ns: int) -> None:
        self._patience_ns = max(PATIENCE_NS, TIMEOUTS * timeout_ns)
        self._count = 0
        self._since_ns = 0

    def got_through(self) -> None:
        """A probe was answered, or lost where only the network can have lost it."""
        self._count = 0

    def failed(self, failure: Failure, now: int) -> Failure | None:
        """One more failure; returns why to give up once it is time."""
        if self._count == 0:
            self._since_ns = now
        self._count += 1
        lasted_ns = now - self._since_ns
        if self._count < IN_A_ROW or lasted_ns < self._patience_ns:
            return None
        return Failure(
            kind=failure.kind,
            message=f"Given up: nothing could be sent for {lasted_ns / 1e9:.0f} s. {failure.message}",
            remedy=failure.remedy,
            errno=failure.errno,
            evidence={**failure.evidence, "failed_in_a_row": self._count, "lasted_ns": lasted_ns},
        )


def asleep(slept_ns: int) -> Failure:
    """Why a probe failed that was under way while this machine slept."""
    return Failure(
        kind=FailureKind.HOST_ASLEEP,
        message="This machine was suspended while the probe was under way.",
        remedy="Nothing: the trace goes on by itself.",
        evidence={"slept_ns": slept_ns},
    )
