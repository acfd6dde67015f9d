"""What this process takes: processor time, memory, and how late it wakes. Read once a second at the most."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import NamedTuple

PERIOD_NS = 1_000_000_000


class Reading(NamedTuple):
    """A second, or a little more, of this process."""

    over_ns: int
    lag_ns: int
    cpu_ns: int
    memory: int | None


class Meter:
    """Measures between wake-ups; wakes nobody itself."""

    def __init__(self, now_ns: int) -> None:
        self._since_ns = now_ns
        self._cpu_ns = time.process_time_ns()
        self._lag_ns = 0

    def woke(self, due_ns: int | None, now_ns: int) -> Reading | None:
        """The process woke at ``now_ns`` and had to at ``due_ns``; what it took, once a second is over."""
        if due_ns is not None and due_ns > self._since_ns:
            self._lag_ns = max(self._lag_ns, now_ns - due_ns)
        if now_ns - self._since_ns < PERIOD_NS:
            return None
        cpu_ns = time.process_time_ns()
        found = Reading(now_ns - self._since_ns, self._lag_ns, cpu_ns - self._cpu_ns, resident_bytes())
        self._since_ns, self._cpu_ns, self._lag_ns = now_ns, cpu_ns, 0
        return found


def resident_bytes() -> int | None:
    """Memory of this process that is in RAM; None where the system does not tell (proc(5), statm)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return None
