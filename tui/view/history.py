"""What the snapshot does not keep: when each recent probe went out, over which flow, and what became of it.

Folded from the same events as the statistics, bounded per hop; charts, heat map, inspector and the columns on
the last probe read it. Its numbers never replace those of the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import msgspec

from tracer.events import (
    Event,
    LateReply,
    PortsExhausted,
    ProbeLost,
    ProbeSent,
    ReplyReceived,
    SendFailed,
    TraceEnded,
)
from tracer.model import Address, FlowId, Icmp, Port, ProbeState, ReplyKind, RoundId, Sequence, Ttl

MAX_SAMPLES = 512
"""Probes kept of each hop."""

PACE_NS_PER_SAMPLE = 300_000
"""Drawing a sample costs up to 4 µs; so far apart, drawings take some 1 percent of the time, however many
samples there are."""

ProbeKey = tuple[RoundId, Sequence]


class Sample(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One probe and what became of it."""

    sent_ns: int
    """On the session's clock."""
    round: RoundId
    ttl: Ttl
    flow: FlowId
    sequence: Sequence
    source_port: Port
    target_port: Port
    state: ProbeState = ProbeState.OUTSTANDING
    """Outstanding, replied or lost."""
    rtt_ns: int | None = None
    responder: Address | None = None
    kind: ReplyKind | None = None
    icmp: Icmp | None = None
    late: bool = False
    """It counted as lost before its answer came."""
    probe_bytes: bytes | None = None
    reply_bytes: bytes | None = None

    @property
    def key(self) -> ProbeKey:
        """Names it among the probes of its hop."""
        return self.round, self.sequence


class Direction(msgspec.Struct, frozen=True):
    """Trippy's guess at where losses happened, over the rounds that are still kept.

    ``forward`` counts rounds in which this hop was the first of a silence that lasted to the end of the path,
    ``backward`` rounds in which it stood behind such a first. One end cannot know the direction of a loss: a
    hop that never answers, and a reply that was lost on its way back, look the same.
    """

    forward: int
    backward: int
    sent: int

    @property
    def forward_pct(self) -> float | None:
        """``forward`` in percent of the probes these rounds sent here."""
        return 100 * self.forward / self.sent if self.sent else None


