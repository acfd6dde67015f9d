"""What passed a device of a namespace and when, by the kernel's own stamps.

The socket is AF_PACKET with SOCK_DGRAM: the kernel takes the link header off, so veth and TUN look alike.
Packets wait in its buffer until they are read; a packet without a stamp or a dropped one raises.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.labkit.packets import Key, reply_key, sent_key
from tests.lab.labkit.sockets import RX_STAMPS, SO_TIMESTAMPING, stamp_ns, wait_for_stamping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.labkit.namespace import Namespace

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_STATISTICS = 263, 6
PACKET_OUTGOING = 4
BUFFER_BYTES = 32 << 20


@dataclass(frozen=True)
class Captured:
    """One IP packet on the device."""

    at_ns: int
    """CLOCK_REALTIME."""
    outgoing: bool
    packet: bytes


class Capture:
    """Packets of one device since it was opened."""

    def __init__(self, tap: socket.socket) -> None:
        self._tap = tap

    def packets(self) -> list[Captured]:
        """Everything since the last call, oldest first."""
        seen = list(self._drain())
        _, dropped = struct.unpack("II", self._tap.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        if dropped:
            raise RuntimeError(f"the capture lost {dropped} packets")
        return seen

    def waits(self, seconds: float) -> bool:
        """Wait for a packet for so long at most; whether one is there."""
        return bool(select.select([self._tap], [], [], seconds)[0])

    def _drain(self) -> Iterator[Captured]:
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, ancillary, _, address = self._tap.recvmsg(65535, 256, socket.MSG_DONTWAIT)
                at_ns = stamp_ns(ancillary)
                if at_ns is None:
                    raise RuntimeError("a captured packet carries no kernel stamp")
                yield Captured(at_ns, address[2] == PACKET_OUTGOING, packet)


@contextlib.contextmanager
def capture(namespace: Namespace, device: str) -> Iterator[Capture]:
    """Capture on the device for as long as the block lasts."""
    with namespace.entered():
        wait_for_stamping()
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    with tap:
        tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, RX_STAMPS)
        with namespace.entered():
            tap.bind((device, ETH_P_ALL))
        yield Capture(tap)


def round_trips_ns(packets: list[Captured]) -> dict[Key, int]:
    """The round-trip time of every answered probe: its first answer minus its first transmission."""
    sent: dict[Key, int] = {}
    times: dict[Key, int] = {}
    for one in packets:
        key = sent_key(one.packet) if one.outgoing else reply_key(one.packet)
        if key is None:
            continue
        if one.outgoing:
            sent.setdefault(key, one.at_ns)
        elif key in sent:
            times.setdefault(key, one.at_ns - sent[key])
    return times
