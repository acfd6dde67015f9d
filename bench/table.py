"""Tables of measured values: median, spread, ratio to the first row, and the budget beside a value."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Row(NamedTuple):
    """One thing that was measured several times."""

    name: str
    values: Sequence[float]
    """Empty where it could not be measured; the note says why."""
    note: str = ""


def show(title: str, unit: str, rows: Iterable[Row], digits: int = 3) -> None:
    """Print the rows; the first is what the others are compared with."""
    print(f"\n{title}")
    print(f"  {'':34} {'median':>10} {'least':>10} {'most':>10} {'ratio':>7}   {unit}")
    first: float | None = None
    for row in rows:
        if not row.values:
            print(f"  {row.name:34} {'-':>10} {'-':>10} {'-':>10} {'-':>7}   {row.note}", flush=True)
            continue
        median = statistics.median(row.values)
        first = median if first is None else first
        ratio = f"{median / first:6.2f}x" if first else "-"
        figures = " ".join(f"{value:10.{digits}f}" for value in (median, min(row.values), max(row.values)))
        print(f"  {row.name:34} {figures} {ratio:>7}   {row.note}", flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0..1) of all lie; NaN without any."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def mark(value: float, budget: float) -> str:
    """What stands behind a value: its budget, and whether it is kept."""
    return f"{'ok' if value <= budget else 'OVER'}, budget {budget:g}"
