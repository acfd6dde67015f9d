"""Long work on the event loop in slices, so that it does not hold up the probes that leave on it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from time import perf_counter_ns

SLICE_NS = 1_500_000
"""Work goes on for so long and to its next pause; then the loop has its turn."""


def one_slice(steps: Iterator[object], slice_ns: int = SLICE_NS) -> bool:
    """Go on for one slice; False once there is nothing more to do."""
    end = perf_counter_ns() + slice_ns
    return any(perf_counter_ns() >= end for _ in steps)


async def in_slices(steps: Iterator[object], wanted: Callable[[], bool]) -> None:
    """Work to the end, or until it is not wanted any more."""
    while wanted() and one_slice(steps):  # noqa: ASYNC110 - nothing is waited for: the loop has its turn
        await asyncio.sleep(0)


def collect_in_short_passes() -> None:
    """Let the collector work, but never for long.

    What was made so far stays to the end and is passed over. The middle generation, whose passes come every
    few seconds, is kept small. A pass over the oldest one, full of what is kept of the trace, takes tens of
    milliseconds with many targets and finds little: it comes every few minutes.
    """
    gc.freeze()
    gc.set_threshold(700, 3, 400)
    gc.enable()
