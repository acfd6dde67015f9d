"""Moments and extremes of a stream of round-trip times, in constant memory."""

from __future__ import annotations

from math import sqrt


class Running:
    """Count, mean, standard deviation, best, worst and last of all samples so far, in nanoseconds.

    Source: Welford 1962, as in Knuth, The Art of Computer Programming, vol. 2, 4.2.2.
    """

    __slots__ = ("_squares", "best_ns", "count", "last_ns", "mean_ns", "worst_ns")

    def __init__(self) -> None:
        self.count = 0
        self.mean_ns = 0.0
        self.best_ns: int | None = None
        self.worst_ns: int | None = None
        self.last_ns: int | None = None
        self._squares = 0.0

    def add(self, rtt_ns: int) -> None:
        self.count += 1
        before = rtt_ns - self.mean_ns
        self.mean_ns += before / self.count
        # One factor from before the mean moved and one from after: that is what keeps the sum exact.
        self._squares += before * (rtt_ns - self.mean_ns)
        if self.best_ns is None or rtt_ns < self.best_ns:
            self.best_ns = rtt_ns
        if self.worst_ns is None or rtt_ns > self.worst_ns:
            self.worst_ns = rtt_ns
        self.last_ns = rtt_ns

    @property
    def stddev_ns(self) -> float | None:
        """The sample standard deviation (n - 1); None below two samples."""
        return sqrt(self._squares / (self.count - 1)) if self.count >= 2 else None
