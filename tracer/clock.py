"""The two clocks of a session: the system's, and one that jumps."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

_VIRTUAL_EPOCH = "2026-01-01T00:00:00.000000Z"


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class SystemClock:
    """The monotonic clock of the system, 0 at creation; serves one waiting task at a time.

    The descriptor of the last ``wait`` stays registered with the event loop, so that waiting costs no system
    call but the loop's own; call ``close`` before that descriptor is closed.
    """

    def __init__(self) -> None:
        self._start_ns = time.monotonic_ns()
        self._woken = False
        self._readable = False
        self._waiter: asyncio.Future[None] | None = None
        self._watched: tuple[asyncio.AbstractEventLoop, int] | None = None

    def now_ns(self) -> int:
        return time.monotonic_ns() - self._start_ns

    def utc(self) -> str:
        return _rfc3339(datetime.now(UTC))

    async def wait(self, deadline_ns: int | None, fileno: int | None) -> None:
        import asyncio  # noqa: PLC0415 - takes long; the first probes leave before

        loop = asyncio.get_running_loop()
        self._watch(loop, fileno)
        await asyncio.sleep(0)  # whoever waits for the past must let the others run too
        self._readable = False  # what still is says so again in the next pass of the loop
        while not (self._woken or self._readable):
            remaining_ns = None if deadline_ns is None else deadline_ns - self.now_ns()
            if remaining_ns is not None and remaining_ns <= 0:
                break
            await self._pause(loop, remaining_ns)
        self._woken = False

    def wake(self) -> None:
        """Safe from a signal handler."""
        self._woken = True
        waiter = self._waiter
        if waiter is not None:
            waiter.get_loop().call_soon_threadsafe(self._release)

    def close(self) -> None:
        """Stop watching the descriptor of the last wait."""
        if self._watched is not None:
            loop, fileno = self._watched
            self._watched = None
            if not loop.is_closed():
                loop.remove_reader(fileno)

    async def _pause(self, loop: asyncio.AbstractEventLoop, remaining_ns: int | None) -> None:
        self._waiter = loop.create_future()
        timer = None if remaining_ns is None else loop.call_later(remaining_ns / 1e9, self._release)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _watch(self, loop: asyncio.AbstractEventLoop, fileno: int | None) -> None:
        wanted = None if fileno is None else (loop, fileno)
        if wanted != self._watched:
            self.close()
            if fileno is not None:
                loop.add_reader(fileno, self._became_readable)
            self._watched = wanted

    def _became_readable(self) -> None:
        self._readable = True
        self._release()

    def _release(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class VirtualClock:
    """A clock for tests and simulations: whoever waits for a deadline is there at once.

    ``start_utc`` is the wall clock at 0, RFC 3339. Serves one waiting task; a wait without a deadline lasts
    until ``wake``. Descriptors do not live in virtual time: waiting for one raises ValueError.
    """

    def __init__(self, start_utc: str = _VIRTUAL_EPOCH) -> None:
        self._start = datetime.fromisoformat(start_utc)
        self._now_ns = 0
        import asyncio  # noqa: PLC0415 - takes long; the first probes leave before

        self._woken = asyncio.Event()

    def now_ns(self) -> int:
        return self._now_ns

    def utc(self) -> str:
        return _rfc3339(self._start + timedelta(microseconds=self._now_ns // 1000))

    def advance(self, duration_ns: int) -> None:
        """Let time pass outside a wait; 0 or more."""
        if duration_ns < 0:
            raise ValueError("time does not run backwards")
        self._now_ns += duration_ns

    async def wait(self, deadline_ns: int | None, fileno: int | None) -> None:
        if fileno is not None:
            raise ValueError("a virtual clock cannot watch a descriptor")
        import asyncio  # noqa: PLC0415 - takes long; the first probes leave before

        if deadline_ns is None:
            await self._woken.wait()
        else:
            await asyncio.sleep(0)
            if not self._woken.is_set():
                self._now_ns = max(self._now_ns, deadline_ns)
        self._woken.clear()

    def wake(self) -> None:
        self._woken.set()
