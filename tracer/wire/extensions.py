"""ICMP extensions (RFC 4884): the structure, and one table of the objects in it.

Read are MPLS label stacks (RFC 4950), interface information (RFC 5837) and interface identification
(RFC 8335); everything else is kept byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct

from tracer.errors import DecodeError
from tracer.model import (
    Extension,
    InterfaceIdentification,
    InterfaceInformation,
    MplsLabel,
    MplsStack,
    UnknownExtension,
)
from tracer.wire.checksum import checksum, verifies
from tracer.wire.cursor import Cursor
from tracer.wire.interface_objects import (
    IDENTIFICATION_CLASS,
    INFORMATION_CLASS,
    decode_identification,
    decode_information,
    encode_identification,
    encode_information,
)

_HEADER = Struct("!HH")
_OBJECT = Struct("!HBB")
_VERSION = 2
_MPLS_CLASS, _MPLS_TYPE = 1, 1

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
    if start >= len(body):
        return b""
    found = body[start:] if start >= 0 else b""
    return found if quote_length or _vouches_for_itself(found) else b""


def decode(data: bytes) -> tuple[Extension, ...]:
    """Read an extension structure; no bytes are no extensions.

    A checksum of zero says that there is none. Objects this version does not know, and those whose body is
    not what their class and type say, are kept as they are: one odd object takes no other with it.
    Raises ``DecodeError``.
    """
    return tuple(_decode_object(*told) for told in objects(data))


def objects(data: bytes) -> tuple[tuple[int, int, bytes], ...]:
    """Class number, C-Type and body of each object. Raises ``DecodeError`` as ``decode`` does."""
    if not data:
        return ()
    cursor = Cursor(data, "icmp extensions")
    version, check = cursor.unpack(_HEADER)
    if version >> 12 != _VERSION:
        raise cursor.error(f"version {version >> 12}")
    if check and not verifies(data):
        raise cursor.error("wrong checksum")
    found = []
    while cursor.remaining:
        length, class_num, class_type = cursor.unpack(_OBJECT)
        found.append((class_num, class_type, cursor.take(length - _OBJECT.size)))
    return tuple(found)


def encode(extensions: Iterable[Extension]) -> bytes:
    """The extension structure holding these objects, with its checksum.

    Raises ``ValueError`` for interfaces that cannot be told.
    """
    objects = b"".join(_encode_object(extension) for extension in extensions)
    # As in UDP, zero says that there is no checksum.
    check = checksum(_HEADER.pack(_VERSION << 12, 0) + objects) or 0xFFFF
    return _HEADER.pack(_VERSION << 12, check) + objects


def _vouches_for_itself(data: bytes) -> bool:
    return len(data) >= _HEADER.size and data[0] >> 4 == _VERSION and any(data[2:4]) and verifies(data)


def _decode_object(class_num: int, class_type: int, body: bytes) -> Extension:
    decoder = _DECODERS.get(class_num)
    if decoder is None:
        return UnknownExtension(class_num, class_type, body)
    cursor = Cursor(body, "icmp extensions")
    try:
        with cursor.restrict(len(body)):
            return decoder(cursor, class_type)
    except DecodeError:
        return UnknownExtension(class_num, class_type, body)


def _decode_mpls(cursor: Cursor, class_type: int) -> MplsStack:
    if class_type != _MPLS_TYPE:
        raise cursor.error(f"type {class_type}")
    labels = []
    while cursor.remaining:
        labels.append(_decode_label(cursor.u32()))
    return MplsStack(tuple(labels))


_DECODERS: dict[int, Callable[[Cursor, int], Extension]] = {
    _MPLS_CLASS: _decode_mpls,
    INFORMATION_CLASS: decode_information,
    IDENTIFICATION_CLASS: decode_identification,
}
"""By class number (IANA registry *ICMP Extension Object Classes and Class Sub-types*)."""


def _decode_label(word: int) -> MplsLabel:
    return MplsLabel(label=word >> 12, exp=word >> 9 & 7, bos=word >> 8 & 1, ttl=word & 0xFF)


def _encode_label(label: MplsLabel) -> bytes:
    word = label.label << 12 | label.exp << 9 | label.bos << 8 | label.ttl
    return word.to_bytes(4, "big")


def _encode_object(extension: Extension) -> bytes:
    match extension:
        case MplsStack(labels):
            class_num, class_type = _MPLS_CLASS, _MPLS_TYPE
            body = b"".join(_encode_label(label) for label in labels)
        case InterfaceInformation():
            class_num, (class_type, body) = INFORMATION_CLASS, encode_information(extension)
        case InterfaceIdentification():
            class_num, (class_type, body) = IDENTIFICATION_CLASS, encode_identification(extension)
        case UnknownExtension(class_num, class_type, body):
            pass
    return _OBJECT.pack(_OBJECT.size + len(body), class_num, class_type) + body
