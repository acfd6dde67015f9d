"""When everything that was asked of the application is done: told by the event loop.

Textual's pilot sleeps for 20 ms and looks whether the process worked hard meanwhile, four times a key. What
the loop still has to do is in no typed interface of asyncio, hence the two ignores.
"""

from __future__ import annotations

import asyncio

FRAME_S = 0.001
"""Textual draws that soon after something changed; a sixtieth of a second for people."""

SOON_S = 0.02
"""Timers that are due sooner belong to what was asked."""

PATIENCE_S = 5.0


async def quiet(*_: object) -> None:
    """Wait until nothing is ready to run and no drawing is due; five seconds at most."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while loop.time() < end:
        await asyncio.sleep(0)
        if loop._ready:  # type: ignore[attr-defined]
            continue
        due = [handle.when() for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
        soon = min(due, default=end) - loop.time()
        if soon > SOON_S:
            return
        await asyncio.sleep(max(soon, 0))
