"""Addresses as text and as bytes."""

from __future__ import annotations

from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from tracer.model import Address, Family

_SOCKET_FAMILY = {Family.IPV4: AF_INET, Family.IPV6: AF_INET6}

_REMEMBERED = 4096
"""The same few routers and targets stand in every packet: looked up four times as fast as converted."""


def family_of(address: Address) -> Family:
    """The family of an address in text form."""
    return Family.IPV6 if ":" in address else Family.IPV4


@lru_cache(_REMEMBERED)
def pack(address: Address) -> bytes:
    """The 4 or 16 bytes of an address. Raises ``OSError`` for text that is no address."""
    return inet_pton(AF_INET6 if ":" in address else AF_INET, address)


@lru_cache(_REMEMBERED)
def unpack(family: Family, data: bytes) -> Address:
    """The canonical text of an address; ``data`` must be 4 or 16 bytes long, as the family wants."""
    return Address(inet_ntop(_SOCKET_FAMILY[family], data))


def parse(text: str) -> Address | None:
    """The canonical text of an address literal, its scope left out; None for anything else."""
    bare = text.partition("%")[0]
    for family in (AF_INET, AF_INET6):
        try:
            return Address(inet_ntop(family, inet_pton(family, bare)))
        except (OSError, ValueError):
            continue
    return None
