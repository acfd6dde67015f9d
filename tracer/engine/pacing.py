"""How fast probes may leave: a token bucket in nanoseconds that gives way to a full queue of this host."""

from __future__ import annotations

_SECOND_NS = 1_000_000_000

SLOWEST_SHARE = 64
"""A refused rate goes down to this part of the user's, and not below 1 probe a second."""

REACTION_NS = 100_000_000
"""All refusals within this are one: they speak of the same full queue."""

STEPS_BACK = 10
"""A rate that was lowered grows by this part of the user's for every second without a refusal."""


class Pacer:
    """Lets ``burst`` probes out at once and ``rate`` probes per second beyond them.

    A caller that comes late finds at most ``burst`` permits waiting, so a delayed timer never turns into a
    flood. Time never runs backwards for the bucket: an earlier ``now`` grants nothing. ``refused`` halves the
    rate and the burst, ``passed`` lets them grow again.
    """

    def __init__(self, rate: int, burst: int, now: int) -> None:
        self.wanted = rate
        """Probes per second the user allows, 1..10^9."""
        self.rate = rate
        """Probes per second in force; changed by ``_run_at`` alone."""
        self._burst = burst
        self._interval_ns = self._depth_ns = 0
        self._run_at(rate)
        # The moment from which the bucket would have filled up to its present content.
        self._empty_since_ns = now - self._depth_ns
        self._changed_ns = now - REACTION_NS

    def _run_at(self, rate: int) -> None:
        self.rate = rate
        self._interval_ns = max(_SECOND_NS // rate, 1)
        self._depth_ns = self._interval_ns * max(self._burst * rate // self.wanted, 1)

    def ready_at(self, now: int) -> int:
        """When the next probe may leave; ``now`` or earlier means at once."""
        full_since_ns = now - self._depth_ns
        since_ns = self._empty_since_ns
        return (max(full_since_ns, since_ns)) + self._interval_ns

    def take(self, now: int) -> None:
        """Use one permit. The caller has asked ``ready_at`` before."""
        self._empty_since_ns = self.ready_at(now)

    def refused(self, now: int) -> bool:
        """The host's queue took no probe: waiting permits are void. Returns whether the rate has changed."""
        self._empty_since_ns = max(self._empty_since_ns, now)
        lower = max(self.rate // 2, self.wanted // SLOWEST_SHARE, 1)
        recently = now - self._changed_ns < REACTION_NS and self.rate < self.wanted
        if recently or lower == self.rate:
            self._changed_ns = self._changed_ns if recently else now
            return False
        self._run_at(lower)
        self._changed_ns = now
        return True

    def passed(self, now: int) -> bool:
        """The host took a probe. Returns whether the rate has changed."""
        if self.rate == self.wanted:
            return False
        steps = (now - self._changed_ns) // _SECOND_NS
        if steps < 1:
            return False
        self._run_at(min(self.rate + steps * -(-self.wanted // STEPS_BACK), self.wanted))
        self._changed_ns = now
        return True
