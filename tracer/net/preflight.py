"""The checks that cost next to nothing, made before every trace of a real network.

``--doctor`` looks closer. Here nothing is opened but a few lines of /proc: less than 2 ms, whatever the host.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from tracer.config import TraceConfig
from tracer.model import Protocol
from tracer.net import host
from tracer.net.needs import Needs, needs_of


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen at a glance."""

    ports: int
    """Of the local range, without the reserved ones."""
    ports_held: int
    """At most: sockets of the protocol that are in use or in TIME-WAIT, whatever port they hold."""
    open_files_limit: int
    """The hard one: the soft one is raised."""
    open_files: int
    """Open now."""


def preflight(config: TraceConfig, protocol: Protocol, targets: int) -> tuple[str, ...]:
    """What this host is short of for these options, a sentence and a remedy each."""
    return tuple(warnings(glance(protocol), needs_of(config, targets)))


def glance(protocol: Protocol) -> Glance:
    """Look at this host."""
    low, high = host.local_port_range()
    reserved = sum(low <= port <= high for port in host.reserved_ports())
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Glance(
        ports=high - low + 1 - reserved,
        ports_held=0 if protocol is Protocol.ICMP else _sockets(protocol),
        open_files_limit=hard,
        open_files=_open_files(),
    )


def warnings(seen: Glance, needs: Needs) -> Iterator[str]:
    """What is not enough."""
    for check in (_ports, _open_files_left):
        yield from check(seen, needs)


def _ports(seen: Glance, needs: Needs) -> Iterator[str]:
    if seen.ports < needs.ports:
        yield (
            f"These options hold up to {needs.ports} source ports at once, and "
            f"net.ipv4.ip_local_port_range has {seen.ports}: widen it, or lower --max-inflight."
        )
    elif seen.ports - seen.ports_held < needs.ports:
        yield (
            f"Up to {seen.ports_held} of {seen.ports} source ports are taken, and these options hold up to "
            f"{needs.ports} at once: hopscope --doctor counts them."
        )


def _open_files_left(seen: Glance, needs: Needs) -> Iterator[str]:
    left = seen.open_files_limit - seen.open_files
    if left < needs.open_files:
        yield (
            f"These options open up to {needs.open_files} files, and {max(left, 0)} more may be opened: "
            "raise the limit (ulimit -n), or trace fewer targets at once."
        )


_LINES: dict[Protocol, Callable[[dict[str, int]], int]] = {
    Protocol.TCP: lambda counts: counts.get("inuse", 0) + counts.get("tw", 0),
    Protocol.UDP: lambda counts: counts.get("inuse", 0),
}


def _sockets(protocol: Protocol) -> int:
    """/proc/net/sockstat counts the sockets of this namespace without listing them."""
    total = 0
    for path, suffix in (("/proc/net/sockstat", ""), ("/proc/net/sockstat6", "6")):
        with contextlib.suppress(OSError, ValueError):
            for line in Path(path).read_text(encoding="ascii").splitlines():
                name, _, rest = line.partition(":")
                if name == f"{protocol.upper()}{suffix}":
                    words = rest.split()
                    total += _LINES[protocol](dict(zip(words[::2], map(int, words[1::2]), strict=False)))
    return total


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0
