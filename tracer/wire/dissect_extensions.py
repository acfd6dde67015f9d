"""ICMP extension objects as fields for people to read, each part with its place in the bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tracer.model import (
    Extension,
    InterfaceIdentification,
    InterfaceInformation,
    InterfaceRole,
    MplsStack,
    UnknownExtension,
)
from tracer.wire.address import pack
from tracer.wire.dissect_fields import Field, hex_text
from tracer.wire.extensions import decode, objects

_HEADER = 4
_WORD = 4
_ROLES = {
    InterfaceRole.INCOMING: "incoming interface",
    InterfaceRole.SUB_IP: "part of the incoming interface",
    InterfaceRole.OUTGOING: "outgoing interface",
    InterfaceRole.NEXT_HOP: "next hop",
}


def extension_fields(structure: bytes, at: int) -> tuple[Field, ...]:
    """The fields of an extension structure that starts at byte ``at``. Raises ``DecodeError``."""
    fields = [
        Field("version", str(structure[0] >> 4), at, 1),
        Field(
            "checksum", hex_text(structure[2:4]), at + 2, 2, "" if any(structure[2:4]) else "none was sent"
        ),
    ]
    at += _HEADER
    bodies = objects(structure)
    for extension, (_, _, body) in zip(decode(structure), bodies, strict=True):
        fields += _DISSECTORS[type(extension)](extension, at, body)
        at += _HEADER + len(body)
    return tuple(fields)


def _mpls(stack: MplsStack, at: int, _body: bytes) -> Iterator[Field]:
    yield Field("object", "MPLS label stack", at, _HEADER)
    for index, entry in enumerate(stack.labels):
        text = f"label {entry.label}, exp {entry.exp}, bottom {entry.bos}, ttl {entry.ttl}"
        yield Field("mpls", text, at + _HEADER + index * _WORD, _WORD)


def _information(told: InterfaceInformation, at: int, body: bytes) -> Iterator[Field]:
    """RFC 5837: the parts stand in this order, those that are not told take no room."""
    yield Field("object", f"interface information: {_ROLES[told.role]}", at, _HEADER)
    at += _HEADER
    index = 0 if told.index is None else _WORD
    address = 0 if told.address is None else _WORD + len(pack(told.address))
    mtu = 0 if told.mtu is None else _WORD
    parts = (
        ("index", told.index, index),
        ("address", told.address, address),
        ("name", told.name, len(body) - index - address - mtu),
        ("mtu", told.mtu, mtu),
    )
    for name, value, length in parts:
        if value is not None:
            yield Field(f"interface {name}", str(value), at, length)
        at += length


def _identification(told: InterfaceIdentification, at: int, body: bytes) -> Iterator[Field]:
    yield Field("object", "interface identification", at, _HEADER)
    for name in ("name", "index", "address"):
        if (value := getattr(told, name)) is not None:
            yield Field(f"interface {name}", str(value), at + _HEADER, len(body))


def _unknown(told: UnknownExtension, at: int, body: bytes) -> Iterator[Field]:
    text = f"class {told.class_num}, type {told.class_type}: {hex_text(told.body)}"
    yield Field("object", text, at, _HEADER + len(body))


_DISSECTORS: dict[type[Extension], Callable[[Any, int, bytes], Iterator[Field]]] = {
    MplsStack: _mpls,
    InterfaceInformation: _information,
    InterfaceIdentification: _identification,
    UnknownExtension: _unknown,
}
