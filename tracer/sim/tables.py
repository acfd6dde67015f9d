"""Tables of a scenario that say what a hop writes into packets, beside its own header fields."""

from __future__ import annotations

from typing import Annotated

import msgspec

from tracer.model import (
    Address,
    Extension,
    Family,
    InterfaceIdentification,
    InterfaceInformation,
    InterfaceRole,
    UnknownExtension,
)
from tracer.wire.address import family_of, pack, unpack

Word = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]

_LONGEST_NAME = 63


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every table of a scenario is: strict."""


class Interface(Table, frozen=True, kw_only=True):
    """One interface that the hop tells of in its errors (RFC 5837)."""

    role: InterfaceRole = InterfaceRole.INCOMING
    index: Word | None = None
    address: Address | None = None
    name: Annotated[str, msgspec.Meta(max_length=_LONGEST_NAME)] | None = None
    mtu: Word | None = None

    def extension(self) -> Extension:
        """As an ICMP error carries it."""
        return InterfaceInformation(
            role=self.role, index=self.index, address=self.address, name=self.name, mtu=self.mtu
        )

    def __post_init__(self) -> None:
        _check_interface(self.name, self.address)


class InterfaceId(Table, frozen=True, kw_only=True):
    """One interface that the hop names in its errors (RFC 8335): by one of the three."""

    name: str | None = None
    index: Word | None = None
    address: Address | None = None

    def extension(self) -> Extension:
        """As an ICMP error carries it."""
        return InterfaceIdentification(name=self.name, index=self.index, address=self.address)

    def __post_init__(self) -> None:
        _check_interface(None, self.address)
        if [self.name, self.index, self.address].count(None) != 2:
            raise ValueError("an interface_id has one of name, index and address")


class Object(Table, frozen=True, kw_only=True):
    """An ICMP extension object of any class, byte for byte."""

    class_num: Annotated[int, msgspec.Meta(ge=0, le=255)]
    class_type: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    body: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})*$", max_length=400)] = ""
    """In hexadecimal."""

    def extension(self) -> Extension:
        """As an ICMP error carries it."""
        return UnknownExtension(self.class_num, self.class_type, bytes.fromhex(self.body))


class Dnat(Table, frozen=True, kw_only=True):
    """Rewrites the destination of what it forwards.

    What answers behind it answers in the name of the address that was probed; its quotes show the new one.
    """

    address: Address
    address6: Address | None = None
    """Derived from ``address`` when absent."""

    def __post_init__(self) -> None:
        check_addresses(Family.IPV4, (self.address,))
        check_addresses(Family.IPV6, (self.address6,) if self.address6 else ())


def _check_interface(name: str | None, address: Address | None) -> None:
    if name is not None and len(name.encode()) > _LONGEST_NAME:
        raise ValueError(f"the name of an interface has at most {_LONGEST_NAME} bytes")
    if address is not None:
        check_addresses(family_of(address), (address,))


def check_addresses(family: Family, addresses: tuple[Address, ...]) -> None:
    """Raise ``ValueError`` unless all are canonical addresses of the family."""
    for address in addresses:
        try:
            canonical = unpack(family_of(address), pack(address))
        except OSError:
            raise ValueError(f"{address!r} is no address") from None
        if family_of(address) is not family:
            raise ValueError(f"{address!r} is no {family} address")
        if canonical != address:
            raise ValueError(f"{address!r} is written {canonical!r}")
