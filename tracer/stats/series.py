"""Round-trip times: all of them as numbers, the most recent ones as they came."""

from __future__ import annotations

from tracer.model import RoundId, Sequence
from tracer.stats.jitter import Jitter
from tracer.stats.quantiles import Window
from tracer.stats.running import Running
from tracer.stats.snapshot import RttSnapshot

ProbeKey = tuple[RoundId, Sequence]
"""Names one probe for good: a sequence comes round again, in another round."""


class Series:
    """The numbers of a stream of round-trip times."""

    __slots__ = ("_jitter", "_running", "_window")

    def __init__(self, max_samples: int) -> None:
        self._running = Running()
        self._jitter = Jitter()
        self._window = Window(max_samples)

    def add(self, rtt_ns: int) -> None:
        self._running.add(rtt_ns)
        self._jitter.add(rtt_ns)
        self._window.add(rtt_ns)

    @property
    def worst_ns(self) -> int | None:
        """The longest; None without samples."""
        return self._running.worst_ns

    def snapshot(self) -> RttSnapshot | None:
        """Return the numbers; None without samples."""
        running, jitter, percentile = self._running, self._jitter, self._window.percentile
        last_ns, best_ns, worst_ns = running.last_ns, running.best_ns, running.worst_ns
        if last_ns is None or best_ns is None or worst_ns is None:
            return None
        return RttSnapshot(
            last_ns=last_ns,
            best_ns=best_ns,
            worst_ns=worst_ns,
            mean_ns=running.mean_ns,
            stddev_ns=running.stddev_ns,
            p50_ns=percentile(50),
            p90_ns=percentile(90),
            p99_ns=percentile(99),
            jitter_last_ns=jitter.last_ns,
            jitter_mean_ns=jitter.mean_ns,
            jitter_max_ns=jitter.max_ns,
            jitter_rfc3550_ns=jitter.smoothed_ns,
        )


class Recent:
    """What became of the last ``size`` probes: a round-trip time, or None for lost."""

    __slots__ = ("_outcomes", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._outcomes: dict[ProbeKey, int | None] = {}

    def put(self, key: ProbeKey, rtt_ns: int | None) -> None:
        """Append the outcome of a probe."""
        self._outcomes[key] = rtt_ns
        if len(self._outcomes) > self._size:
            del self._outcomes[next(iter(self._outcomes))]

    def revise(self, key: ProbeKey, rtt_ns: int) -> None:
        """Replace the outcome of a probe where it stands; nothing to do once it has left the window."""
        if key in self._outcomes:
            self._outcomes[key] = rtt_ns

    def forget(self, key: ProbeKey) -> None:
        """Take a probe out, if it is there."""
        self._outcomes.pop(key, None)

    def snapshot(self) -> tuple[int | None, ...]:
        """Return the outcomes, oldest first."""
        return tuple(self._outcomes.values())
