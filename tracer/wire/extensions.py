"""ICMP extensions (RFC 4884) and the MPLS label stack in them (RFC 4950)."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from tracer.model import Extension, MplsLabel, MplsStack, UnknownExtension
from tracer.wire.checksum import checksum, verifies
from tracer.wire.cursor import Cursor

_HEADER = Struct("!HH")
_OBJECT = Struct("!HBB")
_VERSION = 2
_MPLS = (1, 1)

QUOTE_LENGTH = 128
"""Bytes a quote is padded to when extensions follow, and where they begin in messages that do not tell
(RFC 4884 §4, §5.3)."""


def locate(body: bytes, quote_length: int, hidden: int = 0) -> bytes:
    """The extension structure behind a quoted datagram; empty when there is none.

    ``quote_length`` is what the length attribute tells in bytes, 0 when it tells nothing: then a structure
    is taken for one only at byte 128, and only with version 2 and a checksum that is there and verifies, so
    that a long quote is never misread. ``hidden`` counts bytes of the quote missing at the front of ``body``,
    such as headers the kernel has stripped. Never raises.
    """
    start = (quote_length or QUOTE_LENGTH) - hidden
    found = body[start:] if start >= 0 else b""
    return found if quote_length or _vouches_for_itself(found) else b""


def decode(data: bytes) -> tuple[Extension, ...]:
    """Read an extension structure; no bytes are no extensions.

    A checksum of zero says that there is none. Objects this version does not know are kept as they are.
    Raises ``DecodeError``.
    """
    if not data:
        return ()
    cursor = Cursor(data, "icmp extensions")
    version, check = cursor.unpack(_HEADER)
    if version >> 12 != _VERSION:
        raise cursor.error(f"version {version >> 12}")
    if check and not verifies(data):
        raise cursor.error("wrong checksum")
    found: list[Extension] = []
    while cursor.remaining:
        found.append(_decode_object(cursor))
    return tuple(found)


def encode(extensions: Iterable[Extension]) -> bytes:
    """The extension structure holding these objects, with its checksum."""
    objects = b"".join(_encode_object(extension) for extension in extensions)
    # As in UDP, zero says that there is no checksum.
    check = checksum(_HEADER.pack(_VERSION << 12, 0) + objects) or 0xFFFF
    return _HEADER.pack(_VERSION << 12, check) + objects


def _vouches_for_itself(data: bytes) -> bool:
    return len(data) >= _HEADER.size and data[0] >> 4 == _VERSION and any(data[2:4]) and verifies(data)


def _decode_object(cursor: Cursor) -> Extension:
    length, class_num, class_type = cursor.unpack(_OBJECT)
    with cursor.restrict(length - _OBJECT.size):
        if (class_num, class_type) != _MPLS:
            return UnknownExtension(class_num, class_type, cursor.rest())
        labels = []
        while cursor.remaining:
            labels.append(_decode_label(cursor.u32()))
        return MplsStack(tuple(labels))


def _decode_label(word: int) -> MplsLabel:
    return MplsLabel(label=word >> 12, exp=word >> 9 & 7, bos=word >> 8 & 1, ttl=word & 0xFF)


def _encode_label(label: MplsLabel) -> bytes:
    word = label.label << 12 | label.exp << 9 | label.bos << 8 | label.ttl
    return word.to_bytes(4, "big")


def _encode_object(extension: Extension) -> bytes:
    match extension:
        case MplsStack(labels):
            kind, body = _MPLS, b"".join(_encode_label(label) for label in labels)
        case UnknownExtension(class_num, class_type, body):
            kind = (class_num, class_type)
    return _OBJECT.pack(_OBJECT.size + len(body), *kind) + body
