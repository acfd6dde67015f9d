"""When the source address is the trouble. Each test ruins a chain of its own."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.lab.labkit.chain import SOURCE_DEVICE, TCP_PORT, chain
from tests.lab.labkit.families import Family
from tests.lab.labkit.sockets import errno_of

if TYPE_CHECKING:
    from tests.lab.labkit.chain import Chain

both_kinds = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])


def _connect(built: Chain, family: Family, kind: int) -> tuple[str, str]:
    """What a connect to the target says, and the source address it got."""

    def ask() -> tuple[str, str]:
        with socket.socket(family.af, kind) as sock:
            sock.settimeout(0)
            said = errno_of(lambda: sock.connect((built.target_address(family), TCP_PORT)))
            return said, sock.getsockname()[0]

    return built.source.call(ask)


@both_kinds
def test_with_ipv6_disabled_tcp_and_udp_connect_are_both_not_available(kind: int) -> None:
    """So EADDRNOTAVAIL of TCP alone is exhaustion, of both it is the family."""
    with chain(2) as built:
        built.source.write_sysctls({"net.ipv6.conf.all.disable_ipv6": "1"})
        assert _connect(built, Family.IPV6, kind)[0] == "EADDRNOTAVAIL"


@both_kinds
def test_with_ipv6_disabled_on_the_device_alone_there_is_no_route(kind: int) -> None:
    with chain(2) as built:
        built.source.write_sysctls({f"net.ipv6.conf.{SOURCE_DEVICE}.disable_ipv6": "1"})
        assert _connect(built, Family.IPV6, kind)[0] == "ENETUNREACH"


@pytest.mark.parametrize(
    ("family", "unusable"),
    [(Family.IPV4, "0.0.0.0"), (Family.IPV6, "::1")],  # noqa: S104 -- what the kernel chose
)
@both_kinds
def test_with_a_route_and_no_address_connect_succeeds_from_an_unusable_one(
    family: Family, unusable: str, kind: int
) -> None:
    with chain(2) as built:
        built.source.ip(f"address flush dev {SOURCE_DEVICE}")
        if family is Family.IPV4:  # IPv6 keeps its route when its addresses go
            built.source.ip(f"route add 198.18.0.0/15 dev {SOURCE_DEVICE}")
        said = {socket.SOCK_STREAM: "EINPROGRESS", socket.SOCK_DGRAM: "none"}[socket.SocketKind(kind)]
        assert _connect(built, family, kind) == (said, unusable)


@both_kinds
def test_bind_to_a_tentative_address_is_not_available_although_it_is_ours(kind: int) -> None:
    address = "2001:db8:100::7"

    def ask() -> tuple[str, bool]:
        with socket.socket(socket.AF_INET6, kind) as sock, open("/proc/net/if_inet6") as table:
            flags = {line.split()[0]: int(line.split()[4], 16) for line in table}
            tentative = bool(flags[socket.inet_pton(socket.AF_INET6, address).hex()] & 0x40)
            return errno_of(lambda: sock.bind((address, 0))), tentative

    with chain(2) as built:
        device = f"net.ipv6.conf.{SOURCE_DEVICE}"
        built.source.write_sysctls({f"{device}.accept_dad": "1", f"{device}.dad_transmits": "1"})
        built.source.ip(f"address add {address}/64 dev {SOURCE_DEVICE}")
        assert built.source.call(ask) == ("EADDRNOTAVAIL", True)
