"""Calls that may never return, in threads that nobody waits for.

The system's resolver may take half a minute to give up. The loop's own threads are waited for at the end of
the program; whoever leaves before the answer shall be free at once.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from tracer.errors import LocalError
from tracer.model import Failure, FailureKind

if TYPE_CHECKING:
    import asyncio

Result = TypeVar("Result")


def begin_thread(run: Callable[[], None], name: str) -> None:
    """Start a thread that nobody waits for. Raises LocalError where there can be no more."""
    try:
        threading.Thread(target=run, name=name, daemon=True).start()
    except RuntimeError as error:
        raise LocalError(
            Failure(
                kind=FailureKind.OTHER,
                message="This process may start no more threads.",
                remedy="Raise the limit of processes (ulimit -u, or pids.max of the container).",
            )
        ) from error


async def unwaited(call: Callable[[], Result], name: str, ended: Callable[[], None] | None = None) -> Result:
    """What ``call`` returns or raises; LocalError where there can be no more threads.

    Cancelling leaves the thread, called ``name``, to itself. ``ended`` is called in the loop when the thread
    has ended, however long after.
    """
    import asyncio  # noqa: PLC0415 - takes long; an address needs no resolver

    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Result] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        if ended is not None:
            ended()
        if not answer.done():  # cancelled
            settle()

    def run() -> None:
        settle: Callable[[], None]
        try:
            settle = partial(answer.set_result, call())
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            settle = partial(answer.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(tell, settle)

    try:
        begin_thread(run, name)
    except LocalError:
        if ended is not None:
            ended()
        raise
    return await answer
