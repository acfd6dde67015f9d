"""What /proc says, in the formats the kernel writes."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tracer.model import Family, Protocol
from tracer.net import host


@pytest.fixture
def sysctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in the place of /proc/sys/net."""
    monkeypatch.setattr(host, "_NET", tmp_path)
    for family in ("ipv4", "ipv6"):
        (tmp_path / family).mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("written", "ports"),
    [
        ("\n", set()),
        ("8080\n", {8080}),
        ("8080,9000-9003\n", {8080, 9000, 9001, 9002, 9003}),
        ("1-1,65535\n", {1, 65535}),
        ("junk,7-,-8,9\n", {7, 9}),
    ],
)
def test_reserved_ports_are_read(sysctl: Path, written: str, ports: set[int]) -> None:
    (sysctl / "ipv4/ip_local_reserved_ports").write_text(written)
    assert host.reserved_ports() == ports


@pytest.mark.parametrize(
    ("written", "found"),
    [("40000\t40007\n", (40000, 40007)), ("", (32768, 60999)), ("x y\n", (32768, 60999))],
)
def test_the_local_port_range_is_read_or_linuxs_default(
    sysctl: Path, written: str, found: tuple[int, int]
) -> None:
    (sysctl / "ipv4/ip_local_port_range").write_text(written)
    assert host.local_port_range() == found


def test_a_host_without_sysctls_has_defaults(sysctl: Path) -> None:
    assert not list((sysctl / "ipv4").iterdir())
    assert host.local_port_range() == (32768, 60999)
    assert host.reserved_ports() == frozenset()
    assert host.ping_groups() is None


def test_usable_ports_are_the_range_without_the_reserved(sysctl: Path) -> None:
    (sysctl / "ipv4/ip_local_port_range").write_text("40000\t40007\n")
    assert list(host.usable_ports()) == list(range(40000, 40008))
    (sysctl / "ipv4/ip_local_reserved_ports").write_text("40001,40006-40010\n")
    assert list(host.usable_ports()) == [40000, 40002, 40003, 40004, 40005]


@pytest.mark.parametrize(
    ("written", "found"),
    [("0\t2147483647\n", (0, 2147483647)), ("1\t0\n", (1, 0)), ("0 4294967294", (0, 4294967294))],
)
def test_ping_groups_are_read(sysctl: Path, written: str, found: tuple[int, int]) -> None:
    (sysctl / "ipv4/ping_group_range").write_text(written)
    assert host.ping_groups() == found


@pytest.mark.parametrize(("written", "enabled"), [("0\n", True), ("1\n", False)])
def test_a_family_that_is_switched_off_is_seen(sysctl: Path, written: str, *, enabled: bool) -> None:
    for folder in ("all", "default"):
        (sysctl / "ipv6/conf" / folder).mkdir(parents=True)
        (sysctl / "ipv6/conf" / folder / "disable_ipv6").write_text(written)
    assert host.family_enabled(Family.IPV6) is enabled
    assert host.family_enabled(Family.IPV4)


@pytest.mark.parametrize("opens", [True, False])
def test_where_nothing_is_told_of_ipv6_a_socket_decides(
    sysctl: Path, monkeypatch: pytest.MonkeyPatch, *, opens: bool
) -> None:
    assert not list((sysctl / "ipv6").iterdir())
    monkeypatch.setattr(host, "_opens_ipv6", lambda: opens)
    assert host.family_enabled(Family.IPV6) is opens


TCP_TABLE = [
    "   0: 00000000:9C40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 x 100",
    "   1: 0100007F:9C41 0100007F:0050 06 00000000:00000000 03:00000000 00000000     0        0 0 3 x",
    "   2: 0100007F:9C41 0100007F:0051 06 00000000:00000000 03:00000000 00000000     0        0 0 3 x",
    "   3: 0100007F:FFFF 0100007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 112 1 x",
    "   4: cut short",
]


def test_ports_in_use_are_counted_by_state_inside_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {"/proc/net/tcp": TCP_TABLE, "/proc/net/udp": TCP_TABLE[:1]}
    monkeypatch.setattr(host, "_lines", lambda path: tables.get(path, []))
    assert host.ports_in_use(Protocol.TCP, 40000, 40007) == {"LISTEN": 1, "TIME_WAIT": 2}
    assert host.ports_in_use(Protocol.UDP, 40000, 40007) == {"UDP": 1}
    assert host.ports_in_use(Protocol.TCP, 1, 2) == {}


def test_tentative_and_duplicate_addresses_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "00000000000000000000000000000001 01 80 10 80       lo",
        "20010db8000000000000000000000001 02 40 00 40     eth0",
        "20010db8000000000000000000000002 02 40 00 08     eth0",
        "20010db8000000000000000000000003 02 40 00 80     eth0",
    ]
    monkeypatch.setattr(host, "_lines", lambda _: lines)
    assert {address[-1] for address in host.unusable_addresses()} == {"1", "2"}
    assert all(address.startswith("20010db8") for address in host.unusable_addresses())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize(
    ("protocol", "kind"), [(Protocol.UDP, socket.SOCK_DGRAM), (Protocol.TCP, socket.SOCK_STREAM)]
)
def test_the_holder_of_a_port_is_this_process(family: int, protocol: Protocol, kind: int) -> None:
    with socket.socket(family, kind) as sock:
        sock.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        port = sock.getsockname()[1]
        holder = host.port_holder(protocol, port)
        assert sum(host.ports_in_use(protocol, port, port).values()) == 1
    assert holder is not None
    assert holder.endswith(f"(process {os.getpid()})")
    assert host.port_holder(protocol, port) is None


def test_the_descriptor_limit_is_raised_to_the_hard_one() -> None:
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 100));"
        "from tracer.net.host import raise_descriptor_limit as lift; print(lift(), lift(),"
        " *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["100", "100", "100", "100"]
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 100


def test_identifiers_of_ping_sockets_are_read_for_their_family(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {
        "/proc/net/icmp": ["  0: 00000000:0007 00000000:0000 07 00000000:00000000", "  damaged"],
        "/proc/net/icmp6": ["  0: 00000000000000000000000000000000:FFFF 0000:0000 07"],
    }
    monkeypatch.setattr(host, "_lines", tables.__getitem__)
    assert host.ping_identifiers(Family.IPV4) == {7}
    assert host.ping_identifiers(Family.IPV6) == {65535}
