"""Traces as every report mode gets them: reports, and the paths folded from the same events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tests.report import samples
from tests.stats.logbook import Log
from tracer.events import Event, TraceStarted
from tracer.model import Address, FlowId, Icmp, Port, ReplyKind, TargetInfo
from tracer.names import AsnInfo, Place
from tracer.report.document import Report
from tracer.report.fold import Fold
from tracer.report.modes import BY_NAME, Listening

HOSTILE = "=cmd|'/C calc'!A0,\"<img src=x>|`x`*\\_[a](http://b)\x1b[31m\u202e\n& www.x #"
"""A host name that tries everything at once."""


def events(log: Log, target: TargetInfo = samples.TRACED, **header: Any) -> list[Event]:
    """A whole log: its header and what stands in ``log``."""
    started = msgspec.structs.replace(samples.HEADER, targets=(target,), **header)
    return [started, *log.events]


def told(mode: str, reports: list[Report], log: Iterable[Event] = ()) -> bytes:
    """What a mode makes of these reports and this log."""
    listening = Listening(BY_NAME[mode])
    listening.apply([*log])
    return listening.render(reports)


def render(mode: str, log: Iterable[Event]) -> bytes:
    """What a mode makes of a log."""
    kept = [*log]
    fold = Fold()
    fold.apply(kept)
    return told(mode, fold.reports(), kept)


def named(report: Report, **known: Any) -> Report:
    """The report with the same name, AS and place for everyone who answered."""
    told_of = {
        "hostname": "router.example.net",
        "asn": AsnInfo(number=64500, name="EXAMPLE-NET, PT"),
        "place": Place(city="Lisbon", country="Portugal"),
        **known,
    }
    return msgspec.structs.replace(
        report,
        hops=tuple(
            msgspec.structs.replace(
                hop,
                responders=tuple(msgspec.structs.replace(one, **told_of) for one in hop.responders),
            )
            for hop in report.hops
        ),
    )


def branching() -> list[Event]:
    """Two flows in three rounds: one router, two silent ones, two that answer, the target."""
    log = Log()
    sequence = 0
    for round_id in range(3):
        for flow in (0, 1):
            ports = {"flow": FlowId(flow), "source_port": Port(5000 + flow), "target_port": Port(33_434)}
            for ttl, address in enumerate(("198.51.100.1", None, f"198.51.100.3{flow}", "192.0.2.80"), 1):
                sequence += 1
                log.sent(ttl, sequence, round_id)
                log.events[-1] = msgspec.structs.replace(log.events[-1], **ports)
                if address is None:
                    log.lost(ttl, sequence, round_id)
                else:
                    reached: dict[str, Any] = (
                        {"reached": True, "kind": ReplyKind.ECHO_REPLY, "icmp": Icmp(0, 0)}
                        if ttl == 4
                        else {}
                    )
                    log.reply(ttl, sequence, ttl * 1_000_000, round_id, responder=Address(address), **reached)
                log.events[-1] = msgspec.structs.replace(log.events[-1], **ports)
    log.ended()
    config = {**samples.HEADER.config, "multipath_strategy": "paris"}
    return events(log, config=config)


def started(log: Iterable[Event]) -> TraceStarted:
    """The header of a log."""
    return next(event for event in log if isinstance(event, TraceStarted))
