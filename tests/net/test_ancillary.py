"""Control messages packed by hand, whole and cut short."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.model import Family
from tracer.net import linux
from tracer.net.linux import OPTIONS, Ancillary, read_ancillary

SOCKET = socket.SOL_SOCKET
TIME_EXCEEDED = {Family.IPV4: (11, 0), Family.IPV6: (3, 0)}
ORIGIN = {Family.IPV4: linux.SO_EE_ORIGIN_ICMP, Family.IPV6: linux.SO_EE_ORIGIN_ICMP6}
OFFENDER = {
    Family.IPV4: (
        "198.18.0.1",
        struct.pack("@H2x4s8x", socket.AF_INET, socket.inet_aton("198.18.0.1")),
    ),
    Family.IPV6: (
        "2001:db8::1",
        struct.pack("@H2xI16sI", socket.AF_INET6, 0, socket.inet_pton(socket.AF_INET6, "2001:db8::1"), 0),
    ),
}
each_family = pytest.mark.parametrize("family", Family)


def extended_error(family: Family, *, info: int = 0, data: int = 0, origin: int | None = None) -> bytes:
    """A struct sock_extended_err (linux/errqueue.h) and the offender's socket address behind it."""
    kind, code = TIME_EXCEEDED[family]
    head = struct.pack(
        "@IBBBBII", 113, ORIGIN[family] if origin is None else origin, kind, code, 0, info, data
    )
    return head + OFFENDER[family][1]


@each_family
def test_everything_a_reply_carries_is_read(family: Family) -> None:
    options = OPTIONS[family]
    found = read_ancillary(
        options,
        [
            (SOCKET, linux.SO_TIMESTAMPING, struct.pack("@qqqqqq", 1_800_000_000, 123, 0, 0, 0, 0)),
            (SOCKET, linux.SO_RXQ_OVFL, struct.pack("@I", 4_000_000_000)),
            (options.level, options.ttl, struct.pack("@i", 250)),
            (options.level, options.recv_err, extended_error(family, info=1400, data=9)),
        ],
    )
    assert found.stamp_ns == 1_800_000_000_000_000_123
    assert found.drops == 4_000_000_000
    assert found.ttl == 250
    assert found.error is not None
    assert (found.error.type, found.error.code) == TIME_EXCEEDED[family]
    assert found.error.offender == OFFENDER[family][0]
    assert (found.error.errno, found.error.info, found.error.data) == (113, 1400, 9)


@pytest.mark.parametrize(
    ("family", "packed"), [(Family.IPV4, b"\xb8"), (Family.IPV6, struct.pack("@i", 0xB8))]
)
def test_the_tos_comes_as_a_byte_or_an_int(family: Family, packed: bytes) -> None:
    options = OPTIONS[family]
    assert read_ancillary(options, [(options.level, options.tos, packed)]).tos == 0xB8


def test_a_stamp_of_zero_is_none() -> None:
    """The kernel fills the software stamp with zero where it took none."""
    message = (SOCKET, linux.SO_TIMESTAMPING, bytes(48))
    assert read_ancillary(OPTIONS[Family.IPV4], [message]).stamp_ns is None


@each_family
def test_an_entry_without_offender_names_none(family: Family) -> None:
    options = OPTIONS[family]
    alone = extended_error(family)[:16]
    error = read_ancillary(options, [(options.level, options.recv_err, alone)]).error
    assert error is not None
    assert error.offender is None


@each_family
def test_extensions_are_located_for_icmp_errors_alone(family: Family) -> None:
    options = OPTIONS[family]
    located = struct.unpack("@I", struct.pack("@HBx", 128, 0))[0]
    invalid = struct.unpack("@I", struct.pack("@HBx", 128, 1))[0]
    expected = [
        (extended_error(family, data=located), 128),
        (extended_error(family, data=invalid), None),
        (extended_error(family, data=0), None),
        (extended_error(family, data=located, origin=linux.SO_EE_ORIGIN_TIMESTAMPING), None),
    ]
    for packed, at in expected:
        error = read_ancillary(options, [(options.level, options.recv_err, packed)]).error
        assert error is not None
        assert error.extensions_at == at


@each_family
def test_messages_of_other_protocols_are_left_alone(family: Family) -> None:
    other = OPTIONS[Family.IPV6 if family is Family.IPV4 else Family.IPV4]
    messages = [(other.level, other.ttl, bytes(4)), (SOCKET, 1, bytes(4)), (255, 255, b"")]
    assert read_ancillary(OPTIONS[family], messages) == Ancillary()


def _kinds(family: Family) -> list[tuple[int, int, bytes]]:
    options = OPTIONS[family]
    return [
        (SOCKET, linux.SO_TIMESTAMPING, struct.pack("@qq", 1, 1)),
        (SOCKET, linux.SO_RXQ_OVFL, struct.pack("@I", 1)),
        (options.level, options.ttl, struct.pack("@i", 1)),
        (options.level, options.tos, struct.pack("@i", 1)),
        (options.level, options.recv_err, extended_error(family)),
    ]


@each_family
@pytest.mark.parametrize("which", range(5))
def test_a_message_cut_anywhere_is_left_out_and_never_raises(family: Family, which: int) -> None:
    """MSG_CTRUNC cuts the last control message where the room ends."""
    level, kind, packed = _kinds(family)[which]
    for length in range(len(packed)):
        found = read_ancillary(OPTIONS[family], [(level, kind, packed[:length])])
        assert found.stamp_ns is None
        assert found.drops is None
        if found.error is not None:
            assert length >= 16
            assert found.error.offender in (None, OFFENDER[family][0])


@each_family
@given(data=st.data())
def test_any_bytes_in_any_message_decode(family: Family, data: st.DataObject) -> None:
    kinds = st.sampled_from([(level, kind) for level, kind, _ in _kinds(family)])
    messages = data.draw(st.lists(st.tuples(kinds, st.binary(max_size=60)), max_size=5))
    found = read_ancillary(OPTIONS[family], [(level, kind, packed) for (level, kind), packed in messages])
    assert isinstance(found, Ancillary)


@each_family
def test_a_ttl_rides_on_a_datagram(family: Family) -> None:
    options = OPTIONS[family]
    level, kind, packed = linux.ttl_message(options, 7)
    assert (level, kind) == (options.level, options.ttl)
    assert struct.unpack("@i", packed) == (7,)
