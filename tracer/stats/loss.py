"""How much was lost, and how sure of it one can be."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959964
"""Standard normal deviate of a two-sided 95 % interval."""


def loss_pct(lost: int, total: int) -> float | None:
    """Return the lost part of ``total`` closed probes in percent; None when none is closed yet."""
    return 100 * lost / total if total else None


def wilson(lost: int, total: int, z: float = Z_95) -> tuple[float, float] | None:
    """Return the interval the true loss lies in, in percent; None when no probe is closed yet.

    Score interval of Wilson 1927: unlike the normal approximation it stays within 0..100 and says something
    after few probes and at no loss at all.
    """
    if not total:
        return None
    share = lost / total
    scale = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    reach = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / scale
    # The ends are exact where nothing or everything was lost; rounding must not say otherwise.
    low = 0.0 if lost == 0 else 100 * (centre - reach)
    high = 100.0 if lost == total else 100 * (centre + reach)
    return low, high
