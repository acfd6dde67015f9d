from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.errors import DecodeError
from tracer.wire.cursor import Cursor

NUMBERS = bytes(range(1, 16))


def test_numbers_are_read_in_network_byte_order() -> None:
    cursor = Cursor(NUMBERS, "test")
    assert (cursor.u8(), cursor.u16(), cursor.u32()) == (0x01, 0x0203, 0x04050607)
    assert (cursor.offset, cursor.remaining) == (7, 8)
    assert cursor.unpack(Struct("!BH")) == (8, 0x090A)
    assert cursor.take(2) == b"\x0b\x0c"
    assert cursor.rest() == b"\x0d\x0e\x0f"
    assert cursor.rest() == b""


def test_reading_starts_at_the_offset() -> None:
    assert Cursor(NUMBERS, "test", offset=13).rest() == b"\x0e\x0f"


@pytest.mark.parametrize("offset", [-1, 16])
def test_an_offset_outside_the_bytes_is_an_error(offset: int) -> None:
    with pytest.raises(DecodeError):
        Cursor(NUMBERS, "test", offset=offset)


@pytest.mark.parametrize("count", [-1, 4, 2**40])
def test_an_error_names_the_layer_the_byte_and_the_reason_and_moves_nothing(count: int) -> None:
    cursor = Cursor(b"abc", "udp")
    cursor.u8()
    with pytest.raises(DecodeError) as caught:
        cursor.take(count)
    assert (caught.value.layer, caught.value.offset) == ("udp", 1)
    assert caught.value.reason == f"wants {count} bytes, has 2"
    assert cursor.rest() == b"bc"


@given(st.binary(max_size=40), st.lists(st.integers(-3, 20)))
def test_what_is_taken_is_the_front_of_the_bytes_in_order(data: bytes, counts: list[int]) -> None:
    cursor = Cursor(data, "test")
    taken = b""
    for count in counts:
        possible = 0 <= count <= len(data) - len(taken)
        if possible:
            taken += cursor.take(count)
        else:
            with pytest.raises(DecodeError):
                cursor.take(count)
    assert data.startswith(taken)
    assert taken + cursor.rest() == data


def test_a_restricted_body_cannot_read_past_its_end() -> None:
    cursor = Cursor(NUMBERS, "test")
    with pytest.raises(DecodeError, match="wants 4 bytes, has 3"), cursor.restrict(3):
        cursor.u32()


def test_a_restricted_body_must_read_all() -> None:
    cursor = Cursor(NUMBERS, "test")
    with pytest.raises(DecodeError, match="1 bytes left over"), cursor.restrict(3):
        cursor.u16()


def test_a_restricted_body_may_be_restricted_further_and_ends_where_it_said() -> None:
    cursor = Cursor(NUMBERS, "test")
    with cursor.restrict(4):
        with cursor.restrict(1):
            assert cursor.rest() == b"\x01"
        assert cursor.rest() == b"\x02\x03\x04"
    assert cursor.remaining == 11


@pytest.mark.parametrize("count", [-1, 16])
def test_a_restriction_must_fit(count: int) -> None:
    with pytest.raises(DecodeError), Cursor(NUMBERS, "test").restrict(count):
        pass


def test_trimming_drops_what_follows() -> None:
    cursor = Cursor(NUMBERS, "test")
    cursor.u8()
    cursor.trim(2)
    assert cursor.rest() == b"\x02\x03"


@pytest.mark.parametrize("count", [-1, 16])
def test_trimming_cannot_add_bytes(count: int) -> None:
    with pytest.raises(DecodeError):
        Cursor(NUMBERS, "test").trim(count)
