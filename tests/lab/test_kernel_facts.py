"""What an error of bind, connect and send means on this kernel. The channel's table rests on these rows.

Plain sockets, no product code. Everything runs as nobody unless it says otherwise.
"""

from __future__ import annotations

import resource
import select
import socket
from typing import TYPE_CHECKING

import pytest

from tests.lab.labkit.chain import SOURCE_DEVICE, TCP_PORT, chain
from tests.lab.labkit.families import Family
from tests.lab.labkit.hog import PORT_RANGE, port_hog
from tests.lab.labkit.sockets import (
    ICMP,
    ICMP6,
    OPTIONS,
    PMTUDISC_PROBE,
    drain_errors,
    errno_of,
    next_error,
    receive_errors,
    set_ttl,
    wait_for,
)

if TYPE_CHECKING:
    from tests.lab.labkit.chain import Chain

pytestmark = pytest.mark.parametrize("family", Family)

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
both_kinds = pytest.mark.parametrize("kind", [TCP, UDP], ids=["tcp", "udp"])
CLOSED_PORT = 33434
SHRUNK = {"net.ipv4.ip_local_port_range": f"{PORT_RANGE.start} {PORT_RANGE.stop - 1}"}
FOREIGN = {Family.IPV4: "198.18.77.77", Family.IPV6: "2001:db8:77::77"}
ELSEWHERE = {Family.IPV4: "203.0.113.0/24", Family.IPV6: "2001:db8:8000::/33"}
"""No route of the chain covers it."""
SOMEONE_ELSEWHERE = {Family.IPV4: "203.0.113.9", Family.IPV6: "2001:db8:8000::9"}
ICMP_ORIGIN = {Family.IPV4: ICMP, Family.IPV6: ICMP6}
LINK_MTU = 1500


@both_kinds
def test_bind_to_a_held_port_is_address_in_use(two_routers: Chain, family: Family, kind: int) -> None:
    def ask() -> str:
        with socket.socket(family.af, kind) as holder, socket.socket(family.af, kind) as second:
            holder.bind((family.any_address, 0))
            return errno_of(lambda: second.bind((family.any_address, holder.getsockname()[1])))

    assert two_routers.source.call(ask) == "EADDRINUSE"


@both_kinds
def test_bind_to_port_0_with_the_whole_range_held_is_address_in_use(
    two_routers: Chain, family: Family, kind: int
) -> None:
    def ask() -> str:
        with socket.socket(family.af, kind) as sock:
            return errno_of(lambda: sock.bind((family.any_address, 0)))

    with port_hog(two_routers.source):
        assert two_routers.source.call(ask) == "EADDRINUSE"
    assert two_routers.source.call(ask) == "none"


@both_kinds
def test_bind_to_a_foreign_address_is_not_available(two_routers: Chain, family: Family, kind: int) -> None:
    def ask() -> str:
        with socket.socket(family.af, kind) as sock:
            return errno_of(lambda: sock.bind((FOREIGN[family], 0)))

    assert two_routers.source.call(ask) == "EADDRNOTAVAIL"


@both_kinds
def test_bind_below_the_unprivileged_ports_is_denied(two_routers: Chain, family: Family, kind: int) -> None:
    def ask() -> str:
        with socket.socket(family.af, kind) as sock:
            return errno_of(lambda: sock.bind((family.any_address, 81)))

    assert two_routers.source.call(ask) == "EACCES"


@both_kinds
def test_the_kernel_never_chooses_a_reserved_port(two_routers: Chain, family: Family, kind: int) -> None:
    def ask() -> set[int]:
        chosen = set()
        for _ in range(40):
            with socket.socket(family.af, kind) as sock:
                sock.bind((family.any_address, 0))
                chosen.add(sock.getsockname()[1])
        return chosen

    reserved = {"net.ipv4.ip_local_reserved_ports": f"{PORT_RANGE.start}-{PORT_RANGE.stop - 2}"}
    with two_routers.source.sysctls(SHRUNK), two_routers.source.sysctls(reserved):
        assert two_routers.source.call(ask) == {PORT_RANGE.stop - 1}


def test_tcp_connect_from_port_0_with_the_whole_range_held_is_not_available(
    two_routers: Chain, family: Family
) -> None:
    def ask() -> str:
        with socket.socket(family.af, TCP) as sock:
            return errno_of(lambda: sock.connect((two_routers.target_address(family), TCP_PORT)))

    with port_hog(two_routers.source):
        assert two_routers.source.call(ask) == "EADDRNOTAVAIL"
    assert two_routers.source.call(ask) == "none"


@pytest.mark.parametrize("call", ["connect", "sendto"])
def test_udp_from_port_0_with_the_whole_range_held_says_try_again(
    two_routers: Chain, family: Family, call: str
) -> None:
    destination = (two_routers.target_address(family), CLOSED_PORT)

    def ask() -> str:
        with socket.socket(family.af, UDP) as sock:
            actions = {
                "connect": lambda: sock.connect(destination),
                "sendto": lambda: sock.sendto(b"", destination),
            }
            return errno_of(actions[call])

    with port_hog(two_routers.source):
        assert two_routers.source.call(ask) == "EAGAIN"
    assert two_routers.source.call(ask) == "none"


