"""Reads which route of this host a message of rtnetlink(7) is about: linux/rtnetlink.h."""

from __future__ import annotations

import socket
from struct import Struct
from typing import NamedTuple

LONGEST = 256
"""Bytes: the prefix stands in front of everything that takes more."""

_MESSAGE = Struct("=LHHLL")
_ROUTE = Struct("=BBBBBBBBL")
_ATTRIBUTE = Struct("=HH")
_NEW_ROUTE, _DEL_ROUTE = 24, 25
_DESTINATION = 1
_OF_ADDRESSES = frozenset({2, 3, 4, 5})
"""RTN_LOCAL, _BROADCAST, _ANYCAST, _MULTICAST: they come and go with addresses, and lead nowhere else."""
_BITS = {socket.AF_INET: 32, socket.AF_INET6: 128}


class Prefix(NamedTuple):
    """The destinations of a route."""

    bits: int
    """Of an address of its family."""
    network: int
    length: int

    def covers(self, bits: int, address: int) -> bool:
        """The address lies in it."""
        return bits == self.bits and (address ^ self.network) >> (bits - self.length) == 0


def changed_route(message: bytes) -> Prefix | None:
    """Where a route leads that came, went or changed; None for other messages and what is no whole one."""
    if len(message) < _MESSAGE.size + _ROUTE.size or _MESSAGE.unpack_from(message)[1] not in _ROUTES:
        return None
    family, length, *_, kind, _ = _ROUTE.unpack_from(message, _MESSAGE.size)
    bits = _BITS.get(family, 0)
    if length > bits or bits == 0 or kind in _OF_ADDRESSES:
        return None
    return Prefix(bits, int.from_bytes(_destination(message).ljust(bits // 8, b"\0")[: bits // 8]), length)


_ROUTES = (_NEW_ROUTE, _DEL_ROUTE)


def _destination(message: bytes) -> bytes:
    """The attribute RTA_DST; empty where there is none: everywhere."""
    at = _MESSAGE.size + _ROUTE.size
    while at + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, at)
        if kind == _DESTINATION:
            return message[at + _ATTRIBUTE.size : at + length]
        at += max(length + 3 & ~3, _ATTRIBUTE.size)
    return b""
