"""The probes that can still be answered, by what an answer may quote of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from itertools import islice

import msgspec

from tracer.engine.lifecycle import PROBE_TRANSITIONS, ProbeInput
from tracer.engine.ports import Ports
from tracer.model import Address, Identity, Probe, ProbeState, Stamp
from tracer.wire.build import probe_packet
from tracer.wire.translated import Imprint, imprint

MEMORY_LIMIT = 32768
"""So many probes at most are remembered beside the outstanding ones, half of what sequences can tell apart:
at a high rate the settled ones are forgotten earlier."""

OUTSTANDING_LIMIT = 61440
"""With so many probes remembered no further one is sent; sequences for the ones to come stay free."""

_OUTSTANDING = ProbeState.OUTSTANDING
"""Reading a member through its class takes 130 ns (CPython 3.11)."""


class TrackedProbe(msgspec.Struct, eq=False, gc=False):
    """One probe and how far it has come. Thousands are remembered, and none can be part of a cycle."""

    probe: Probe
    ports: Ports
    state: ProbeState = ProbeState.PLANNED
    left_ns: int = 0
    """When the engine learned that it had left; its timeout counts from here. A stamp may be revised, and no
    stamp, however wrong, may keep a probe waiting for ever."""
    tx: Stamp | None = None
    packet: bytes | None = None
    released: bool = False
    """Its port and its socket are free again; answers can no longer come."""
    _imprint: Imprint | None = None

    def imprint(self, source: Address | None) -> Imprint | None:
        """What a NAT leaves of its packet, as it left where that is known, else as sent from ``source``."""
        if self._imprint is None and (packet := self.packet or self._built(source)) is not None:
            self._imprint = imprint(packet)
        return self._imprint

    def _built(self, source: Address | None) -> bytes | None:
        return None if source is None else probe_packet(self.probe, source)

    def move(self, what: ProbeInput) -> ProbeState:
        """Follow the table; returns the state it was in."""
        before = self.state
        self.state = PROBE_TRANSITIONS[before, what]
        return before


def likeliest(probes: Collection[TrackedProbe]) -> list[TrackedProbe]:
    """Of probes that an answer fits: the outstanding ones, else the lost ones, else the answered ones."""
    waiting = [tracked for tracked in probes if tracked.state is _OUTSTANDING]
    lost = [tracked for tracked in probes if tracked.state is ProbeState.LOST and not tracked.released]
    return waiting or lost or list(probes)


class LostProbes:
    """Lost probes that hold their port, and their socket, for a late answer; oldest first."""

    def __init__(self) -> None:
        self._lost: deque[TrackedProbe] = deque()

    def add(self, tracked: TrackedProbe) -> None:
        """The probe timed out. Those that hold nothing any more are forgotten, whoever asks for them."""
        self._drop_released()
        self._lost.append(tracked)

    def oldest(self, beyond: int = 0) -> TrackedProbe | None:
        """The oldest one that still holds a port, if there are more than ``beyond`` of them."""
        self._drop_released()
        return self._lost[0] if len(self._lost) > beyond else None

    def _drop_released(self) -> None:
        while self._lost and (self._lost[0].released or self._lost[0].state is not ProbeState.LOST):
            self._lost.popleft()


class ProbeMemory:
    """Probes by identity and mark, outstanding ones in the order of their loss, all in that of their sending.

    A probe is forgotten ``memory_ns`` after it left, and earlier when there are too many.
    """

    def __init__(self, timeout_ns: int, memory_ns: int) -> None:
        self._timeout_ns = timeout_ns
        self._memory_ns = memory_ns
        self._by_identity: dict[Identity, dict[int, TrackedProbe]] = {}
        self._by_sequence: dict[int, TrackedProbe] = {}
        self._waiting: deque[TrackedProbe] = deque()
        self._remembered: deque[TrackedProbe] = deque()

    def left(self, tracked: TrackedProbe, now: int) -> None:
        """The probe is on its way; ``now`` never runs backwards."""
        tracked.left_ns, probe = now, tracked.probe
        self._by_identity.setdefault(probe.identity, {})[probe.mark] = tracked
        self._by_sequence[probe.sequence] = tracked
        self._waiting.append(tracked)
        self._remembered.append(tracked)

    def find(self, identity: Identity, mark: int = 0) -> TrackedProbe | None:
        """The probe with this identity and mark, if it can still be answered."""
        marked = self._by_identity.get(identity)
        return None if marked is None else marked.get(mark)

    def candidates(self, identity: Identity) -> list[TrackedProbe]:
        """The probes that an answer with this identity and no mark may be about."""
        return likeliest(self._by_identity.get(identity, {}).values())

    def sequenced(self, sequence: int) -> TrackedProbe | None:
        """The probe with this sequence, if it can still be answered."""
        return self._by_sequence.get(sequence)

    def newest(self, number: int) -> Iterator[TrackedProbe]:
        """So many probes that can still be answered at the most, newest first."""
        return islice(reversed(self._remembered), number)

    def knows(self, sequence: int) -> bool:
        """A probe that can still be answered has this sequence."""
        return sequence in self._by_sequence

    def next_loss_ns(self) -> int | None:
        """When the oldest outstanding probe times out."""
        self._drop_settled()
        return self._waiting[0].left_ns + self._timeout_ns if self._waiting else None

    def timed_out(self, now: int) -> Iterator[TrackedProbe]:
        """Outstanding probes whose timeout has passed, oldest first; the caller settles each."""
        while (due := self.next_loss_ns()) is not None and due <= now:
            yield self._waiting.popleft()

    def all_outstanding(self) -> Iterator[TrackedProbe]:
        """Every outstanding probe, oldest first, for the end of the trace; the caller settles each."""
        while self.next_loss_ns() is not None:
            yield self._waiting.popleft()

    def forgotten(self, now: int) -> Iterator[TrackedProbe]:
        """Probes no answer can be credited to any more, oldest first."""
        while self._remembered and self._is_old(self._remembered[0], now):
            tracked = self._remembered.popleft()
            self._forget(tracked)
            yield tracked

    def _forget(self, tracked: TrackedProbe) -> None:
        probe = tracked.probe
        marked = self._by_identity.get(probe.identity, {})
        if marked.get(probe.mark) is tracked:
            del marked[probe.mark]
            if not marked:
                del self._by_identity[probe.identity]
        if self._by_sequence.get(probe.sequence) is tracked:
            del self._by_sequence[probe.sequence]

    @property
    def full(self) -> bool:
        """So many probes are outstanding that no sequence should be given to another."""
        return len(self._remembered) >= OUTSTANDING_LIMIT

    def _is_old(self, tracked: TrackedProbe, now: int) -> bool:
        if tracked.left_ns + self._memory_ns <= now:
            return True
        return len(self._remembered) > MEMORY_LIMIT and tracked.state is not _OUTSTANDING

    def _drop_settled(self) -> None:
        while self._waiting and self._waiting[0].state is not _OUTSTANDING:
            self._waiting.popleft()
