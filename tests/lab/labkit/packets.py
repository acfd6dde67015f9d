"""Which probe a captured packet is, or answers: just enough of IP to pair them, nothing from the product."""

from __future__ import annotations

import socket
from typing import NamedTuple

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
ECHO_REQUESTS = {(ICMP, 8), (ICMPV6, 128)}
ECHO_REPLIES = {(ICMP, 0), (ICMPV6, 129)}
ERRORS = {(ICMP, 3), (ICMP, 11), (ICMPV6, 1), (ICMPV6, 2), (ICMPV6, 3)}


class Key(NamedTuple):
    """What both a probe and its answer carry."""

    protocol: int
    """IP protocol number."""
    destination: str
    first: int
    """Source port, or ICMP identifier."""
    second: int
    """Target port, or ICMP sequence."""


class _Parts(NamedTuple):
    protocol: int
    source: str
    destination: str
    body: bytes


def _parts(packet: bytes) -> _Parts | None:
    if len(packet) < 20:
        return None
    if packet[0] >> 4 == 4:
        source, destination = (socket.inet_ntop(socket.AF_INET, packet[at : at + 4]) for at in (12, 16))
        return _Parts(packet[9], source, destination, packet[(packet[0] & 15) * 4 :])
    if packet[0] >> 4 == 6 and len(packet) >= 40:
        source, destination = (socket.inet_ntop(socket.AF_INET6, packet[at : at + 16]) for at in (8, 24))
        return _Parts(packet[6], source, destination, packet[40:])
    return None


def _pair(body: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(body[at : at + 2]), int.from_bytes(body[at + 2 : at + 4])


def sent_key(packet: bytes) -> Key | None:
    """The probe this packet is; None where it is something else."""
    parts = _parts(packet)
    if parts is None or len(parts.body) < 8:
        return None
    if parts.protocol in {TCP, UDP}:
        return Key(parts.protocol, parts.destination, *_pair(parts.body, 0))
    if (parts.protocol, parts.body[0]) in ECHO_REQUESTS:
        return Key(parts.protocol, parts.destination, *_pair(parts.body, 4))
    return None


def reply_key(packet: bytes) -> Key | None:
    """The probe this packet answers; None where it answers none."""
    parts = _parts(packet)
    if parts is None or len(parts.body) < 8:
        return None
    if parts.protocol in {TCP, UDP}:
        target_port, source_port = _pair(parts.body, 0)
        return Key(parts.protocol, parts.source, source_port, target_port)
    kind = (parts.protocol, parts.body[0])
    if kind in ECHO_REPLIES:
        return Key(parts.protocol, parts.source, *_pair(parts.body, 4))
    return sent_key(parts.body[8:]) if kind in ERRORS else None
