"""The raw channel over loopback, for tests that may open raw sockets."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

import pytest

from tests.net.loopback import Wired
from tracer.config import ChannelChoice
from tracer.net.choose import open_privileged
from tracer.net.raw import RawChannel
from tracer.net.raw_sockets import RawSockets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer.clock import SystemClock
    from tracer.model import Protocol, Route


@functools.cache
def permitted() -> bool:
    """Whether this process may open raw sockets."""
    sockets = open_privileged(ChannelChoice.RAW)
    if sockets is not None:
        sockets.close()
    return sockets is not None


needs_raw = pytest.mark.skipif(not permitted(), reason="needs CAP_NET_RAW")


class RawWire(Wired[RawChannel]):
    """The raw channel; its sockets may be those of one before."""

    def __init__(self, route: Route, sockets: RawSockets) -> None:
        def opened(clock: SystemClock, protocol: Protocol, reason: str) -> RawChannel:
            return RawChannel(clock, sockets, protocol, reason)

        super().__init__(route, opened)
        self.sockets = sockets


@contextlib.contextmanager
def raw_sockets() -> Iterator[RawSockets]:
    """Raw sockets, closed at the end."""
    with contextlib.closing(RawSockets()) as sockets:
        yield sockets


@contextlib.contextmanager
def raw_wire(route: Route, sockets: RawSockets | None = None) -> Iterator[RawWire]:
    """A raw channel for one trace, closed at the end."""
    with contextlib.ExitStack() as opened:
        lab = RawWire(route, sockets or opened.enter_context(raw_sockets()))
        opened.callback(lab.channel.close)
        yield lab
