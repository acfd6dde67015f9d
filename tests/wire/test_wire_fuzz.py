"""Whatever the bytes are, decoding returns a value or raises DecodeError."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.wire_strategies import EVERY_ANSWER, EVERY_PROBE, RX, value_or_error
from tracer.errors import DecodeError
from tracer.model import Reply
from tracer.wire.compare import differences
from tracer.wire.decode import Irrelevant, SentPacket, decode_probe, decode_reply

EVERY_PACKET = EVERY_ANSWER | EVERY_PROBE
valid_packets = st.sampled_from(sorted(EVERY_PACKET)).map(EVERY_PACKET.__getitem__)
versions = st.sampled_from([b"", b"\x45", b"\x46", b"\x4f", b"\x60"])


def check(data: bytes) -> None:
    """Both decoders keep their promise for ``data``."""
    reply = value_or_error(decode_reply, data, RX)
    assert isinstance(reply, Reply | Irrelevant | DecodeError)
    if isinstance(reply, Reply):
        assert reply.raw == data
        assert isinstance(differences(EVERY_PROBE["ipv4 udp"], reply.quoted.packet or b""), tuple)
    assert isinstance(value_or_error(decode_probe, data), SentPacket | Irrelevant | DecodeError)


@given(versions, st.binary(max_size=300))
def test_arbitrary_bytes(start: bytes, data: bytes) -> None:
    check(start + data)


@given(valid_packets, st.lists(st.integers(0, 8 * 1500), min_size=1, max_size=6))
def test_flipped_bits(packet: bytes, bits: list[int]) -> None:
    altered = bytearray(packet)
    for bit in bits:
        position = bit % (len(packet) * 8)
        altered[position // 8] ^= 1 << position % 8
    check(bytes(altered))


@given(valid_packets, st.data())
def test_pieces_cut_out_and_put_in(packet: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(packet)))
    end = data.draw(st.integers(start, len(packet)))
    check(packet[:start] + data.draw(st.binary(max_size=16)) + packet[end:])


@pytest.mark.parametrize("name", EVERY_PACKET)
def test_every_truncation_is_an_error(name: str) -> None:
    packet = EVERY_PACKET[name]
    for end in range(len(packet)):
        assert isinstance(value_or_error(decode_reply, packet[:end], RX), DecodeError)
        assert isinstance(value_or_error(decode_probe, packet[:end]), DecodeError)


@pytest.mark.parametrize("name", EVERY_ANSWER)
def test_no_single_flipped_bit_behind_the_ip_header_passes_for_an_answer(name: str) -> None:
    packet = EVERY_ANSWER[name]
    header_length = 20 if packet[0] >> 4 == 4 else 40
    for bit in range(header_length * 8, len(packet) * 8):
        altered = bytearray(packet)
        altered[bit // 8] ^= 1 << bit % 8
        assert isinstance(value_or_error(decode_reply, bytes(altered), RX), DecodeError)
