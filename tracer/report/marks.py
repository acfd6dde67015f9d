"""The short marks that traceroute puts behind a hop that answered with an ICMP unreachable."""

from __future__ import annotations

from tracer.model import Address, Family, Icmp

_UNREACHABLE = {Family.IPV4: 3, Family.IPV6: 1}
"""ICMP type (RFC 792, RFC 4443)."""

_PORT_UNREACHABLE = {Family.IPV4: 3, Family.IPV6: 4}
"""ICMP code that a target answers a UDP probe with: the path's good end, not a complaint."""

_MARKS = {
    Family.IPV4: {
        0: "!N",
        1: "!H",
        2: "!P",
        4: "!F",
        5: "!S",
        9: "!X",
        10: "!X",
        13: "!X",
        14: "!V",
        15: "!C",
    },
    Family.IPV6: {0: "!N", 1: "!X", 3: "!H", 5: "!X", 6: "!X"},
}
"""By ICMP code, as traceroute(8) names them: network, host, protocol, fragmentation needed, source route,
prohibited, precedence violation, precedence cutoff. Any other code is ``!<code>``."""


def mark(icmp: Icmp | None, responder: Address, target: Address | None) -> str:
    """Return the mark for an answer; empty where there is nothing to complain of."""
    family = Family.IPV6 if ":" in responder else Family.IPV4
    if icmp is None or icmp.type != _UNREACHABLE[family]:
        return ""
    if responder == target and icmp.code == _PORT_UNREACHABLE[family]:
        return ""
    return _MARKS[family].get(icmp.code, f"!<{icmp.code}>")
