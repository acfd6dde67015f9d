"""ICMP errors that this host sends to itself: never a hop, never "reached"."""

from __future__ import annotations

from tracer.model import Address, Failure, FailureKind, Family, Icmp, ReplyKind, Route
from tracer.net.addresses import own_addresses

_NO_ROUTE = {Family.IPV4: Icmp(3, 0), Family.IPV6: Icmp(1, 0)}
_NO_NEIGHBOUR = {Family.IPV4: Icmp(3, 1), Family.IPV6: Icmp(1, 3)}


def local_failure(route: Route, offender: Address, kind: ReplyKind, code: Icmp) -> Failure | None:
    """What an unreachable message of one of our own addresses means; None for a router's or the target's.

    The kernel answers this way for a firewall's reject, and for a next hop that did not answer ARP or
    neighbour solicitation (after about 3 s).
    """
    if kind is not ReplyKind.UNREACHABLE or offender == route.target:
        return None
    if offender not in own_addresses(route.family):
        return None
    evidence = {"offender": offender, "icmp": [code.type, code.code]}
    if code == _NO_NEIGHBOUR[route.family]:
        return Failure(
            kind=FailureKind.NEXT_HOP_UNREACHABLE,
            message=f"The next hop towards {route.target} does not answer on the link.",
            remedy="Check the gateway and the cable: `ip neigh` shows its entry as FAILED.",
            evidence=evidence,
        )
    if code == _NO_ROUTE[route.family]:
        return Failure(
            kind=FailureKind.NO_ROUTE,
            message=f"This host has no usable route to {route.target}.",
            remedy="Look at the route, its interface and its type with `ip route get` and the address.",
            evidence=evidence,
        )
    return Failure(
        kind=FailureKind.LOCAL_FIREWALL,
        message=f"A firewall on this host rejects probes to {route.target}.",
        remedy="Look at the output chain (nft list ruleset) and let the probes pass.",
        evidence=evidence,
    )
