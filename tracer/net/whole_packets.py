"""What an answer means to a channel that sees whole packets, its own and other people's."""

from __future__ import annotations

from collections.abc import Mapping

from tracer.interfaces import FailedLate
from tracer.model import Address, Family, Reply, ReplyKind, Route
from tracer.net.local_errors import local_failure
from tracer.net.raw_ports import SourcePorts
from tracer.wire.mark import read_mark

_DIRECT_WITH_PORTS = frozenset({ReplyKind.SYN_ACK, ReplyKind.RST, ReplyKind.UDP_DATA})


def is_about_us(reply: Reply, family: Family, targets: Mapping[Address, Route], ports: SourcePorts) -> bool:
    """What comes from no target of ours to no port of ours is other traffic of this host."""
    if reply.kind not in _DIRECT_WITH_PORTS or reply.responder in targets:
        return True
    return ports.owns(family, reply.quoted.protocol, reply.quoted.identity[0])


def judged(reply: Reply, targets: Mapping[Address, Route]) -> Reply | FailedLate:
    """An answer, or this host's own refusal."""
    route = targets.get(reply.destination)
    if route is None or reply.icmp is None:
        return reply
    failure = local_failure(route, reply.responder, reply.kind, reply.icmp)
    if failure is None:
        return reply
    return FailedLate(
        protocol=reply.quoted.protocol,
        destination=reply.destination,
        identity=reply.quoted.identity,
        mark=_mark(route, reply) or 0,
        failure=failure,
    )


def _mark(route: Route, reply: Reply) -> int | None:
    """What tells the probe from others of its ports, read where its strategy puts it."""
    quoted = reply.quoted
    return quoted.mark if quoted.packet is None else read_mark(route.strategy, quoted.packet)