@both_kinds
def test_without_a_route_connect_says_network_unreachable(
    two_routers: Chain, family: Family, kind: int
) -> None:
    def ask() -> str:
        with socket.socket(family.af, kind) as sock:
            return errno_of(lambda: sock.connect((SOMEONE_ELSEWHERE[family], CLOSED_PORT)))

    assert two_routers.source.call(ask) == "ENETUNREACH"


@pytest.mark.parametrize(
    ("route", "errno"), [("prohibit", "EACCES"), ("blackhole", "EINVAL"), ("unreachable", "EHOSTUNREACH")]
)
@both_kinds
def test_a_local_route_that_refuses_names_its_kind(
    two_routers: Chain, family: Family, kind: int, route: str, errno: str
) -> None:
    def ask() -> str:
        with socket.socket(family.af, kind) as sock:
            return errno_of(lambda: sock.connect((SOMEONE_ELSEWHERE[family], CLOSED_PORT)))

    with two_routers.source.routes(f"{route} {ELSEWHERE[family]}"):
        assert two_routers.source.call(ask) == errno


def test_a_udp_send_dropped_by_the_local_firewall_is_not_permitted(
    two_routers: Chain, family: Family
) -> None:
    def ask() -> str:
        with socket.socket(family.af, UDP) as sock:
            return errno_of(lambda: sock.sendto(b"", (two_routers.target_address(family), CLOSED_PORT)))

    with two_routers.source.firewall(f"udp dport {CLOSED_PORT} drop"):
        assert two_routers.source.call(ask) == "EPERM"
    assert two_routers.source.call(ask) == "none"


def test_a_ping_dropped_by_the_local_firewall_is_not_permitted_but_in_ipv6_seems_sent(
    two_routers: Chain, family: Family
) -> None:
    """The ping socket of IPv6 ignores what its output path returns (net/ipv6/ping.c)."""
    options = OPTIONS[family]

    def ask() -> str:
        with socket.socket(family.af, UDP, options.icmp_protocol) as sock:
            echo = bytes([options.echo_request, 0, 0, 0, 0, 0, 0, 1])
            return errno_of(lambda: sock.sendto(echo, (two_routers.target_address(family), 0)))

    rule = f"meta l4proto {options.icmp_protocol} drop"
    with two_routers.source.sysctls({"net.ipv4.ping_group_range": "65534 65534"}):
        with two_routers.source.firewall(rule):
            assert two_routers.source.call(ask) == {Family.IPV4: "EPERM", Family.IPV6: "none"}[family]
        assert two_routers.source.call(ask) == "none"


def test_a_syn_dropped_by_the_local_firewall_is_only_silence(two_routers: Chain, family: Family) -> None:
    def ask() -> tuple[str, bool, int]:
        with socket.socket(family.af, TCP) as sock:
            receive_errors(sock, family)
            sock.settimeout(0)
            started = errno_of(lambda: sock.connect((two_routers.target_address(family), TCP_PORT)))
            writable = bool(select.select([], [sock], [], 0.3)[1])
            return started, writable, len(drain_errors(sock))

    with two_routers.source.firewall(f"tcp dport {TCP_PORT} drop"):
        assert two_routers.source.call(ask) == ("EINPROGRESS", False, 0)


def test_a_rejecting_local_firewall_refuses_the_send_and_answers_from_our_own_address(
    two_routers: Chain, family: Family
) -> None:
    """The first send says EPERM and leaves an ICMP error pending, which the second send says instead."""
    destination = (two_routers.target_address(family), CLOSED_PORT)

    def ask() -> tuple[list[str], list[tuple[int, int, str | None]]]:
        with socket.socket(family.af, UDP) as sock:
            receive_errors(sock, family)
            said = [errno_of(lambda: sock.sendto(b"", destination)) for _ in range(3)]
            return said, [(entry.type, entry.code, entry.offender) for entry in drain_errors(sock)]

    port_unreachable = {Family.IPV4: (3, 3), Family.IPV6: (1, 4)}[family]
    entry = (*port_unreachable, two_routers.source_address(family))
    with two_routers.source.firewall(f"udp dport {CLOSED_PORT} reject"):
        assert two_routers.source.call(ask) == (["EPERM", "ECONNREFUSED", "EPERM"], [entry, entry])


