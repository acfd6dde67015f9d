"""What a process without any capability can send, read and time on this kernel."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.lab.labkit.capture import capture, round_trips_ns
from tests.lab.labkit.chain import FAR, NEAR, SOURCE_DEVICE, TCP_PORT, chain
from tests.lab.labkit.families import Family
from tests.lab.labkit.packets import sent_key
from tests.lab.labkit.sockets import (
    ALL_STAMPS,
    ICMP,
    ICMP6,
    OPT_ID,
    OPT_TSONLY,
    OPTIONS,
    PMTUDISC_PROBE,
    SO_RXQ_OVFL,
    SO_TIMESTAMPING,
    TCP_INFO_RTT_OFFSET,
    TCP_INFO_TOTAL_RETRANS_OFFSET,
    TIMESTAMPING,
    QueuedError,
    errno_of,
    next_error,
    receive_errors,
    set_ttl,
    stamp_ns,
    wait_for,
    wait_for_stamping,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.labkit.chain import Chain

pytestmark = pytest.mark.parametrize("family", Family)

CLOSED_PORT = 33434
ICMP_ORIGIN = {Family.IPV4: ICMP, Family.IPV6: ICMP6}
TIME_EXCEEDED = {Family.IPV4: (11, 0), Family.IPV6: (3, 0)}
PING_OPEN = {"net.ipv4.ping_group_range": "65534 65534"}
PING_SHUT = {"net.ipv4.ping_group_range": "1 0"}
PAYLOAD = b"a payload of the lab's own"
SMALL_MTU = 1400


@pytest.fixture
def open_to_pings(two_routers: Chain) -> Iterator[Chain]:
    with two_routers.source.sysctls(PING_OPEN):
        yield two_routers


def _echo(family: Family, sequence: int) -> bytes:
    """An echo request; the kernel fills in identifier and checksum."""
    return struct.pack("!BBHHH", OPTIONS[family].echo_request, 0, 0, 0, sequence) + PAYLOAD


def _stamping(sock: socket.socket, flags: int = ALL_STAMPS) -> None:
    wait_for_stamping()
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags)


def _udp(family: Family) -> socket.socket:
    sock = socket.socket(family.af, socket.SOCK_DGRAM)
    receive_errors(sock, family)
    return sock


def _ping(family: Family) -> socket.socket:
    sock = socket.socket(family.af, socket.SOCK_DGRAM, OPTIONS[family].icmp_protocol)
    receive_errors(sock, family)
    return sock


@pytest.mark.parametrize(("setting", "said"), [(PING_SHUT, "EACCES"), (PING_OPEN, "none")])
def test_a_ping_socket_needs_the_group_in_ping_group_range(
    two_routers: Chain, family: Family, setting: dict[str, str], said: str
) -> None:
    def ask() -> str:
        return errno_of(lambda: _ping(family).close())

    with two_routers.source.sysctls(setting):
        assert two_routers.source.call(ask) == said


@pytest.mark.parametrize(("reuse", "said"), [(None, "none"), (1, "none"), (0, "EADDRINUSE")])
def test_ping_sockets_may_share_an_identifier_unless_told_not_to(
    open_to_pings: Chain, family: Family, reuse: int | None, said: str
) -> None:
    def ask() -> str:
        with _ping(family) as one, _ping(family) as other:
            one.bind(("", 4321))
            if reuse is not None:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            return errno_of(lambda: other.bind(("", 4321)))

    assert open_to_pings.source.call(ask) == said


def test_the_rfc4884_option_is_accepted(two_routers: Chain, family: Family) -> None:
    options = OPTIONS[family]

    def ask() -> int:
        with _udp(family) as sock:
            sock.setsockopt(options.level, options.rfc4884, 1)
            return sock.getsockopt(options.level, options.rfc4884)

    assert two_routers.source.call(ask) == 1


def _udp_exchange(family: Family, target: str) -> list[QueuedError]:
    with _udp(family) as sock:
        _stamping(sock)
        set_ttl(sock, family, 1)
        sock.sendto(PAYLOAD, (target, CLOSED_PORT))
        return [wait_for(sock, TIMESTAMPING), wait_for(sock, ICMP_ORIGIN[family])]


def _ping_exchange(family: Family, target: str) -> list[QueuedError]:
    with _ping(family) as sock:
        _stamping(sock)
        set_ttl(sock, family, 1)
        sock.sendto(_echo(family, 7), (target, 0))
        return [wait_for(sock, TIMESTAMPING), wait_for(sock, ICMP_ORIGIN[family])]


@pytest.mark.parametrize("exchange", [_udp_exchange, _ping_exchange], ids=["udp", "ping"])
def test_the_kernel_stamps_a_probe_and_the_icmp_error_that_answers_it(
    open_to_pings: Chain, family: Family, exchange: Callable[[Family, str], list[QueuedError]]
) -> None:
    """Compared with a capture on the device, which stamps a few microseconds beside the socket."""
    target = open_to_pings.target_address(family)
    with capture(open_to_pings.source, SOURCE_DEVICE) as tap:
        sent, answer = open_to_pings.source.call(lambda: exchange(family, target))
        [captured_ns] = round_trips_ns(tap.packets()).values()
    assert (answer.type, answer.code) == TIME_EXCEEDED[family]
    assert answer.offender == open_to_pings.responders(family)[0]
    assert sent.stamp_ns is not None
    assert answer.stamp_ns is not None
    assert abs(answer.stamp_ns - sent.stamp_ns - captured_ns) < 50_000


def test_the_send_stamp_brings_the_frame_back(two_routers: Chain, family: Family) -> None:
    """Link header, IP, UDP and payload: enough to match the stamp by ports, without counting."""
    ethernet_header = 14
    target = two_routers.target_address(family)
    sent, _ = two_routers.source.call(lambda: _udp_exchange(family, target))
    key = sent_key(sent.payload[ethernet_header:])
    assert key is not None
    assert (key.destination, key.second) == (target, CLOSED_PORT)
    assert sent.payload.endswith(PAYLOAD)


def test_without_privileges_a_udp_error_shows_the_quoted_payload_alone(
    two_routers: Chain, family: Family
) -> None:
    target = two_routers.target_address(family)
    _, answer = two_routers.source.call(lambda: _udp_exchange(family, target))
    assert answer.payload == PAYLOAD


def test_without_privileges_a_ping_error_shows_the_quoted_icmp_header(
    open_to_pings: Chain, family: Family
) -> None:
    target = open_to_pings.target_address(family)
    _, answer = open_to_pings.source.call(lambda: _ping_exchange(family, target))
    assert answer.payload[0] == OPTIONS[family].echo_request
    assert int.from_bytes(answer.payload[6:8]) == 7
    assert answer.payload[8:] == PAYLOAD


def test_the_kernel_stamps_an_echo_reply(open_to_pings: Chain, family: Family) -> None:
    def ask() -> tuple[int | None, int | None, int]:
        with _ping(family) as sock:
            _stamping(sock)
            sock.sendto(_echo(family, 9), (open_to_pings.target_address(family), 0))
            sent = wait_for(sock, TIMESTAMPING)
            select.select([sock], [], [], 2)
            reply, ancillary, _, _ = sock.recvmsg(200, 256)
            return sent.stamp_ns, stamp_ns(ancillary), int.from_bytes(reply[6:8])

    sent_ns, received_ns, sequence = open_to_pings.source.call(ask)
    assert sequence == 9
    assert sent_ns is not None
    assert received_ns is not None
    assert 0 < received_ns - sent_ns < 100_000_000


def test_a_dropped_ping_is_told_by_its_missing_send_stamp(open_to_pings: Chain, family: Family) -> None:
    """For IPv6 this is all there is: the send itself succeeds."""

    def ask() -> list[int]:
        with _ping(family) as sock:
            _stamping(sock)
            errno_of(lambda: sock.sendto(_echo(family, 9), (open_to_pings.target_address(family), 0)))
            return [entry.origin for entry in [next_error(sock, 0.1)] if entry is not None]

    assert open_to_pings.source.call(ask) == [TIMESTAMPING]
    with open_to_pings.source.firewall(f"meta l4proto {OPTIONS[family].icmp_protocol} drop"):
        assert open_to_pings.source.call(ask) == []


def test_the_ttl_may_ride_on_each_packet(two_routers: Chain, family: Family) -> None:
    level = OPTIONS[family].level
    name = {Family.IPV4: socket.IP_TTL, Family.IPV6: socket.IPV6_HOPLIMIT}[family]

    def ask() -> list[str | None]:
        offenders = []
        with _udp(family) as sock:
            for ttl in (1, 2):
                destination = (two_routers.target_address(family), CLOSED_PORT)
                sock.sendmsg([b""], [(level, name, struct.pack("i", ttl))], 0, destination)
                offenders.append(wait_for(sock, ICMP_ORIGIN[family]).offender)
        return offenders

    assert two_routers.source.call(ask) == two_routers.responders(family)[:2]


def test_the_reply_ttl_is_visible(two_routers: Chain, family: Family) -> None:
    def ask() -> int | None:
        with _udp(family) as sock:
            sock.setsockopt(OPTIONS[family].level, OPTIONS[family].receive_ttl, 1)
            sock.setsockopt(OPTIONS[family].level, OPTIONS[family].receive_tos, 1)
            set_ttl(sock, family, 2)
            sock.sendto(b"", (two_routers.target_address(family), CLOSED_PORT))
            return wait_for(sock, ICMP_ORIGIN[family]).ttl

    assert two_routers.source.call(ask) == 64 - 1, "router 2 sends with 64, router 1 forwards"


def test_stamping_with_ids_before_connect_is_invalid_on_tcp(two_routers: Chain, family: Family) -> None:
    def ask() -> tuple[str, str]:
        with socket.socket(family.af, socket.SOCK_STREAM) as sock:
            with_ids = struct.pack("i", ALL_STAMPS)
            without = struct.pack("i", ALL_STAMPS & ~OPT_ID)
            return (
                errno_of(lambda: sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, with_ids)),
                errno_of(lambda: sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, without)),
            )

    assert two_routers.source.call(ask) == ("EINVAL", "none")


def test_a_send_refused_by_the_firewall_consumes_a_stamp_id_and_a_too_long_one_does_not(
    two_routers: Chain, family: Family
) -> None:
    target = two_routers.silent_address(family)
    plain, too_long, refused = (0, CLOSED_PORT), (2000, CLOSED_PORT), (0, 7)

    def ask() -> list[tuple[str, int | None]]:
        with _udp(family) as sock:
            _stamping(sock, ALL_STAMPS | OPT_TSONLY)
            sock.setsockopt(OPTIONS[family].level, OPTIONS[family].mtu_discover, PMTUDISC_PROBE)
            results: list[tuple[str, int | None]] = []
            for size, port in (plain, too_long, plain, refused, plain):
                said = errno_of(partial(sock.sendto, bytes(size), (target, port)))
                results.append((said, wait_for(sock, TIMESTAMPING).data if said == "none" else None))
            return results

    with two_routers.source.firewall("udp dport 7 drop"):
        assert two_routers.source.call(ask) == [
            ("none", 0),
            ("EMSGSIZE", None),
            ("none", 1),
            ("EPERM", None),
            ("none", 3),
        ]


def test_a_narrow_link_tells_its_mtu_and_who_said_so(two_routers: Chain, family: Family) -> None:
    options = OPTIONS[family]

    def ask() -> tuple[int, str | None, int]:
        with _udp(family) as sock:
            sock.setsockopt(options.level, options.mtu_discover, PMTUDISC_PROBE)
            sock.sendto(bytes(1450), (two_routers.target_address(family), CLOSED_PORT))
            entry = wait_for(sock, ICMP_ORIGIN[family])
            return entry.errno, entry.offender, entry.info

    _set_mtu(two_routers, SMALL_MTU)
    try:
        assert two_routers.source.call(ask) == (errno.EMSGSIZE, two_routers.responders(family)[0], SMALL_MTU)
    finally:
        _set_mtu(two_routers, 1500)
        two_routers.source.ip("route flush cache")


def _set_mtu(built: Chain, mtu: int) -> None:
    """Narrow the link between the two routers."""
    built.routers[0].ip(f"link set {FAR} mtu {mtu}")
    built.routers[1].ip(f"link set {NEAR} mtu {mtu}")


def test_a_tcp_connect_reads_its_icmp_error_with_a_kernel_stamp(two_routers: Chain, family: Family) -> None:
    def ask() -> QueuedError:
        with socket.socket(family.af, socket.SOCK_STREAM) as sock:
            receive_errors(sock, family)
            _stamping(sock, ALL_STAMPS & ~OPT_ID)
            set_ttl(sock, family, 2)
            sock.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                sock.connect((two_routers.target_address(family), TCP_PORT))
            return wait_for(sock, ICMP_ORIGIN[family])

    entry = two_routers.source.call(ask)
    assert (entry.type, entry.code) == TIME_EXCEEDED[family]
    assert entry.offender == two_routers.responders(family)[1]
    assert entry.stamp_ns is not None


def _tcp_info(sock: socket.socket, offset: int) -> int:
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int(struct.unpack_from("=I", info, offset)[0])


def test_tcp_info_gives_the_round_trip_of_the_handshake(two_routers: Chain, family: Family) -> None:
    def ask() -> int:
        with socket.socket(family.af, socket.SOCK_STREAM) as sock:
            sock.connect((two_routers.target_address(family), TCP_PORT))
            rtt_us = _tcp_info(sock, TCP_INFO_RTT_OFFSET)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return rtt_us

    with capture(two_routers.source, SOURCE_DEVICE) as tap:
        rtt_us = two_routers.source.call(ask)
        [captured_ns] = round_trips_ns(tap.packets()).values()
    assert abs(rtt_us * 1000 - captured_ns) < 50_000


def test_the_kernel_resends_an_unanswered_syn_after_one_second(two_routers: Chain, family: Family) -> None:
    def ask() -> tuple[int, int]:
        with socket.socket(family.af, socket.SOCK_STREAM) as sock:
            sock.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                sock.connect((two_routers.silent_address(family), TCP_PORT))
            select.select([], [sock], [], 0.95)
            before = _tcp_info(sock, TCP_INFO_TOTAL_RETRANS_OFFSET)
            select.select([], [sock], [], 0.15)
            return before, _tcp_info(sock, TCP_INFO_TOTAL_RETRANS_OFFSET)

    assert two_routers.source.call(ask) == (0, 1)


def test_a_full_receive_queue_tells_how_many_it_dropped(two_routers: Chain, family: Family) -> None:
    sends = 200

    def ask() -> tuple[int, int]:
        with socket.socket(family.af, socket.SOCK_DGRAM) as server, _udp(family) as client:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            server.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
            server.bind((family.loopback, 0))
            server.settimeout(0)
            for _ in range(sends):
                client.sendto(b"x", server.getsockname())
            kept = 0
            while errno_of(lambda: server.recv(1)) == "none":
                kept += 1
            client.sendto(b"x", server.getsockname())
            _, [(_, _, count)], _, _ = server.recvmsg(1, 64)
            return kept, int(struct.unpack("=I", count)[0])

    kept, dropped = two_routers.source.call(ask)
    assert kept < sends
    assert kept + dropped == sends


def test_a_target_with_default_limits_answers_only_the_first_six_of_a_burst(family: Family) -> None:
    """Why TTLs go out in ascending order: what overshoots the target would use its answers up."""
    probes = 20
    limited = {
        Family.IPV4: {"net.ipv4.icmp_ratemask": "6168"},
        Family.IPV6: {"net.ipv6.icmp.ratemask": "0-1,3-127"},
    }[family]

    def ask(built: Chain) -> int:
        answered = 0
        sockets = [_udp(family) for _ in range(probes)]
        for number, sock in enumerate(sockets):
            sock.sendto(b"", (built.target_address(family), CLOSED_PORT + number))
        for sock in sockets:
            answered += next_error(sock, 0.02) is not None
            sock.close()
        return answered

    with chain(2) as built:
        assert built.source.call(lambda: ask(built)) == probes
        with built.target.sysctls(limited):
            assert built.source.call(lambda: ask(built)) == 6
