"""How much consecutive round-trip times differ."""

from __future__ import annotations

_SMOOTHING = 16
"""Gain 1/16 (RFC 3550 section 6.4.1)."""


class Jitter:
    """Jitter of round-trip times in the order they were received, in nanoseconds.

    It is made of differences, so there is none before the second sample: all of it is None until then.
    ``smoothed_ns`` is the estimator of RFC 3550 section 6.4.1, J += (|D| - J) / 16 from J = 0, with the
    difference of two round-trip times in the place of D.
    """

    __slots__ = ("_deltas", "_previous_ns", "last_ns", "max_ns", "mean_ns", "smoothed_ns")

    def __init__(self) -> None:
        self.last_ns: int | None = None
        self.mean_ns: float | None = None
        self.max_ns: int | None = None
        self.smoothed_ns: float | None = None
        self._previous_ns: int | None = None
        self._deltas = 0

    def add(self, rtt_ns: int) -> None:
        previous_ns, self._previous_ns = self._previous_ns, rtt_ns
        if previous_ns is None:
            return
        delta_ns = abs(rtt_ns - previous_ns)
        mean_ns = self.mean_ns or 0.0
        smoothed_ns = self.smoothed_ns or 0.0
        self._deltas += 1
        self.last_ns = delta_ns
        self.mean_ns = mean_ns + (delta_ns - mean_ns) / self._deltas
        if self.max_ns is None or delta_ns > self.max_ns:
            self.max_ns = delta_ns
        self.smoothed_ns = smoothed_ns + (delta_ns - smoothed_ns) / _SMOOTHING
