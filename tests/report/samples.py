"""Traces small enough to check by eye."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.stats.logbook import TARGET, Log, failure
from tracer.events import TraceStarted
from tracer.model import (
    Address,
    ChannelInfo,
    ClockInfo,
    EndReason,
    FailureKind,
    Icmp,
    MplsLabel,
    MplsStack,
    PathEndKind,
    Protocol,
    ReplyKind,
    SourceInfo,
    Stamp,
    StampClock,
    TargetInfo,
    UnknownExtension,
)
from tracer.report.document import Report, build

SOURCE = SourceInfo(Address("192.0.2.10"), "eth0")
TRACED = msgspec.structs.replace(TARGET, hostname="www.example.com", source=SOURCE)
HEADER = TraceStarted(
    version="0.1.0",
    started_at="2025-01-01T00:00:00.000000Z",
    config={"protocol": "icmp", "max_ttl": 30, "report_cycles": 2},
    targets=(TRACED,),
    source=SOURCE,
    channel=ChannelInfo(
        name="errqueue", protocol=Protocol.ICMP, privileged=False, reason="ping sockets are open to this user"
    ),
    clock=ClockInfo(tx=StampClock.KERNEL, rx=StampClock.KERNEL),
)
MPLS = MplsStack((MplsLabel(24_015, 0, 0, 1), MplsLabel(17, 0, 1, 1)))


def report(log: Log, target: TargetInfo = TRACED, **header: Any) -> Report:
    return build(msgspec.structs.replace(HEADER, **header), target, log.fold())


def eventful() -> Log:
    """Four hops in two rounds: a plain one, a silent one, two routers taking turns, the target."""
    log = Log()
    reached: dict[str, Any] = {
        "responder": Address("192.0.2.80"),
        "reached": True,
        "kind": ReplyKind.ECHO_REPLY,
        "icmp": Icmp(0, 0),
    }
    log.answered(1, 1, 400_000)
    log.sent(2, 2)
    log.answered(3, 3, 12_345_678, responder=Address("198.51.100.31"), extensions=(MPLS,))
    log.answered(4, 4, 100_200_000, **reached)
    log.sent(5, 5)
    log.reply(5, 5, 100_300_000, **reached)
    log.path_end(4, PathEndKind.TARGET)
    log.lost(2, 2)
    log.answered(1, 6, 600_001, 1)
    log.sent(2, 7, 1)
    log.sent(3, 8, 1)
    log.lost(3, 8, 1)
    log.lost(2, 7, 1)
    log.late(3, 8, 22_345_678, 1, responder=Address("198.51.100.32"), rx=Stamp(0, StampClock.USER))
    log.duplicate(3, 8, 23_000_000, 1)
    log.skipped(4, 9, 1)
    log.failed(4, 10, round_id=1)
    log.answered(4, 11, 100_400_000, 1, **reached)
    log.health(kernel_drops=2)
    log.ended()
    return log


def unreachable() -> Log:
    """A router refuses at the second hop; an extension this version does not know."""
    log = Log()
    log.answered(1, 1, 400_000, extensions=(UnknownExtension(4, 1, b"\x00\xff"),))
    log.answered(2, 2, 800_000, kind=ReplyKind.UNREACHABLE, icmp=Icmp(3, 1), mtu=1400)
    log.path_end(2, PathEndKind.UNREACHABLE)
    log.ended(EndReason.UNREACHABLE)
    return log


def blackhole() -> Log:
    """One router, then silence."""
    log = Log()
    log.answered(1, 1, 400_000)
    for ttl in range(2, 5):
        log.sent(ttl, ttl)
        log.lost(ttl, ttl)
    log.path_end(4, PathEndKind.GAP)
    log.ended(EndReason.GAP_LIMIT)
    return log


def unsendable() -> Log:
    """No port is free."""
    log = Log()
    for sequence in (1, 2):
        why = failure(
            FailureKind.PORTS_EXHAUSTED,
            "EADDRINUSE",
            message="No source port is free.",
            remedy="Widen net.ipv4.ip_local_port_range.",
            evidence={"range": [32768, 32775], "tried": sequence},
        )
        log.exhausted(1, sequence, why)
    log.ended(EndReason.ERROR)
    return log


def ipv6() -> tuple[TargetInfo, Log]:
    """Two hops with addresses as long as they get."""
    target = TargetInfo(label="example.com", query="example.com", address=Address("2001:db8::80"))
    log = Log()
    router = Address("2001:db8:1111:2222:3333:4444:5555:6666")
    log.answered(1, 1, 400_000, responder=router, icmp=Icmp(3, 0))
    log.answered(2, 2, 900_000, responder=Address("2001:db8::80"), icmp=Icmp(1, 4), reached=True)
    log.path_end(2, PathEndKind.TARGET)
    log.ended()
    return target, log


def nowhere() -> TargetInfo:
    return TargetInfo(label="nowhere.example.com", query="nowhere.example.com")
