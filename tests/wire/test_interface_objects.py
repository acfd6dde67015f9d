"""RFC 5837 and RFC 8335 objects, byte for byte as the RFCs draw them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.wire_strategies import u8, value_or_error
from tracer.errors import DecodeError
from tracer.model import (
    Address,
    InterfaceIdentification,
    InterfaceInformation,
    InterfaceRole,
    UnknownExtension,
)
from tracer.wire import extensions
from tracer.wire.cursor import Cursor
from tracer.wire.interface_objects import decode_identification, decode_information

HEADER = bytes.fromhex("20000000")


def in_structure(class_num: int, class_type: int, body: bytes) -> bytes:
    return HEADER + (len(body) + 4).to_bytes(2, "big") + bytes((class_num, class_type)) + body


@pytest.mark.parametrize(
    ("class_type", "body", "told"),
    [
        # RFC 5837 section 4.5, figure 5: ifIndex, IPv4 address, name, MTU of the incoming interface
        (
            0x0F,
            "00000007 0001 0000 c0000201 08 65746830000000 000005dc",
            InterfaceInformation(
                role=InterfaceRole.INCOMING, index=7, address=Address("192.0.2.1"), name="eth0", mtu=1500
            ),
        ),
        (0x4A, "00000002 04 6c6f00", InterfaceInformation(role=InterfaceRole.SUB_IP, index=2, name="lo")),
        (0x81, "00002328", InterfaceInformation(role=InterfaceRole.OUTGOING, mtu=9000)),
        (
            0xC4,
            "0002 0000 20010db8000000000000000000000001",
            InterfaceInformation(role=InterfaceRole.NEXT_HOP, address=Address("2001:db8::1")),
        ),
        (0x00, "", InterfaceInformation(role=InterfaceRole.INCOMING)),
    ],
)
def test_interface_information_is_read_as_drawn(
    class_type: int, body: str, told: InterfaceInformation
) -> None:
    structure = in_structure(2, class_type, bytes.fromhex(body))
    assert extensions.decode(structure) == (told,)
    assert extensions.encode((told,))[4:] == structure[4:]


@pytest.mark.parametrize(
    ("class_type", "body", "told"),
    [
        (1, "65746830", InterfaceIdentification(name="eth0")),
        (1, "6c6f0000", InterfaceIdentification(name="lo")),
        (2, "00000009", InterfaceIdentification(index=9)),
        (3, "0001 04 00 c0000202", InterfaceIdentification(address=Address("192.0.2.2"))),
        (
            3,
            "0002 10 00 20010db8000000000000000000000002",
            InterfaceIdentification(address=Address("2001:db8::2")),
        ),
    ],
)
def test_interface_identification_is_read_as_drawn(
    class_type: int, body: str, told: InterfaceIdentification
) -> None:
    structure = in_structure(3, class_type, bytes.fromhex(body))
    assert extensions.decode(structure) == (told,)
    assert extensions.encode((told,))[4:] == structure[4:]


@pytest.mark.parametrize(
    ("class_num", "class_type", "body"),
    [
        (2, 0x08, "0007"),
        (2, 0x04, "0003 0000 c0000201"),
        (2, 0x02, "00 657468"),
        (2, 0x02, "14 657468"),
        (2, 0x01, "000005dc 00"),
        (3, 2, "000009"),
        (3, 3, "4005 06 00 020000000001 0000"),
        (3, 3, "0001 05 00 c000020200"),
        (3, 9, "00"),
        (1, 1, "000000"),
        (1, 2, "00000000"),
    ],
)
def test_a_body_that_is_not_what_its_class_says_is_kept_and_takes_no_other_with_it(
    class_num: int, class_type: int, body: str
) -> None:
    odd = bytes.fromhex(body)
    lone = InterfaceIdentification(index=9)
    structure = in_structure(class_num, class_type, odd) + extensions.encode((lone,))[4:]
    assert extensions.decode(structure) == (UnknownExtension(class_num, class_type, odd), lone)


def test_a_name_that_is_no_text_is_written_as_an_escape() -> None:
    (told,) = extensions.decode(in_structure(3, 1, b"\xff\x1b[\0"))
    assert told == InterfaceIdentification(name="\\xff\x1b[")


def test_a_name_longer_than_the_rfc_allows_is_not_written() -> None:
    longest = InterfaceInformation(role=InterfaceRole.INCOMING, name="x" * 63)
    assert extensions.decode(extensions.encode((longest,))) == (longest,)
    with pytest.raises(ValueError, match="64 bytes"):
        extensions.encode((InterfaceInformation(role=InterfaceRole.INCOMING, name="x" * 64),))


def test_an_interface_without_anything_to_tell_it_by_is_not_written() -> None:
    with pytest.raises(ValueError, match="by its name"):
        extensions.encode((InterfaceIdentification(),))


@given(u8, st.binary(max_size=80))
def test_arbitrary_bodies_decode_or_raise_decode_error(class_type: int, body: bytes) -> None:
    information = value_or_error(decode_information, Cursor(body, "object"), class_type)
    assert isinstance(information, InterfaceInformation | DecodeError)
    identification = value_or_error(decode_identification, Cursor(body, "object"), class_type)
    assert isinstance(identification, InterfaceIdentification | DecodeError)
