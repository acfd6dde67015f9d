"""The bodies of the ICMP extension objects that speak of interfaces (RFC 5837 §4, RFC 8335 §2.1)."""

from __future__ import annotations

from struct import Struct

from tracer.model import Address, Family, InterfaceIdentification, InterfaceInformation, InterfaceRole
from tracer.wire.address import family_of, pack, unpack
from tracer.wire.cursor import Cursor

INFORMATION_CLASS = 2
IDENTIFICATION_CLASS = 3

_ROLES = tuple(InterfaceRole)
"""By the upper two bits of the C-Type (RFC 5837 §4.1)."""

_HAS_INDEX, _HAS_ADDRESS, _HAS_NAME, _HAS_MTU = 0x08, 0x04, 0x02, 0x01
_BY_NAME, _BY_INDEX, _BY_ADDRESS = 1, 2, 3

_FAMILIES = {1: (Family.IPV4, 4), 2: (Family.IPV6, 16)}
"""Family and bytes of an address by the IANA number of its family."""
_FAMILY_NUMBERS = {family: number for number, (family, _) in _FAMILIES.items()}

_INFORMATION_ADDRESS = Struct("!HH")
_IDENTIFICATION_ADDRESS = Struct("!HBx")
_LONGEST_NAME = 63
_WORD = 4


def decode_information(cursor: Cursor, class_type: int) -> InterfaceInformation:
    """Read an RFC 5837 body. Raises ``DecodeError``, also for families of addresses it does not know."""
    index = cursor.u32() if class_type & _HAS_INDEX else None
    address = None
    if class_type & _HAS_ADDRESS:
        number, _ = cursor.unpack(_INFORMATION_ADDRESS)
        address = _address(cursor, number)
    name = _counted_name(cursor) if class_type & _HAS_NAME else None
    mtu = cursor.u32() if class_type & _HAS_MTU else None
    role = _ROLES[class_type >> 6]
    return InterfaceInformation(role=role, index=index, address=address, name=name, mtu=mtu)


def encode_information(told: InterfaceInformation) -> tuple[int, bytes]:
    """C-Type and body. Raises ``ValueError`` for a name longer than 63 bytes."""
    parts = {
        _HAS_INDEX: None if told.index is None else _number(told.index),
        _HAS_ADDRESS: None if told.address is None else _encode_information_address(told.address),
        _HAS_NAME: None if told.name is None else _encode_counted_name(told.name),
        _HAS_MTU: None if told.mtu is None else _number(told.mtu),
    }
    there = {bit: part for bit, part in parts.items() if part is not None}
    return _ROLES.index(told.role) << 6 | sum(there), b"".join(there.values())


def decode_identification(cursor: Cursor, class_type: int) -> InterfaceIdentification:
    """Read an RFC 8335 body. Raises ``DecodeError``, also for types and addresses it does not know."""
    if class_type == _BY_NAME:
        return InterfaceIdentification(name=_text(cursor.rest()))
    if class_type == _BY_INDEX:
        return InterfaceIdentification(index=cursor.u32())
    if class_type != _BY_ADDRESS:
        raise cursor.error(f"type {class_type}")
    number, length = cursor.unpack(_IDENTIFICATION_ADDRESS)
    with cursor.restrict(length):
        address = _address(cursor, number)
    return InterfaceIdentification(address=address)


def encode_identification(told: InterfaceIdentification) -> tuple[int, bytes]:
    """C-Type and body. Raises ``ValueError`` where neither name, index nor address is told."""
    if told.name is not None:
        return _BY_NAME, _padded(told.name.encode())
    if told.index is not None:
        return _BY_INDEX, _number(told.index)
    if told.address is None:
        raise ValueError("an interface is identified by its name, its index or its address")
    packed = pack(told.address)
    number = _FAMILY_NUMBERS[family_of(told.address)]
    return _BY_ADDRESS, _IDENTIFICATION_ADDRESS.pack(number, len(packed)) + packed


def _address(cursor: Cursor, number: int) -> Address:
    if number not in _FAMILIES:
        raise cursor.error(f"address family {number}")
    family, length = _FAMILIES[number]
    return unpack(family, cursor.take(length))


def _encode_information_address(address: Address) -> bytes:
    return _INFORMATION_ADDRESS.pack(_FAMILY_NUMBERS[family_of(address)], 0) + pack(address)


def _counted_name(cursor: Cursor) -> str:
    """Its first byte counts itself, the name and the padding (RFC 5837 §4.3)."""
    return _text(cursor.take(cursor.u8() - 1))


def _encode_counted_name(name: str) -> bytes:
    encoded = name.encode()
    if len(encoded) > _LONGEST_NAME:
        raise ValueError(f"an interface name of {len(encoded)} bytes")
    # The byte that counts is part of what has to be a multiple of four.
    padded = _padded(b"\0" + encoded)
    return bytes((len(padded),)) + padded[1:]


def _text(name: bytes) -> str:
    return name.rstrip(b"\0").decode(errors="backslashreplace")


def _padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // _WORD) * _WORD, b"\0")


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big")
