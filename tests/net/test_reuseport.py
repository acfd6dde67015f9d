"""Who shares a source port: the whole table, and what the option really does on this system."""

from __future__ import annotations

import errno
import itertools
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from tracer.model import PortPlanKind
from tracer.net.reuseport import SHARING, THIS, Platform, Transport, platform_of, share

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM, DATAGRAM = Transport.STREAM, Transport.DATAGRAM
MOVES, FIXED, PAIR = PortPlanKind.FIXED_TARGET, PortPlanKind.FIXED_SOURCE, PortPlanKind.FIXED_BOTH
TUPLE = PortPlanKind.FIXED_TUPLE_MARKED
UNIX = {
    (STREAM, MOVES): None,
    (STREAM, FIXED): "SO_REUSEPORT",
    (STREAM, PAIR): None,
    (STREAM, TUPLE): None,
    (DATAGRAM, MOVES): None,
    (DATAGRAM, FIXED): None,
    (DATAGRAM, PAIR): None,
    (DATAGRAM, TUPLE): None,
}
EXPECTED: dict[Platform, dict[tuple[Transport, PortPlanKind], str | None]] = {
    Platform.LINUX: UNIX,
    Platform.MACOS: UNIX,
    Platform.FREEBSD: UNIX,
    Platform.WINDOWS: dict.fromkeys(UNIX, "SO_EXCLUSIVEADDRUSE"),
}
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's behaviour")


def test_the_table_has_every_row_and_no_other() -> None:
    assert set(SHARING) == set(itertools.product(Platform, Transport, PortPlanKind))


@pytest.mark.parametrize("platform", Platform)
@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize("plan", PortPlanKind)
def test_each_row_is_the_decision_and_has_its_reason(
    platform: Platform, transport: Transport, plan: PortPlanKind
) -> None:
    row = SHARING[platform, transport, plan]
    assert row.option == EXPECTED[platform][transport, plan]
    assert len(row.reason.split()) > 8


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("linux", Platform.LINUX),
        ("darwin", Platform.MACOS),
        ("win32", Platform.WINDOWS),
        ("freebsd14", Platform.FREEBSD),
        ("openbsd7", Platform.FREEBSD),
    ],
)
def test_every_system_has_its_rows(name: str, platform: Platform) -> None:
    assert platform_of(name) is platform


def test_this_system_is_known() -> None:
    assert platform_of(sys.platform) is THIS


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    opened: list[socket.socket] = []
    yield opened
    for sock in opened:
        sock.close()


def _shared(sockets: list[socket.socket], transport: Transport, plan: PortPlanKind) -> socket.socket:
    kind = socket.SOCK_STREAM if transport is STREAM else socket.SOCK_DGRAM
    sock = socket.socket(socket.AF_INET, kind)
    sockets.append(sock)
    share(sock, Platform.LINUX, transport, plan)
    return sock


def _errno_of_second_bind(sockets: list[socket.socket], transport: Transport, plan: PortPlanKind) -> int:
    first, second = (_shared(sockets, transport, plan) for _ in range(2))
    first.bind(("127.0.0.1", 0))
    try:
        second.bind(first.getsockname())
    except OSError as error:
        return error.errno or 0
    return 0


@linux_only
@pytest.mark.parametrize(("transport", "plan"), sorted(UNIX))
def test_a_second_bind_succeeds_just_where_the_table_shares(
    sockets: list[socket.socket], transport: Transport, plan: PortPlanKind
) -> None:
    shares = SHARING[Platform.LINUX, transport, plan].option is not None
    assert _errno_of_second_bind(sockets, transport, plan) == (0 if shares else errno.EADDRINUSE)


@linux_only
def test_with_sharing_the_clash_of_4_tuples_moves_to_connect(sockets: list[socket.socket]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    sockets.append(listener)
    first, second = (_shared(sockets, STREAM, FIXED) for _ in range(2))
    first.bind(("127.0.0.1", 0))
    second.bind(first.getsockname())
    first.connect(listener.getsockname())
    with pytest.raises(OSError, match="Cannot assign") as caught:
        second.connect(listener.getsockname())
    assert caught.value.errno == errno.EADDRNOTAVAIL


@linux_only
def test_with_sharing_one_source_port_reaches_many_target_ports(sockets: list[socket.socket]) -> None:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    sockets.extend(listeners)
    port = 0
    for listener in listeners:
        probe = _shared(sockets, STREAM, FIXED)
        probe.bind(("127.0.0.1", port))
        port = probe.getsockname()[1]
        probe.connect(listener.getsockname())
        assert probe.getpeername() == listener.getsockname()


@linux_only
def test_a_probe_of_ours_cannot_take_a_local_servers_datagrams(sockets: list[socket.socket]) -> None:
    """A server that shares its port keeps every datagram: ours never joins its group."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sockets.append(server)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind(("127.0.0.1", 0))
    for plan in PortPlanKind:
        ours = _shared(sockets, DATAGRAM, plan)
        with pytest.raises(OSError, match="in use"):
            ours.bind(server.getsockname())
