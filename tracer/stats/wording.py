"""Numbers and hops as sentences say them."""

from __future__ import annotations

from collections.abc import Sequence

from tracer.stats.evidence import Counts
from tracer.stats.loss import wilson

_NS_PER_MS = 1_000_000


def ms(ns: float) -> str:
    """``100 ms``; with decimals where it is small: three digits that count."""
    value = ns / _NS_PER_MS
    decimals = 0 if value >= 9.95 else 1 if value >= 0.995 else 2
    return f"{value:.{decimals}f} ms"


def percent(share: float) -> str:
    """``21 %`` of a share 0..1; one decimal below ten."""
    return f"{_digits(100 * share)} %"


def with_interval(counts: Counts) -> str:
    """``21 % (95 %: 17-26 %)``: the lost part and the interval it lies in."""
    low, high = wilson(counts.lost, counts.closed) or (0.0, 100.0)
    return f"{percent(counts.share)} (95 %: {_digits(low)}-{_digits(high)} %)"


def count(number: int, what: str) -> str:
    """``1 probe``, ``2 probes``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def hops(ttls: Sequence[int]) -> str:
    """``hop 4``, ``hops 8-16``, ``hops 4, 6 and 8-9``."""
    runs: list[list[int]] = []
    for ttl in sorted(ttls):
        if runs and ttl == runs[-1][-1] + 1:
            runs[-1].append(ttl)
        else:
            runs.append([ttl])
    told = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    listed = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return f"{'hop' if len(ttls) == 1 else 'hops'} {listed}"


def _digits(percentage: float) -> str:
    return f"{percentage:.0f}" if percentage >= 9.95 or percentage == 0 else f"{percentage:.1f}"