class History:
    """The recent probes of one target. ``max_samples`` per hop, at least 1."""

    def __init__(self, max_samples: int = MAX_SAMPLES) -> None:
        self._max_samples = max_samples
        self._hops: dict[Ttl, dict[ProbeKey, Sample]] = {}
        self._flows: set[FlowId] = set()
        self.has_packets = False
        """The bytes of some packet are known."""
        self.version = 0
        """Grows when it is worth drawing all samples anew: the more there are, the less often. The trace's
        last event makes it grow in any case."""
        self._kept = 0
        self._next_version_ns = 0

    def apply(self, event: Event) -> None:
        """Enter the next event of the target's log; those that are about no probe change nothing."""
        enter = self._ENTER.get(type(event))
        if enter is not None:
            enter(self, event)
        if event.at_ns >= self._next_version_ns or isinstance(event, TraceEnded):
            self.version += 1
            self._next_version_ns = event.at_ns + self._kept * PACE_NS_PER_SAMPLE

    def still(self) -> History:
        """What is known now, for a picture that stands still: later events do not change it."""
        copy = History(self._max_samples)
        copy._hops = {ttl: dict(samples) for ttl, samples in self._hops.items()}
        copy._flows = set(self._flows)
        copy._kept, copy.version, copy.has_packets = self._kept, self.version, self.has_packets
        return copy

    def _enter_sent(self, event: ProbeSent) -> None:
        samples = self._hops.setdefault(event.ttl, {})
        samples[event.round, event.sequence] = Sample(
            sent_ns=event.tx.ns,
            round=event.round,
            ttl=event.ttl,
            flow=event.flow,
            sequence=event.sequence,
            source_port=event.source_port,
            target_port=event.target_port,
        )
        self._kept += 1
        if len(samples) > self._max_samples:
            del samples[next(iter(samples))]
            self._kept -= 1
        self._flows.add(event.flow)

    def _enter_reply(self, event: ReplyReceived) -> None:
        self.has_packets = self.has_packets or event.reply_bytes is not None
        self._change(
            event,
            state=ProbeState.REPLIED,
            sent_ns=event.tx.ns,
            rtt_ns=event.rtt_ns if event.anomaly is None else None,
            responder=event.responder,
            kind=event.kind,
            icmp=event.icmp,
            late=isinstance(event, LateReply),
            probe_bytes=event.probe_bytes,
            reply_bytes=event.reply_bytes,
        )

    def _enter_lost(self, event: ProbeLost) -> None:
        self._change(event, state=ProbeState.LOST)

    def _enter_failed(self, event: SendFailed) -> None:
        if self._hops.get(event.ttl, {}).pop((event.round, event.sequence), None) is not None:
            self._kept -= 1

    def _change(self, event: ReplyReceived | ProbeLost, **fields: Any) -> None:
        samples = self._hops.get(event.ttl, {})
        key = (event.round, event.sequence)
        if key in samples:
            samples[key] = msgspec.structs.replace(samples[key], **fields)

    def samples(self, ttl: int) -> tuple[Sample, ...]:
        """The probes kept of a hop, oldest first."""
        return tuple(self._hops.get(Ttl(ttl), {}).values())

    def has_closed(self, ttl: int) -> bool:
        """Whether some probe kept of a hop was answered or is lost."""
        samples = self._hops.get(Ttl(ttl), {})
        return any(sample.state is not ProbeState.OUTSTANDING for sample in samples.values())

    def last(self) -> dict[Ttl, Sample]:
        """The last probe of each hop."""
        return {ttl: samples[next(reversed(samples))] for ttl, samples in self._hops.items() if samples}

    def span_ns(self) -> tuple[int, int] | None:
        """When the oldest and the newest of the probes kept were sent; None without any."""
        ends = [
            samples[key].sent_ns
            for samples in self._hops.values()
            if samples
            for key in (next(iter(samples)), next(reversed(samples)))
        ]
        return (min(ends), max(ends)) if ends else None

    @property
    def flows(self) -> int:
        """How many flows the probes belong to."""
        return len(self._flows)

    def directions(self, ttls: Iterable[int]) -> dict[int, Direction]:
        """Trippy's guess for each of ``ttls``, the hops of the path in ascending order."""
        path = [*ttls]
        rounds: dict[tuple[FlowId, RoundId], dict[int, ProbeState]] = {}
        for ttl in path:
            for sample in self.samples(ttl):
                rounds.setdefault((sample.flow, sample.round), {})[ttl] = sample.state
        forward, backward, sent = (dict.fromkeys(path, 0) for _ in range(3))
        for states in rounds.values():
            if ProbeState.OUTSTANDING in states.values():
                continue
            for ttl in states:
                sent[ttl] += 1
            silent = _silent_tail(states)
            # Trippy asks for at least one probe behind the first: silence of the last hop alone says nothing.
            for ttl in silent[:1] if len(silent) > 1 else ():
                forward[ttl] += 1
            for ttl in silent[1:]:
                backward[ttl] += 1
        return {ttl: Direction(forward[ttl], backward[ttl], sent[ttl]) for ttl in path}

    _ENTER: ClassVar[dict[type[Event], Callable[[Any, Any], None]]] = {
        ProbeSent: _enter_sent,
        ReplyReceived: _enter_reply,
        LateReply: _enter_reply,
        ProbeLost: _enter_lost,
        SendFailed: _enter_failed,
        PortsExhausted: _enter_failed,
    }


def _silent_tail(states: dict[int, ProbeState]) -> list[int]:
    """The TTLs behind the last answer of a round."""
    ttls = sorted(states)
    answered = [ttl for ttl in ttls if states[ttl] is ProbeState.REPLIED]
    last = answered[-1] if answered else 0
    return [ttl for ttl in ttls if ttl > last]
