import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.wire_strategies import extension_lists, u16, value_or_error
from tracer.errors import DecodeError
from tracer.model import Extension, MplsLabel, MplsStack, UnknownExtension
from tracer.wire import extensions
from tracer.wire.checksum import checksum, verifies


def with_checksum(structure: bytes) -> bytes:
    return structure[:2] + checksum(without_checksum(structure)).to_bytes(2, "big") + structure[4:]


def without_checksum(structure: bytes) -> bytes:
    return structure[:2] + b"\0\0" + structure[4:]


ONE_LABEL = with_checksum(bytes.fromhex("2000 0000 0008 01 01 05dc1101"))
"""Version 2, checksum, one object of class 1 type 1: label 24001, exp 0, bottom of stack, TTL 1."""

SUMS_UP_BY_CHANCE = bytes.fromhex("2000 0000 0006 02 02 ddf7")
"""Its words sum to 0xFFFF although no checksum was sent."""


def test_a_label_stack_is_read_from_the_bytes_of_rfc_4950() -> None:
    stack = MplsStack((MplsLabel(label=24001, exp=0, bos=1, ttl=1),))
    assert extensions.decode(ONE_LABEL) == (stack,)
    assert extensions.encode((stack,)) == ONE_LABEL


@given(extension_lists)
def test_extensions_survive(objects: tuple[Extension, ...]) -> None:
    assert extensions.decode(extensions.encode(objects)) == objects


def test_no_bytes_are_no_extensions() -> None:
    assert extensions.decode(b"") == ()


def test_objects_of_unknown_class_or_type_are_kept_byte_for_byte() -> None:
    objects = (UnknownExtension(4, 6, b"\x01\x02\x03"), UnknownExtension(1, 2, b"labels"))
    assert extensions.decode(extensions.encode(objects)) == objects


def test_a_structure_without_checksum_is_read() -> None:
    assert extensions.decode(without_checksum(ONE_LABEL)) == extensions.decode(ONE_LABEL)


@pytest.mark.parametrize(
    ("structure", "reason"),
    [
        (b"\x10" + ONE_LABEL[1:], "version 1"),
        (ONE_LABEL[:-1] + b"\x02", "wrong checksum"),
        (b"\x20\x00\x00", "wants 4 bytes, has 3"),
        (without_checksum(ONE_LABEL)[:-1], "wants 4 bytes, has 3"),
        (without_checksum(ONE_LABEL)[:6], "wants 4 bytes, has 2"),
        (bytes.fromhex("20000000 0003 0101"), "wants -1 bytes, has 0"),
        (bytes.fromhex("20000000 0004 0202 0000"), "wants 4 bytes, has 2"),
    ],
)
def test_what_is_no_extension_structure_says_why(structure: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason) as caught:
        extensions.decode(structure)
    assert caught.value.layer == "icmp extensions"


@given(st.sampled_from([b"", bytes.fromhex("20000000")]), st.binary(max_size=80))
def test_arbitrary_bytes_decode_or_raise_decode_error(start: bytes, data: bytes) -> None:
    found = value_or_error(extensions.decode, start + data)
    assert isinstance(found, DecodeError | tuple)


@given(st.integers(1, 255).map(lambda units: units * 4), st.binary(max_size=64))
def test_the_length_attribute_says_where_extensions_begin(quote_length: int, quote: bytes) -> None:
    padded = quote.ljust(quote_length, b"\0")[:quote_length]
    assert extensions.locate(padded + ONE_LABEL, quote_length) == ONE_LABEL


def test_without_length_attribute_they_are_found_behind_128_bytes() -> None:
    assert extensions.locate(bytes(128) + ONE_LABEL, 0) == ONE_LABEL


@pytest.mark.parametrize(
    "body",
    [
        b"",
        bytes(128),
        bytes(127) + ONE_LABEL,
        bytes(128) + with_checksum(b"\x30" + ONE_LABEL[1:]),
        bytes(128) + SUMS_UP_BY_CHANCE,
        bytes(128) + ONE_LABEL[:-1] + b"\x02",
        bytes(128) + ONE_LABEL + b"more of the quote",
        bytes(128) + b"\x20\x00\xdf",
    ],
    ids=["empty", "short", "elsewhere", "version", "no checksum", "wrong checksum", "long quote", "cut off"],
)
def test_a_quote_is_not_taken_for_extensions(body: bytes) -> None:
    assert extensions.locate(body, 0) == b""


def test_the_structure_without_checksum_above_would_be_found_if_its_length_were_told() -> None:
    assert verifies(SUMS_UP_BY_CHANCE)
    assert extensions.locate(bytes(128) + SUMS_UP_BY_CHANCE, 128) == SUMS_UP_BY_CHANCE


def test_a_length_beyond_the_message_finds_nothing() -> None:
    assert extensions.locate(bytes(28), 128) == b""


@given(st.integers(0, 128), st.sampled_from([0, 128]))
def test_they_are_found_where_the_front_of_the_quote_is_hidden(hidden: int, quote_length: int) -> None:
    body = (bytes(128) + ONE_LABEL)[hidden:]
    assert extensions.locate(body, quote_length, hidden) == ONE_LABEL


def test_extensions_cannot_begin_in_the_hidden_part() -> None:
    assert extensions.locate(ONE_LABEL, 16, hidden=28) == b""


@given(st.binary(max_size=200), u16, u16)
def test_locating_never_fails(body: bytes, quote_length: int, hidden: int) -> None:
    assert body.endswith(extensions.locate(body, quote_length, hidden))
