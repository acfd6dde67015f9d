"""What this host says about itself in /proc: ports, rights, sockets. Read when asked, never cached."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tracer.model import Family, Protocol

_NET = Path("/proc/sys/net")
_DEFAULT_RANGE = (32768, 60999)
"""Linux's default ip_local_port_range, for hosts that do not tell."""

_TCP_STATES = {
    1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT",
    7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING", 12: "NEW_SYN_RECV",
}  # fmt: skip
"""include/net/tcp_states.h."""


def local_port_range() -> tuple[int, int]:
    """First and last port the kernel hands out by itself."""
    found = _numbers("ipv4/ip_local_port_range")
    return (found[0], found[1]) if len(found) == 2 else _DEFAULT_RANGE


def usable_ports(first: int | None = None) -> Sequence[int]:
    """The local range without the reserved ports; a ``first`` outside it starts a range of its own."""
    low, high = local_port_range()
    reserved = reserved_ports()
    ports: Sequence[int] = range(low, high + 1)
    if reserved:
        ports = [port for port in ports if port not in reserved]
    if first is not None and not low <= first <= high:
        # A first port outside the range starts a range of its own, up to where the user's ports may go.
        ports = [port for port in range(first, 65536) if port not in reserved]
    return ports


def reserved_ports() -> frozenset[int]:
    """``ip_local_reserved_ports``, written as ``8080,9000-9010``."""
    found: set[int] = set()
    for part in _read("ipv4/ip_local_reserved_ports").split(","):
        low, _, high = part.strip().partition("-")
        with contextlib.suppress(ValueError):
            found.update(range(int(low), int(high or low) + 1))
    return frozenset(found)


def ping_groups() -> tuple[int, int] | None:
    """``ping_group_range``: group ids that may open ping sockets, (1, 0) for none. None: not to be read."""
    found = _numbers("ipv4/ping_group_range")
    return (found[0], found[1]) if len(found) == 2 else None


def ports_in_use(protocol: Protocol, low: int, high: int) -> dict[str, int]:
    """How many sockets hold local ports of this range, by state; UDP sockets have the state ``UDP``."""
    states: Counter[str] = Counter()
    for port, state, _ in _sockets(protocol):
        if low <= port <= high:
            states[_TCP_STATES.get(state, str(state)) if protocol is Protocol.TCP else "UDP"] += 1
    return dict(states)


def ping_identifiers(family: Family) -> frozenset[int]:
    """ICMP identifiers that ping sockets of this host use."""
    suffix = "6" if family is Family.IPV6 else ""
    found = set()
    for line in _lines(f"/proc/net/icmp{suffix}"):
        with contextlib.suppress(ValueError, IndexError):
            found.add(int(line.split()[1].rpartition(":")[2], 16))
    return frozenset(found)


def port_holder(protocol: Protocol, port: int) -> str | None:
    """Name and id of the process that holds a local port, where this user may see it."""
    inodes = {f"socket:[{inode}]" for held, _, inode in _sockets(protocol) if held == port}
    for process in _processes():
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                if os.readlink(descriptor) in inodes:
                    name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                    return f"{name} (process {process.name})"
    return None


def _processes() -> list[Path]:
    try:
        return [Path("/proc", name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:  # no descriptor is left to look with
        return []


def unusable_addresses() -> frozenset[str]:
    """IPv6 addresses that are configured but tentative or failed duplicate detection, as 32 hex digits."""
    tentative_or_failed = 0x40 | 0x08  # IFA_F_TENTATIVE, IFA_F_DADFAILED: linux/if_addr.h
    found = set()
    for line in _lines("/proc/net/if_inet6"):
        address, _, _, _, flags, _ = line.split()
        if int(flags, 16) & tentative_or_failed:
            found.add(address)
    return frozenset(found)


def raise_descriptor_limit() -> int:
    """Lift the soft limit of open files to the hard one; returns the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return soft


def group_ids() -> frozenset[int]:
    """The groups of this process."""
    return frozenset({os.getegid(), *os.getgroups()})


def _sockets(protocol: Protocol) -> Iterator[tuple[int, int, str]]:
    """Local port, state and inode of every socket of a protocol, both families."""
    for suffix in ("", "6"):
        for line in _lines(f"/proc/net/{protocol.value}{suffix}"):
            fields = line.split()
            with contextlib.suppress(ValueError, IndexError):
                yield int(fields[1].rpartition(":")[2], 16), int(fields[3], 16), fields[9]


def _lines(path: str) -> list[str]:
    try:
        lines = Path(path).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if not line.lstrip().startswith("sl ")]


def _read(name: str) -> str:
    try:
        return (_NET / name).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _numbers(name: str) -> list[int]:
    return [int(part) for part in _read(name).split() if part.lstrip("-").isdigit()]


def family_enabled(family: Family) -> bool:
    """The kernel has this family switched on; where it does not tell, whether it opens a socket of it."""
    told = _read("ipv6/conf/all/disable_ipv6")
    return family is Family.IPV4 or (told == "0" if told else _opens_ipv6())


def _opens_ipv6() -> bool:
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError:
        return False
    return True
