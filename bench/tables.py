"""Tables of measured values, with the budget beside each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0..1) of all lie; NaN without any."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def mark(value: float, budget: float) -> str:
    """What stands behind a value: its budget, and whether it is kept."""
    return f"{'ok' if value <= budget else 'OVER'}, budget {budget:g}"
