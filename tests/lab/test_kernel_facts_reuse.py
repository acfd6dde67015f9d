"""What SO_REUSEPORT changes, and what a closed connection leaves behind."""

from __future__ import annotations

import socket
import struct
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.labkit.chain import TCP_PORT
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.sockets import errno_of

if TYPE_CHECKING:
    from tests.lab.labkit.chain import Chain

pytestmark = pytest.mark.parametrize("family", Family)

TIME_WAIT = "06"
REUSE = {"none": None, "port": socket.SO_REUSEPORT, "address": socket.SO_REUSEADDR}


def _tcp(family: Family, reuse: str = "none") -> socket.socket:
    sock = socket.socket(family.af, socket.SOCK_STREAM)
    option = REUSE[reuse]
    if option is not None:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    return sock


def _states(family: Family, port: int) -> set[str]:
    """The states of this namespace's TCP sockets on a local port, as /proc/net/tcp numbers them."""
    table = Path({Family.IPV4: "/proc/net/tcp", Family.IPV6: "/proc/net/tcp6"}[family])
    rows = (line.split() for line in table.read_text().splitlines()[1:])
    return {row[3] for row in rows if int(row[1].split(":")[1], 16) == port}


def _free_port(family: Family) -> int:
    with _tcp(family) as sock:
        sock.bind((family.any_address, 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("reuse", "phases"),
    [
        ("none", ("EADDRINUSE", "not tried")),
        ("port", ("none", "EADDRNOTAVAIL")),
        ("address", ("none", "EADDRNOTAVAIL")),
    ],
)
@pytest.mark.parametrize("state", ["established", "syn-sent"])
def test_a_taken_4_tuple_clashes_at_bind_or_with_reuse_at_connect(
    two_routers: Chain, family: Family, reuse: str, phases: tuple[str, str], state: str
) -> None:
    destination = {
        "established": (two_routers.target_address(family), TCP_PORT),
        "syn-sent": (two_routers.silent_address(family), TCP_PORT),
    }[state]

    def ask() -> tuple[str, str]:
        with _tcp(family, reuse) as first, _tcp(family, reuse) as second:
            first.bind((family.any_address, 0))
            first.setblocking(state == "established")
            errno_of(lambda: first.connect(destination))
            bound = errno_of(lambda: second.bind((family.any_address, first.getsockname()[1])))
            if bound != "none":
                return bound, "not tried"
            return bound, errno_of(lambda: second.connect(destination))

    assert two_routers.source.call(ask) == phases


def test_reuseport_lets_one_source_port_reach_many_target_ports(two_routers: Chain, family: Family) -> None:
    def ask() -> list[str]:
        target = two_routers.target_address(family)
        with _tcp(family, "port") as first, _tcp(family, "port") as second:
            first.bind((family.any_address, 0))
            second.bind((family.any_address, first.getsockname()[1]))
            return [
                errno_of(partial(sock.connect, (target, port))) for sock, port in ((first, 81), (second, 82))
            ]

    assert two_routers.source.call(ask) == ["ECONNREFUSED", "ECONNREFUSED"]


SERVER_PORT = 8080


def _leave_time_wait(built: Chain, family: Family, listener: socket.socket, reuse: str) -> int:
    """Close a connection from our side first; return the local port that is in TIME-WAIT now."""
    with _tcp(family, reuse) as first:
        first.bind((family.any_address, 0))
        first.connect((built.target_address(family), SERVER_PORT))
        accepted, _ = listener.accept()
        first.shutdown(socket.SHUT_WR)
        accepted.close()
        first.recv(1)
        port: int = first.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("reuse", "timestamps", "phases"),
    [
        ("none", "1", ("EADDRINUSE", "not tried", "not tried")),
        ("port", "1", ("none", "none", "none")),
        ("port", "0", ("none", "EADDRNOTAVAIL", "none")),
        ("address", "1", ("none", "none", "none")),
        ("address", "0", ("none", "EADDRNOTAVAIL", "none")),
    ],
)
def test_time_wait_needs_reuse_to_bind_and_timestamps_to_connect_the_same_4_tuple(
    two_routers: Chain, family: Family, reuse: str, timestamps: str, phases: tuple[str, str, str]
) -> None:
    target = two_routers.target_address(family)

    def ask() -> tuple[set[str], tuple[str, str, str]]:
        with two_routers.target.entered():
            listener = socket.create_server((target, SERVER_PORT), family=family.af)
        with listener:
            port = _leave_time_wait(two_routers, family, listener, reuse)
            left = _states(family, port)
            with _tcp(family, reuse) as same, _tcp(family, reuse) as other:
                bound = errno_of(lambda: same.bind((family.any_address, port)))
                if bound != "none":
                    return left, (bound, "not tried", "not tried")
                other.bind((family.any_address, port))
                clash = errno_of(lambda: same.connect((target, SERVER_PORT)))
                return left, (bound, clash, errno_of(lambda: other.connect((target, TCP_PORT))))

    with two_routers.source.sysctls({"net.ipv4.tcp_timestamps": timestamps}):
        assert two_routers.source.call(ask, User.ROOT) == ({TIME_WAIT}, phases)


def test_lingering_zero_leaves_no_time_wait_and_the_port_is_free_at_once(
    two_routers: Chain, family: Family
) -> None:
    destination = (two_routers.target_address(family), TCP_PORT)

    def ask() -> tuple[set[str], str]:
        with _tcp(family) as first:
            first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            first.bind((family.any_address, 0))
            port = first.getsockname()[1]
            first.connect(destination)
        with _tcp(family) as second:
            return _states(family, port), errno_of(lambda: second.bind((family.any_address, port)))

    assert two_routers.source.call(ask) == (set(), "none")


def test_udp_sockets_of_one_reuseport_group_share_what_comes_in(two_routers: Chain, family: Family) -> None:
    """A tracer bound beside a local server would take a share of its traffic."""
    senders = 64

    def ask() -> list[int]:
        group = [socket.socket(family.af, socket.SOCK_DGRAM) for _ in range(2)]
        port = 0
        for sock in group:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind((family.loopback, port))
            sock.settimeout(0)
            port = sock.getsockname()[1]
        for _ in range(senders):
            with socket.socket(family.af, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"x", (family.loopback, port))
        counts = [_received(sock) for sock in group]
        for sock in group:
            sock.close()
        return counts

    counts = two_routers.source.call(ask)
    assert sum(counts) == senders
    assert min(counts) > 0


def _received(sock: socket.socket) -> int:
    count = 0
    while errno_of(lambda: sock.recv(1)) == "none":
        count += 1
    return count
