"""Numbers and hops as sentences say them."""

from __future__ import annotations

from collections.abc import Sequence

from tracer.model import MtuStep, PathMtu
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


def path_mtu(found: PathMtu) -> str:
    """``Path MTU 1400 bytes: hop 4 lowers it from 1500 and says so.``; only what is known."""
    if found.mtu is None:
        head = "The path MTU is not known"
    elif found.to_target:
        head = f"Path MTU {found.mtu} bytes"
    else:
        head = f"Packets of up to {found.mtu} bytes reach hop {found.ttl}"
    steps = ", ".join(_step(step, last=step.mtu == found.mtu) for step in found.lowered_at)
    unfinished = "" if found.settled else "; the search is not finished"
    return f"{head}{': ' if steps else ''}{steps}{unfinished}."


def _step(step: MtuStep, *, last: bool) -> str:
    place = f"hop {step.ttl}" if step.ttl else "the link of this host"
    to = "" if last else f" to {step.mtu}"
    if step.reported_by is not None:
        return f"{place} lowers it from {step.before}{to} and says so"
    behind = f"behind {place}" if step.ttl else f"on {place}"
    return f"{behind} it falls from {step.before}{to} and nobody says so"


def _digits(percentage: float) -> str:
    return f"{percentage:.0f}" if percentage >= 9.95 or percentage == 0 else f"{percentage:.1f}"