def test_a_silent_neighbour_answers_from_our_own_address(two_routers: Chain, family: Family) -> None:
    absent = {Family.IPV4: "198.18.0.99", Family.IPV6: "2001:db8:100::99"}[family]
    neighbour = f"net.{family}.neigh.{SOURCE_DEVICE}"
    once = {f"{neighbour}.mcast_solicit": "1", f"{neighbour}.retrans_time_ms": "100"}

    def ask() -> tuple[int, int, str | None]:
        with socket.socket(family.af, UDP) as sock:
            receive_errors(sock, family)
            sock.sendto(b"", (absent, CLOSED_PORT))
            entry = wait_for(sock, ICMP_ORIGIN[family], 5)
            return entry.type, entry.code, entry.offender

    address_unreachable = {Family.IPV4: (3, 1), Family.IPV6: (1, 3)}[family]
    default = [two_routers.source.read_sysctl(key) for key in once]
    assert default == ["3", "1000"], "three solicitations a second apart: the answer takes 3 s by default"
    with two_routers.source.sysctls(once):
        assert two_routers.source.call(ask) == (*address_unreachable, two_routers.source_address(family))


def test_a_pending_icmp_error_is_what_the_next_send_says_and_draining_clears_it(
    two_routers: Chain, family: Family
) -> None:
    destination = (two_routers.target_address(family), CLOSED_PORT)

    def provoke(sock: socket.socket) -> None:
        """Have router 1 answer, and wait until it has."""
        set_ttl(sock, family, 1)
        sock.sendto(b"", destination)
        poller = select.poll()
        poller.register(sock, 0)
        poller.poll(2000)
        set_ttl(sock, family, 64)

    def ask() -> dict[str, object]:
        with socket.socket(family.af, UDP) as sock:
            receive_errors(sock, family)
            provoke(sock)
            failed = errno_of(lambda: sock.sendto(b"", destination))
            after = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            entries = len(drain_errors(sock))
            provoke(sock)
            drained = len(drain_errors(sock))
            return {
                "undrained": failed,
                "SO_ERROR after": after,
                "entries": entries,
                "drained entries": drained,
                "drained": errno_of(lambda: sock.sendto(b"", destination)),
            }

    assert two_routers.source.call(ask) == {
        "undrained": "EHOSTUNREACH",
        "SO_ERROR after": 0,
        "entries": 1,
        "drained entries": 1,
        "drained": "none",
    }


def test_a_datagram_larger_than_the_link_is_too_long(two_routers: Chain, family: Family) -> None:
    options = OPTIONS[family]

    def ask() -> str:
        with socket.socket(family.af, UDP) as sock:
            sock.setsockopt(options.level, options.mtu_discover, PMTUDISC_PROBE)
            payload = bytes(LINK_MTU)
            return errno_of(lambda: sock.sendto(payload, (two_routers.target_address(family), CLOSED_PORT)))

    assert two_routers.source.call(ask) == "EMSGSIZE"


def test_a_full_send_buffer_says_try_again(two_routers: Chain, family: Family) -> None:
    """Packets that wait for a neighbour are charged to their socket."""
    absent = {Family.IPV4: "198.18.0.98", Family.IPV6: "2001:db8:100::98"}[family]

    def ask() -> set[str]:
        with socket.socket(family.af, UDP) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
            sock.settimeout(0)
            return {errno_of(lambda: sock.sendto(bytes(1000), (absent, CLOSED_PORT))) for _ in range(20)}

    assert two_routers.source.call(ask) == {"none", "EAGAIN"}


@both_kinds
def test_without_descriptors_a_socket_is_refused(two_routers: Chain, family: Family, kind: int) -> None:
    def ask() -> str:
        with socket.socket(family.af, kind) as sock:
            resource.setrlimit(resource.RLIMIT_NOFILE, (sock.fileno(), 4096))
            return errno_of(lambda: socket.socket(family.af, kind))

    assert two_routers.source.call(ask) == "EMFILE"


def test_a_raw_socket_is_not_permitted(two_routers: Chain, family: Family) -> None:
    def ask() -> str:
        return errno_of(lambda: socket.socket(family.af, socket.SOCK_RAW, OPTIONS[family].icmp_protocol))

    assert two_routers.source.call(ask) == "EPERM"


def test_an_unreachable_route_of_a_router_answers_five_times_and_then_once_a_second(family: Family) -> None:
    """IPv4 limits these by net.ipv4.route.error_burst, whatever is set for ICMP; IPv6 does not."""
    probes = 12

    def ask(built: Chain) -> list[tuple[int, int, str | None] | None]:
        answers: list[tuple[int, int, str | None] | None] = []
        for port in range(CLOSED_PORT, CLOSED_PORT + probes):
            with socket.socket(family.af, UDP) as sock:
                receive_errors(sock, family)
                sock.sendto(b"", (built.unreachable_address(family), port))
                entry = next_error(sock, 0.05)
                answers.append(None if entry is None else (entry.type, entry.code, entry.offender))
        return answers

    with chain(2) as built:
        router = built.responders(family)[1]
        answers = built.source.call(lambda: ask(built))
    expected = {Family.IPV4: [(3, 1, router)] * 5 + [None] * 7, Family.IPV6: [(1, 0, router)] * 12}[family]
    assert answers == expected
