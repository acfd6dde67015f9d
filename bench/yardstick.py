"""How busy this machine is with other things, told by a piece of work that is always the same."""

from __future__ import annotations

import time


class Yardstick:
    """About a millisecond of Python.

    Other programs take nothing of a process's CPU time, but of caches and of cores that are shared: the same
    work then takes longer by that same clock. Divided by ``slowness``, times of one run can be compared.
    """

    def __init__(self) -> None:
        self._best_ms = min(self._once() for _ in range(500))

    def _once(self) -> float:
        before = time.thread_time_ns()
        words = [f"{number * 7919 % 10_007:05}" for number in range(2000)]
        sorted({word: len(word) for word in words}.items())
        return (time.thread_time_ns() - before) / 1e6

    def slowness(self) -> float:
        """How much longer it takes now than at its best, at least 1."""
        now_ms = min(self._once() for _ in range(3))
        self._best_ms = min(self._best_ms, now_ms)
        return now_ms / self._best_ms
