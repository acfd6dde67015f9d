import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.wire_strategies import SOURCE, TARGET, addresses, families, u8, u16
from tracer.model import Family
from tracer.wire.checksum import checksum, pseudo_header, unfinished, verifies


def textbook(data: bytes) -> int:
    """RFC 1071 §4.1, word by word."""
    total = 0
    for first, second in zip(data[::2], data[1::2] + b"\0", strict=False):
        total += first << 8 | second
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def test_the_example_of_rfc_1071() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


@given(st.binary(max_size=1500))
def test_it_is_the_textbook_sum(data: bytes) -> None:
    assert checksum(data) == textbook(data)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 1024])
@pytest.mark.parametrize("value", [0x00, 0xFF])
def test_the_two_zeros_of_ones_complement_are_told_apart(value: int, length: int) -> None:
    data = bytes([value]) * length
    assert checksum(data) == textbook(data)


@given(st.binary(max_size=200).map(lambda data: data + bytes(len(data) % 2)))
def test_bytes_followed_by_their_checksum_verify(data: bytes) -> None:
    assert verifies(data + checksum(data).to_bytes(2, "big"))


@given(st.binary(min_size=2, max_size=200), u16, st.data())
def test_a_changed_bit_does_not_verify(data: bytes, start: int, draw: st.DataObject) -> None:
    even = start.to_bytes(2, "big") + data + bytes(len(data) % 2)
    whole = bytearray(even + checksum(even).to_bytes(2, "big"))
    bit = draw.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    assert not verifies(bytes(whole))


def test_the_pseudo_headers_are_laid_out_as_the_standards_draw_them() -> None:
    assert (
        pseudo_header(SOURCE[Family.IPV4], TARGET[Family.IPV4], 17, 513).hex() == "c0000201c633640900110201"
    )
    assert pseudo_header(SOURCE[Family.IPV6], TARGET[Family.IPV6], 58, 0x10203).hex() == (
        "20010db800000000000000000000000120010db8000900000000000000000009000102030000003a"
    )


@given(st.data(), families, u8, u16)
def test_an_unfinished_checksum_is_the_folded_sum_of_the_pseudo_header(
    data: st.DataObject, family: Family, protocol: int, length: int
) -> None:
    source, target = data.draw(addresses(family)), data.draw(addresses(family))
    pseudo = pseudo_header(source, target, protocol, length)
    assert unfinished(pseudo) == textbook(pseudo) ^ 0xFFFF
