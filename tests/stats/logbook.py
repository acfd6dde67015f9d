"""Writes event logs by hand, one probe at a time."""

from __future__ import annotations

from typing import Any, TypeVar

from tracer.events import (
    DuplicateReply,
    ForeignReply,
    Health,
    LateReply,
    MalformedReply,
    PathChanged,
    PathEndMoved,
    PortsExhausted,
    PortSkipped,
    ProbeLost,
    ProbeSent,
    ReplyReceived,
    SendFailed,
    TargetEvent,
    TraceEnded,
)
from tracer.model import (
    Address,
    EndReason,
    Failure,
    FailureKind,
    FlowId,
    ForeignReason,
    Icmp,
    LossReason,
    PathEndKind,
    Port,
    ProbeState,
    ReplyKind,
    RoundId,
    Sequence,
    Stamp,
    StampClock,
    TargetInfo,
    Ttl,
)
from tracer.stats.snapshot import TraceSnapshot
from tracer.stats.tracker import Tracker

TARGET = TargetInfo(label="example.com", query="example.com", address=Address("192.0.2.80"))
MS = 1_000_000

ReplyT = TypeVar("ReplyT", bound=ReplyReceived)


def failure(
    kind: FailureKind = FailureKind.QUEUE_FULL, errno: str | None = "ENOBUFS", **fields: Any
) -> Failure:
    told: dict[str, Any] = {"message": "The send queue is full.", "remedy": "Lower --max-rate.", **fields}
    return Failure(kind=kind, errno=errno, **told)


class Log:
    """The events of one target, in order; ``at_ns`` counts them."""

    def __init__(self) -> None:
        self.events: list[TargetEvent] = []

    def _common(self) -> dict[str, Any]:
        return {"at_ns": len(self.events), "target": TARGET.label}

    def _probe(self, ttl: int, sequence: int, round_id: int) -> dict[str, Any]:
        return {
            **self._common(),
            "round": RoundId(round_id),
            "ttl": Ttl(ttl),
            "flow": FlowId(0),
            "sequence": Sequence(sequence),
            "source_port": Port(40_000),
            "target_port": Port(33_434),
        }

    def sent(self, ttl: int, sequence: int, round_id: int = 0) -> None:
        tx = Stamp(0, StampClock.KERNEL)
        self.events.append(ProbeSent(**self._probe(ttl, sequence, round_id), tx=tx))

    def reply(
        self, ttl: int, sequence: int, rtt_ns: int | None = MS, round_id: int = 0, **fields: Any
    ) -> None:
        self._answer(ReplyReceived, ttl, sequence, rtt_ns, round_id, fields)

    def late(
        self, ttl: int, sequence: int, rtt_ns: int | None = MS, round_id: int = 0, **fields: Any
    ) -> None:
        self._answer(LateReply, ttl, sequence, rtt_ns, round_id, fields)

    def duplicate(
        self, ttl: int, sequence: int, rtt_ns: int | None = MS, round_id: int = 0, **fields: Any
    ) -> None:
        self._answer(DuplicateReply, ttl, sequence, rtt_ns, round_id, fields)

    def _answer(
        self,
        event: type[ReplyT],
        ttl: int,
        sequence: int,
        rtt_ns: int | None,
        round_id: int,
        fields: dict[str, Any],
    ) -> None:
        told = {
            "kind": ReplyKind.TIME_EXCEEDED,
            "responder": Address(f"198.51.100.{ttl}"),
            "reached": False,
            "icmp": Icmp(11, 0),
            "tx": Stamp(0, StampClock.KERNEL),
            "rx": Stamp(rtt_ns or 0, StampClock.KERNEL),
            "rtt_ns": rtt_ns,
            "reply_ttl": 64 - ttl,
            **fields,
        }
        self.events.append(event(**{**self._probe(ttl, sequence, round_id), **told}))

    def answered(self, ttl: int, sequence: int, rtt_ns: int = MS, round_id: int = 0, **fields: Any) -> None:
        """A probe and its reply."""
        self.sent(ttl, sequence, round_id)
        self.reply(ttl, sequence, rtt_ns, round_id, **fields)

    def lost(
        self, ttl: int, sequence: int, round_id: int = 0, reason: LossReason = LossReason.TIMEOUT
    ) -> None:
        self.events.append(ProbeLost(**self._probe(ttl, sequence, round_id), reason=reason))

    def failed(self, ttl: int, sequence: int, why: Failure | None = None, round_id: int = 0) -> None:
        was = self._stands(sequence, round_id)
        self.events.append(
            SendFailed(**self._probe(ttl, sequence, round_id), failure=why or failure(), was=was)
        )

    def _stands(self, sequence: int, round_id: int) -> ProbeState:
        """What the log so far says of a probe."""
        state = ProbeState.PLANNED
        for event in self.events:
            if isinstance(event, (ProbeSent, ProbeLost)) and (event.round, event.sequence) == (
                round_id,
                sequence,
            ):
                state = ProbeState.OUTSTANDING if isinstance(event, ProbeSent) else ProbeState.LOST
        return state

    def exhausted(self, ttl: int, sequence: int, why: Failure | None = None, round_id: int = 0) -> None:
        told = why or failure(FailureKind.PORTS_EXHAUSTED, "EADDRINUSE", message="No source port is left.")
        self.events.append(PortsExhausted(**self._probe(ttl, sequence, round_id), failure=told))

    def skipped(self, ttl: int, sequence: int, round_id: int = 0) -> None:
        self.events.append(PortSkipped(**self._probe(ttl, sequence, round_id)))

    def foreign(self) -> None:
        self.events.append(
            ForeignReply(
                **self._common(), responder=Address("203.0.113.9"), reason=ForeignReason.UNKNOWN_IDENTITY
            )
        )

    def malformed(self) -> None:
        self.events.append(MalformedReply(**self._common(), reason="icmp at byte 4: truncated"))

    def path_end(self, ttl: int | None, kind: PathEndKind) -> None:
        self.events.append(PathEndMoved(**self._common(), ttl=None if ttl is None else Ttl(ttl), kind=kind))

    def path_changed(
        self, ttl: int, old: list[str], new: list[str], round_id: int = 0, at_ns: int | None = None
    ) -> None:
        told = self._common() if at_ns is None else {**self._common(), "at_ns": at_ns}
        self.events.append(
            PathChanged(
                **told,
                round=RoundId(round_id),
                ttl=Ttl(ttl),
                old=tuple(map(Address, old)),
                new=tuple(map(Address, new)),
            )
        )

    def health(self, *, kernel_drops: int = 0, clock_steps: int = 0) -> None:
        self.events.append(Health(**self._common(), kernel_drops=kernel_drops, clock_steps=clock_steps))

    def ended(self, reason: EndReason = EndReason.TARGET_REACHED, why: Failure | None = None) -> None:
        self.events.append(
            TraceEnded(**self._common(), reason=reason, ended_at="2025-01-01T00:00:02.000000Z", failure=why)
        )

    def fold(self, max_samples: int = 256) -> TraceSnapshot:
        tracker = Tracker(TARGET, max_samples)
        for event in self.events:
            tracker.apply(event)
        return tracker.snapshot()
