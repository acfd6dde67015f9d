"""What a channel over kernel sockets minds beside its packets: what wakes it, the clocks, the network."""

from __future__ import annotations

import contextlib
import select
from collections.abc import Iterable
from typing import NamedTuple

from tracer.errors import LocalError
from tracer.interfaces import Clock, Notice, Received
from tracer.model import Route, StampClock
from tracer.net import host
from tracer.net.failures import no_descriptor
from tracer.net.network_watch import NetworkWatch
from tracer.net.timestamps import KernelClock, StampingHeld, restamped, slept


class Disturbance(NamedTuple):
    """What befell the clocks since the last look: stamps taken in between are not to be trusted."""

    slept_ns: int
    """For how long this machine was suspended; 0 for not at all."""
    stepped: bool
    """The wall clock has jumped."""


class Watch:
    """One epoll descriptor for all sockets of a channel, kernel stamps that work, and word of the network.

    Raises LocalError where this process may open no more files.
    """

    def __init__(self, clock: Clock) -> None:
        host.raise_descriptor_limit()
        with contextlib.ExitStack() as opened:
            try:
                self.stamping = StampingHeld()
                opened.callback(self.stamping.close)
                self.epoll = select.epoll()
            except OSError as error:
                raise LocalError(no_descriptor(error)) from error
            opened.pop_all()
        self.network = NetworkWatch()
        if (fileno := self.network.fileno()) is not None:
            self.epoll.register(fileno, select.EPOLLIN)
        self.clock = KernelClock(clock)

    @property
    def rx_clock(self) -> StampClock:
        """Who stamps what is received."""
        return StampClock.KERNEL if self.stamping.works else StampClock.USER

    @property
    def rx_note(self) -> str:
        """What keeps the kernel from it; empty where nothing does."""
        return "" if self.stamping.works else "the kernel did not stamp a loopback packet within 20 ms"

    def disturbance(self) -> Disturbance:
        """What befell the clocks; to be asked before anything is received."""
        return Disturbance(self.clock.slept_ns(), self.clock.stepped())

    def told(
        self, found: list[Received], drops: int, disturbance: Disturbance, routes: Iterable[Route]
    ) -> list[Received]:
        """What was received, with stamps to be trusted, and behind it what the host itself did."""
        if disturbance.stepped or disturbance.slept_ns:
            found = restamped(found, self.clock)
        if drops or disturbance.stepped:
            found.append(Notice(kernel_drops=drops, clock_steps=int(disturbance.stepped)))
        found += slept(routes, disturbance.slept_ns)
        return found

    def close(self) -> None:
        """Let go of everything."""
        self.epoll.close()
        self.network.close()
        self.stamping.close()
