"""A run without a screen that a signal ends, whenever it comes."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from tracer.clock import SystemClock
from tracer.lookup.lookup import Lookup
from tracer.model import Address
from tracer.naming import Naming
from tui import unseen

PATIENCE_S = 60.0


class _Asking:
    """A session whose last answer asks for a name."""

    def __init__(self) -> None:
        self.lookup = Lookup([self._never], timeout_s=PATIENCE_S, ttl_s=PATIENCE_S)
        self.stopped = False

    async def _never(self, _: Address) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    def stop(self, _: object) -> None:
        self.stopped = True

    def begin(self) -> None:
        signal.raise_signal(signal.SIGTERM)

    async def run(self) -> None:
        self.lookup.want(Address("192.0.2.1"))


@pytest.fixture(autouse=True)
def _handlers() -> Any:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_before_the_event_loop_waits_for_no_name() -> None:
    session: Any = _Asking()
    names = Naming(session.lookup, SystemClock(), lambda _: None)

    async def impatient() -> None:
        async with asyncio.timeout(PATIENCE_S / 4):
            await interruption.run()

    interruption = unseen.Interruption(session, names)
    session.begin()
    asyncio.run(impatient())
    assert session.stopped
    assert interruption.caught == [signal.SIGTERM]


def test_the_signal_that_came_first_is_told() -> None:
    session: Any = _Asking()
    made: list[str] = []
    assert unseen.run(session, None, lambda: made.append("output")) == signal.SIGTERM
    assert made == ["output"]
