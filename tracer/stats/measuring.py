"""How the measurement itself goes: what was sent and came in every second, the pace, the load, the host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

from tracer.events import (
    DuplicateReply,
    ForeignReply,
    Health,
    LateReply,
    Load,
    MalformedReply,
    PaceChanged,
    PortsExhausted,
    PortSkipped,
    ProbeSent,
    ReplyReceived,
    SendFailed,
    SourceChanged,
    Suspended,
    TargetEvent,
)
from tracer.model import FlowId
from tracer.stats.rates import FAILED, Rates
from tracer.stats.snapshot import LoadSnapshot, PaceSnapshot, PerSecond

_MS_NS = 1_000_000


class Measuring:
    """Adds up what the events of one target tell of it."""

    def __init__(self) -> None:
        self.foreign = 0
        self.malformed = 0
        self.kernel_drops = 0
        self.clock_steps = 0
        self.suspends = 0
        self.source_changes = 0
        self.ports_skipped = 0
        self.ports_exhausted = 0
        self.send_errors: Counter[str] = Counter()
        self._rates = Rates()
        self._slowed: dict[FlowId, PaceChanged] = {}
        self._reductions = 0
        self._wanted = 0
        self._load: Load | None = None

    def apply(self, event: TargetEvent) -> None:
        """Enter the next event."""
        kind = type(event)
        what = _COUNTED.get(kind)
        if what is not None:
            self._rates.count(what, event.at_ns)
        else:
            self._rates.passed(event.at_ns)
        enter = self._ENTER.get(kind)
        if enter is not None:
            enter(self, event)

    def per_second(self) -> PerSecond | None:
        """The rates of the last whole seconds; None before there is one."""
        return self._rates.snapshot()

    def pace(self) -> PaceSnapshot | None:
        """How fast probes may leave; None where the host never refused any for want of room."""
        if not self._reductions:
            return None
        lowest = min((event.rate for event in self._slowed.values()), default=self._wanted)
        return PaceSnapshot(rate=lowest, wanted=self._wanted, reductions=self._reductions)

    def load(self) -> LoadSnapshot | None:
        """What this process took; None where another target was told, or nobody."""
        load = self._load
        if load is None or not load.over_ns:
            return None
        return LoadSnapshot(
            lag_ms=round(load.lag_ns / _MS_NS, 3),
            cpu_pct=round(100 * load.cpu_ns / load.over_ns, 2),
            memory=load.memory,
        )

    def _foreign(self, _event: ForeignReply) -> None:
        self.foreign += 1

    def _malformed(self, _event: MalformedReply) -> None:
        self.malformed += 1

    def _failed(self, event: SendFailed) -> None:
        self.send_errors[event.failure.errno or event.failure.kind.value] += 1
        self._rates.count(f"{FAILED}{event.failure.kind.value}", event.at_ns)

    def _exhausted(self, event: PortsExhausted) -> None:
        self.ports_exhausted += 1
        self._rates.count(f"{FAILED}{event.failure.kind.value}", event.at_ns)

    def _skipped(self, _event: PortSkipped) -> None:
        self.ports_skipped += 1

    def _health(self, event: Health) -> None:
        self.kernel_drops += event.kernel_drops
        self.clock_steps += event.clock_steps
        self._rates.count("kernel_drops", event.at_ns, event.kernel_drops)

    def _pace(self, event: PaceChanged) -> None:
        before = self._slowed.get(event.flow)
        self._reductions += event.rate < (event.wanted if before is None else before.rate)
        self._wanted = event.wanted
        if event.rate < event.wanted:
            self._slowed[event.flow] = event
        else:
            self._slowed.pop(event.flow, None)

    def _suspended(self, _event: Suspended) -> None:
        self.suspends += 1

    def _source(self, _event: SourceChanged) -> None:
        self.source_changes += 1

    def _told_load(self, event: Load) -> None:
        self._load = event

    _ENTER: ClassVar[dict[type[TargetEvent], Callable[[Any, Any], None]]] = {
        ForeignReply: _foreign,
        MalformedReply: _malformed,
        SendFailed: _failed,
        PortsExhausted: _exhausted,
        PortSkipped: _skipped,
        Health: _health,
        PaceChanged: _pace,
        Suspended: _suspended,
        SourceChanged: _source,
        Load: _told_load,
    }


_COUNTED: dict[type[TargetEvent], str] = {
    ProbeSent: "sent",
    ReplyReceived: "matched",
    LateReply: "matched",
    DuplicateReply: "matched",
    ForeignReply: "foreign",
    MalformedReply: "malformed",
    PortSkipped: "ports_skipped",
}
"""What each of an event counts as by the second; others count by what they tell, or not at all."""
