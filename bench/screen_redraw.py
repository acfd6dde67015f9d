"""What one redraw of the table costs, by its rows and targets.

``python -m bench.screen_redraw [FRAMES [HOPS [TARGETS]]]``.

The application in this process, on a terminal that takes everything; before every redraw a whole round of
every target is entered, so that every row has changed. Counted is the CPU time of the event loop's callbacks
from there to the next, less those that enter the events. A yardstick, always the same work, is timed beside:
times are divided by how much longer than at its best it took. Judges nothing.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys

from bench.loop_hold import PAUSE_S, ROUND_NS, WARM_FRAMES, Bench, Loop, opened, rounds
from bench.measured import clean_path
from bench.table import percentile
from bench.yardstick import Yardstick

HOPS = (4, 16, 32, 64)
TARGETS = (1, 4, 16)
SIZE = (120, 72)
"""Every hop has a row that is seen."""
FRAMES = 40
PAST_ROUNDS = 30


async def redraws_ms(bench: Bench, hops: int, targets: int, frames: int) -> list[float]:
    """What each redraw took."""
    with clean_path(hops) as path:
        told = await rounds(targets, WARM_FRAMES + frames, path, PAST_ROUNDS, ROUND_NS)
    found = []
    running = asyncio.get_running_loop()
    async with opened(told, SIZE) as (_, source):
        gc.collect()
        for frame in told.frames:
            slow = bench.yardstick.slowness()
            bench.loop.take()
            running.call_soon(source.enter, [event for batch in frame for event in batch])
            await asyncio.sleep(0)  # entered: the pause is for the drawing alone
            await asyncio.sleep(PAUSE_S)
            taken = bench.loop.take()
            found.append(taken.drawing_ms * 2 / (slow + bench.yardstick.slowness()))
    return found[WARM_FRAMES:]


async def main() -> None:
    """Measure and print."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES
    bench = Bench(Loop(), Yardstick())
    all_hops = [int(one) for one in sys.argv[2:3]] or HOPS
    all_targets = [int(one) for one in sys.argv[3:4]] or TARGETS
    print(f"ms of CPU for one redraw of the table, {SIZE[0]}x{SIZE[1]}: mean and p99 of {frames}")
    heading = "".join(f"{f'{targets} target' + 's' * (targets > 1):>20}" for targets in all_targets)
    print(f"{'':10}{heading}\n{'':10}" + f"{'mean':>12}{'p99':>8}" * len(all_targets))
    for hops in all_hops:
        print(f"{f'{hops} hops':10}", end="", flush=True)
        for targets in all_targets:
            found = await redraws_ms(bench, hops, targets, frames)
            shown = f"{statistics.fmean(found):12.2f}{percentile(found, 0.99):8.2f}"
            print(shown, end="", file=sys.__stdout__, flush=True)
        print(flush=True)


if __name__ == "__main__":
    asyncio.run(main())
