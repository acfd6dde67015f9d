"""Percentiles of the most recent round-trip times."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable


def median(values: Iterable[float]) -> float:
    """Return the middle one, or the mean of the two in the middle. IndexError without any.

    Loading ``statistics`` for it would take as long as loading the engine.
    """
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


class Window:
    """The last ``size`` samples, kept sorted: a sample costs one insertion, a percentile one look-up."""

    __slots__ = ("_arrival", "_size", "_sorted")

    def __init__(self, size: int) -> None:
        self._size = size
        self._arrival: deque[int] = deque()
        self._sorted: list[int] = []

    def add(self, rtt_ns: int) -> None:
        if len(self._arrival) == self._size:
            del self._sorted[bisect_left(self._sorted, self._arrival.popleft())]
        self._arrival.append(rtt_ns)
        insort(self._sorted, rtt_ns)

    def percentile(self, percent: int) -> float:
        """Return the value below which ``percent`` (0..100) of the samples lie. IndexError without samples.

        Linear between the two nearest samples, the least being 0 % and the greatest 100 %: type 7 of
        Hyndman and Fan 1996, the ``inclusive`` method of ``statistics.quantiles``.
        """
        below, hundredths = divmod(percent * (len(self._sorted) - 1), 100)
        if hundredths == 0:
            return float(self._sorted[below])
        return (self._sorted[below] * (100 - hundredths) + self._sorted[below + 1] * hundredths) / 100
