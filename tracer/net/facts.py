"""What a check-up reads of this host. Everything may be missing: None means that it could not be read."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import shutil
import socket
import subprocess
from enum import StrEnum
from pathlib import Path

import msgspec

from tracer.model import Family, Protocol
from tracer.net import host
from tracer.net.linux import OPTIONS
from tracer.net.ruleset import way_out

CAP_NET_RAW = 13
"""linux/capability.h."""

FIREWALL_PATIENCE_S = 2.0
"""Listing a large ruleset takes a while; a check-up does not wait for ever."""

_TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised."""
_TIMEX_ROOM = 512
"""More than ``struct timex`` takes anywhere; with its first field, ``modes``, 0 nothing is set."""


class Unseen(StrEnum):
    """Why not every rule of the firewall is seen."""

    RIGHT = "this process may not list the rules"
    TOOL = "nft, which lists the rules, is not installed"
    IPTABLES = "iptables has rules that nft does not show"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One look at this host."""

    raw_sockets: bool
    """This process may open raw sockets."""
    capable: bool
    """CAP_NET_RAW is in its effective set."""
    ping_sockets: dict[Family, bool]
    families: frozenset[Family]
    """The families the kernel has switched on."""
    settings_shown: bool
    """/proc/sys/net can be read; containers may hide it, and then its defaults are no facts."""
    ping_groups: tuple[int, int] | None
    groups: frozenset[int]
    port_range: tuple[int, int] | None
    reserved_ports: int
    """How many ports of the range are reserved."""
    ports_held: int | None
    """How many ports of the range other sockets hold, of the protocol asked about."""
    open_files_soft: int
    open_files_hard: int
    receive_buffer_max: int | None
    """``net.core.rmem_max`` in bytes."""
    stamps_show_packets: bool | None
    """``net.core.tstamp_allow_data``."""
    icmp_per_second: int | None
    """``net.ipv4.icmp_msgs_per_sec``: how many ICMP answers this host gives."""
    conntrack: tuple[int, int] | None
    """Entries in use, and room."""
    clock_synchronised: bool | None
    firewall_drops: int | None
    """Rules and policies on the way out that drop or reject; None where they cannot be listed."""
    firewall_unseen: Unseen | None
    """Why there may be more of them."""


def read(protocol: Protocol) -> Facts:
    """Look. Opens a few sockets and closes them; sends nothing."""
    low, high = host.local_port_range()
    range_shown = bool(_text("/proc/sys/net/ipv4/ip_local_port_range"))
    with_packet = _number("/proc/sys/net/core/tstamp_allow_data")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    drops, unseen = _firewall()
    return Facts(
        raw_sockets=_opens(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        capable=_is_capable(),
        ping_sockets={family: _may_ping(family) for family in Family},
        families=frozenset(family for family in Family if host.family_enabled(family)),
        settings_shown=range_shown,
        ping_groups=host.ping_groups(),
        groups=host.group_ids(),
        port_range=(low, high) if range_shown else None,
        reserved_ports=sum(low <= port <= high for port in host.reserved_ports()),
        ports_held=_held(protocol, low, high),
        open_files_soft=soft,
        open_files_hard=hard,
        receive_buffer_max=_number("/proc/sys/net/core/rmem_max"),
        stamps_show_packets=None if with_packet is None else with_packet != 0,
        icmp_per_second=_number("/proc/sys/net/ipv4/icmp_msgs_per_sec"),
        conntrack=_conntrack(),
        clock_synchronised=_synchronised(),
        firewall_drops=drops,
        firewall_unseen=unseen,
    )


def _held(protocol: Protocol, low: int, high: int) -> int | None:
    if protocol is Protocol.ICMP:
        return 0
    if not _text(f"/proc/net/{protocol.value}"):
        return None
    return sum(host.ports_in_use(protocol, low, high).values())


def _opens(family: int, kind: int, number: int) -> bool:
    try:
        socket.socket(family, kind, number).close()
    except OSError:
        return False
    return True


def _may_ping(family: Family) -> bool:
    options = OPTIONS[family]
    return _opens(options.socket_family, socket.SOCK_DGRAM, options.icmp)


def _is_capable() -> bool:
    for line in _text("/proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> CAP_NET_RAW & 1)
    return os.geteuid() == 0


def _conntrack() -> tuple[int, int] | None:
    used = _number("/proc/sys/net/netfilter/nf_conntrack_count")
    room = _number("/proc/sys/net/netfilter/nf_conntrack_max")
    return (used, room) if used is not None and room else None


def _synchronised() -> bool | None:
    """What the kernel's clock discipline says; asked without changing it."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        state = int(libc.adjtimex(ctypes.create_string_buffer(_TIMEX_ROOM)))
        return None if state < 0 else state != _TIME_ERROR
    return None


def _firewall() -> tuple[int | None, Unseen | None]:
    """Ask nftables, which answers the administrator only: how many rules drop, and why not all are seen."""
    nft = shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if os.geteuid() != 0:
        return None, Unseen.RIGHT
    if nft is None:
        return None, Unseen.TOOL
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
        listed = subprocess.run(  # noqa: S603 - a fixed command without input
            [nft, "--json", "list", "ruleset"], capture_output=True, check=True, timeout=FIREWALL_PATIENCE_S
        )
        found = way_out(json.loads(listed.stdout))
        return found.drops, Unseen.IPTABLES if found.opaque or _has_old_tables() else None
    return None, Unseen.RIGHT


def _has_old_tables() -> bool:
    """The kernel holds tables of iptables-legacy, which nft knows nothing of."""
    return any(_text(f"/proc/net/{family}_tables_names").strip() for family in ("ip", "ip6"))


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _number(path: str) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None
