"""The kernel's time stamps, moved onto the session's clock.

The kernel stamps packets in CLOCK_REALTIME, sessions live on CLOCK_MONOTONIC. Both tick at the same rate
(NTP slews them together), so their difference is constant until somebody sets the wall clock or the machine
was suspended. ``KernelClock`` keeps that difference, uses one value for both stamps of a probe, so that no
measuring noise enters a round-trip time, and notices when it jumps.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from struct import Struct

import msgspec

from tracer.interfaces import Clock, Received, Slept, TransmitStamp
from tracer.model import Reply, Route, Stamp, StampClock
from tracer.net import linux

STEP_NS = 50_000
"""A change of the difference beyond this is a step. Reading both clocks is good to a few hundred ns."""

SLEEP_NS = 100_000_000
"""CLOCK_BOOTTIME goes on while a machine is suspended, CLOCK_MONOTONIC does not. A shorter nap is none."""

TIGHT_NS = 5_000
"""A reading taken within this is not disturbed by preemption."""

READINGS = 4
"""How often a disturbed reading is taken again before it is given up until the next time."""

STAMPS_AWAITED = 8192
"""Probes of a socket whose transmit stamp is waited for; a device that gives none costs no more memory than
this."""

WARM_UP_S = 0.020
"""Receive stamping starts 0-4 ms after the first socket asks for it (the kernel enables it from a work
queue, net/core/dev.c net_enable_timestamp; measured); beyond this it does not come at all."""

_IPV4_VERSION, _IPV6_VERSION, _IPV6_HEADER = 4, 6, 40
_LINK_HEADERS = (0, 14, 18, 4)
"""None (TUN), Ethernet, Ethernet with VLAN, BSD loopback: tried in this order."""
_TOTAL_LENGTH = Struct("!H")


def _boottime_ns() -> int:
    return time.clock_gettime_ns(_AWAKE_OR_NOT)


_AWAKE_OR_NOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class KernelClock:
    """Turns CLOCK_REALTIME stamps into moments of the session's clock."""

    def __init__(
        self,
        clock: Clock,
        realtime_ns: Callable[[], int] = time.time_ns,
        boottime_ns: Callable[[], int] = _boottime_ns,
    ) -> None:
        self._clock = clock
        self._realtime_ns = realtime_ns
        self._boottime_ns = boottime_ns
        self._difference_ns = self._ahead_of_session(realtime_ns) or realtime_ns() - clock.now_ns()
        self._asleep_ns = self._ahead_of_session(boottime_ns) or boottime_ns() - clock.now_ns()

    def now(self) -> Stamp:
        """The present moment, as this process sees it."""
        return Stamp(self._clock.now_ns(), StampClock.USER)

    def stamp(self, kernel_ns: int) -> Stamp:
        """The moment of a kernel stamp."""
        return Stamp(kernel_ns - self._difference_ns, StampClock.KERNEL)

    @staticmethod
    def kernel_moment(ns: int) -> Stamp:
        """A moment of the session's clock that the kernel's own measurement gives."""
        return Stamp(ns, StampClock.KERNEL)

    def stepped(self) -> bool:
        """The wall clock has jumped since the last call: stamps taken in between cannot be trusted."""
        difference_ns = self._ahead_of_session(self._realtime_ns)
        if difference_ns is None or abs(difference_ns - self._difference_ns) <= STEP_NS:
            return False
        self._difference_ns = difference_ns
        return True

    def slept_ns(self) -> int:
        """For how long this machine was suspended since the last call. That is no step of the wall clock."""
        asleep_ns = self._ahead_of_session(self._boottime_ns)
        if asleep_ns is None or asleep_ns - self._asleep_ns < SLEEP_NS:
            return 0
        slept_ns = asleep_ns - self._asleep_ns
        self._asleep_ns = asleep_ns
        self._difference_ns += slept_ns
        return slept_ns

    def _ahead_of_session(self, clock_ns: Callable[[], int]) -> int | None:
        """Another clock minus the session's; None when every reading was disturbed."""
        now_ns = self._clock.now_ns
        for _ in range(READINGS):
            before_ns = now_ns()
            other_ns = clock_ns()
            after_ns = now_ns()
            if after_ns - before_ns <= TIGHT_NS:
                return other_ns - (before_ns + after_ns) // 2
        return None


def restamped(items: Iterable[Received], clock: KernelClock) -> list[Received]:
    """After a step of the wall clock nobody can tell which stamps were taken before it: use our own."""
    now = clock.now()
    return [
        msgspec.structs.replace(item, rx=now) if isinstance(item, Reply) else item
        for item in items
        if not isinstance(item, TransmitStamp)
    ]


def slept(routes: Iterable[Route], slept_ns: int) -> list[Received]:
    """Tell every trace; nothing where the machine was awake."""
    return [
        Slept(trace=route.trace, destination=route.target, slept_ns=slept_ns)
        for route in (routes if slept_ns else ())
    ]


def transmit_flags() -> int:
    """What to ask of SO_TIMESTAMPING for datagrams: stamps both ways, the sent frame with its stamp.

    Where ``net.core.tstamp_allow_data`` is 0 the frame is not shown; the stamp then carries a counter only.
    """
    flags = linux.TX_SOFTWARE | linux.RX_SOFTWARE | linux.SOFTWARE | linux.OPT_ID | linux.OPT_CMSG
    return flags if _frames_allowed() else flags | linux.OPT_TSONLY


RECEIVE_FLAGS = linux.RX_SOFTWARE | linux.SOFTWARE
"""For TCP, whose SYN cannot be stamped (OPT_ID before connect is EINVAL)."""


def _frames_allowed() -> bool:
    try:
        return Path("/proc/sys/net/core/tstamp_allow_data").read_text(encoding="ascii").strip() != "0"
    except OSError:
        return True


def packet_in(frame: bytes) -> bytes | None:
    """The IP packet in a sent frame, whatever link header is in front; None if there is none."""
    for start in _LINK_HEADERS:
        packet = frame[start:]
        if len(packet) < 20:
            return None
        version = packet[0] >> 4
        if version == _IPV4_VERSION and _TOTAL_LENGTH.unpack_from(packet, 2)[0] == len(packet):
            return packet
        if version == _IPV6_VERSION:
            (payload_length,) = _TOTAL_LENGTH.unpack_from(packet, 4)
            if payload_length + _IPV6_HEADER == len(packet):
                return packet
    return None


class StampingHeld:
    """Holds receive stamping on for this host, and waits until it works."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.works = False
        """The kernel stamps what is received."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, linux.SO_TIMESTAMPING, RECEIVE_FLAGS)
            self._socket.bind(("127.0.0.1", 0))
            self._socket.connect(self._socket.getsockname())
            self.works = self._wait()

    def _wait(self) -> bool:
        """Send ourselves packets over loopback until one carries a stamp, 20 ms at the most."""
        deadline = time.monotonic() + WARM_UP_S
        while time.monotonic() < deadline:
            self._socket.send(b"")
            if select.select([self._socket], [], [], 0.001)[0]:
                _, messages, _, _ = self._socket.recvmsg(1, linux.ANCILLARY_ROOM)
                if any(kind == linux.SO_TIMESTAMPING for _, kind, _ in messages):
                    return True
                time.sleep(0.0002)
        return False

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()
