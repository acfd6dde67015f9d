"""How fast probes may leave: a token bucket in integer nanoseconds."""

from __future__ import annotations

_SECOND_NS = 1_000_000_000


class Pacer:
    """Lets ``burst`` probes out at once and ``rate`` probes per second beyond them.

    A caller that comes late finds at most ``burst`` permits waiting, so a delayed timer never turns into a
    flood. Time never runs backwards for the bucket: an earlier ``now`` grants nothing.
    """

    def __init__(self, rate: int, burst: int, now: int) -> None:
        self._interval_ns = _SECOND_NS // rate
        self._depth_ns = self._interval_ns * burst
        # The moment from which the bucket would have filled up to its present content.
        self._empty_since_ns = now - self._depth_ns

    def ready_at(self, now: int) -> int:
        """When the next probe may leave; ``now`` or earlier means at once."""
        return max(self._empty_since_ns, now - self._depth_ns) + self._interval_ns

    def take(self, now: int) -> None:
        """Use one permit. The caller has asked ``ready_at`` before."""
        self._empty_since_ns = self.ready_at(now)
