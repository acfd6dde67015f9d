"""How much the soak is, declared once: ``make soak``, its options and its smoke test read it here."""

from __future__ import annotations

import argparse
from typing import NamedTuple


class Size(NamedTuple):
    """How much is run through, and how often it is told about."""

    probes: int
    """Through engine, statistics and screen model in virtual time."""
    window: int
    """Probes between two looks at the memory."""
    traced: int
    """Probes at the end of each window that run under tracemalloc."""
    seconds: float
    """On the kernel lab, in real time."""
    told_every_s: float
    """Between two lines about them."""


WHOLE = Size(probes=10_000_000, window=500_000, traced=5_000, seconds=3600, told_every_s=60)
SMOKE = Size(probes=4_000, window=1_000, traced=200, seconds=3, told_every_s=1)


def asked(about: str, arguments: list[str] | None = None) -> Size:
    """The size the command line asks for; without options the whole."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--probes", type=int, default=WHOLE.probes)
    parser.add_argument("--seconds", type=float, default=WHOLE.seconds)
    given = parser.parse_args(arguments)
    share = given.probes / WHOLE.probes
    return WHOLE._replace(
        probes=given.probes,
        window=max(int(WHOLE.window * share), SMOKE.window) if share < 0.1 else WHOLE.window,
        traced=WHOLE.traced if share >= 0.1 else SMOKE.traced,
        seconds=given.seconds,
        told_every_s=min(WHOLE.told_every_s, given.seconds / 3),
    )
