"""What happens in a second: the counts of the last whole seconds, forgotten with them."""

from __future__ import annotations

from collections import Counter, deque

from tracer.stats.snapshot import PerSecond

WINDOW_S = 5
"""A rate is the mean over so many whole seconds: a round a second leaves in a burst."""

_SECOND_NS = 1_000_000_000


class Rates:
    """Counts by second. What is counted is named by the fields of ``PerSecond``, failures by their kind."""

    def __init__(self) -> None:
        self._second: int | None = None
        self._now: Counter[str] = Counter()
        self._whole: deque[Counter[str]] = deque(maxlen=WINDOW_S)

    def passed(self, at_ns: int) -> None:
        """The log has come to this moment; an earlier one changes nothing."""
        second = at_ns // _SECOND_NS
        if second == self._second:
            return
        if self._second is None:
            self._second = second
        # A gap longer than the window empties it; there is no need to count its seconds.
        for _ in range(min(second - self._second, WINDOW_S + 1)):
            self._whole.append(self._now)
            self._now = Counter()
        self._second = max(self._second, second)

    def count(self, what: str, at_ns: int, number: int = 1) -> None:
        """It happened at this moment."""
        if at_ns // _SECOND_NS != self._second:
            self.passed(at_ns)
        self._now[what] += number

    def snapshot(self) -> PerSecond | None:
        """The mean of the last whole seconds; None before there is one."""
        if not self._whole:
            return None
        total: Counter[str] = Counter()
        for counts in self._whole:
            total.update(counts)
        seconds = len(self._whole)
        rates = {what: round(number / seconds, 3) for what, number in total.items()}
        failed = {what.removeprefix(FAILED): rate for what, rate in rates.items() if what.startswith(FAILED)}
        stray = rates.get("foreign", 0.0) + rates.get("malformed", 0.0)
        matched = rates.get("matched", 0.0)
        return PerSecond(
            over_s=seconds,
            sent=rates.get("sent", 0.0),
            received=round(matched + stray, 3),
            matched=matched,
            foreign=rates.get("foreign", 0.0),
            malformed=rates.get("malformed", 0.0),
            kernel_drops=rates.get("kernel_drops", 0.0),
            failed=dict(sorted(failed.items())),
            ports_skipped=rates.get("ports_skipped", 0.0),
        )


FAILED = "failed "
"""In front of the kind of a failure."""
