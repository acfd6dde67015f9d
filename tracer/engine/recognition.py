"""Which probe an answer is about, and why none where none is credited.

An answer is credited to a probe if everything it tells fits: protocol, destination, ports, mark. What a NAT
may have rewritten is credited only where the rest proves it (tracer.wire.translated), and what fits several
probes to none of them.
"""

from __future__ import annotations

from tracer.engine.matching import ProbeMemory, TrackedProbe, likeliest
from tracer.model import Address, ForeignReason, Identity, Probe, Protocol, Quoted, Reply, ReplyKind, Strategy
from tracer.wire.address import family_of, pack
from tracer.wire.mark import MARKS, read_mark
from tracer.wire.translated import imprint

DIRECT = frozenset({ReplyKind.ECHO_REPLY, ReplyKind.SYN_ACK, ReplyKind.RST, ReplyKind.UDP_DATA})
"""Answers that only the host a probe is addressed to can give."""

COMPARED = 4096
"""So many probes, the newest ones, are compared with a quote whose ports or mark are unknown: 64 flows of a
full window. Each comparison costs less than a microsecond."""

_SOURCES = {4: slice(12, 16), 6: slice(8, 24)}
"""Where the source address stands, by IP version."""
_NOWHERE = slice(0)


class Recogniser:
    """Knows what the probes of one trace look like."""

    def __init__(
        self,
        protocol: Protocol,
        strategy: Strategy,
        source: Address | None,
        target: Address,
        memory: ProbeMemory,
    ) -> None:
        self._protocol = protocol
        self._strategy = strategy
        self.source = source
        """Where the probes leave from now; None where that is not known."""
        self._target = target
        self._memory = memory
        self._place = MARKS.get((strategy, protocol, family_of(target)))
        self._marks_are_checksums = strategy is Strategy.PARIS and protocol is Protocol.UDP

    def match(self, reply: Reply) -> TrackedProbe | ForeignReason:
        """The probe that was answered, or why it is none of ours."""
        quoted = reply.quoted
        if quoted.protocol is not self._protocol:
            return ForeignReason.WRONG_PROTOCOL
        # What the target itself sends may quote the address a translator gave it.
        if self._target not in (quoted.destination, reply.responder):
            return ForeignReason.WRONG_DESTINATION
        if reply.kind in DIRECT and reply.responder != self._target:
            return ForeignReason.WRONG_RESPONDER
        mark = quoted.mark
        if mark is None and quoted.packet is None:
            return self._unmarked(quoted.identity)
        if mark is None and self._place is not None and quoted.packet is not None:
            mark = read_mark(self._strategy, quoted.packet)
        return self._marked(quoted, mark or 0)

    def find(
        self, protocol: Protocol, destination: Address, identity: Identity, mark: int
    ) -> TrackedProbe | None:
        """The probe that this host sent; a mark of 0 is not known. Two targets may share all ports."""
        if protocol is not self._protocol or destination != self._target:
            return None
        found = self._memory.find(identity, mark)
        if found is not None or mark:
            return found
        candidates = self._memory.candidates(identity)
        return candidates[0] if len(candidates) == 1 else None

    def _unmarked(self, identity: Identity) -> TrackedProbe | ForeignReason:
        """An answer that names no mark is about the one probe that could have caused it, or about none."""
        candidates = self._memory.candidates(identity)
        if len(candidates) > 1:
            return ForeignReason.AMBIGUOUS
        return candidates[0] if candidates else ForeignReason.UNKNOWN_IDENTITY

    def _marked(self, quoted: Quoted, mark: int) -> TrackedProbe | ForeignReason:
        found = self._memory.find(quoted.identity, mark)
        if found is None or self._comes_from_elsewhere(quoted, found):
            return self._translated(quoted)
        if _is_named(quoted.packet, found.probe):
            return found
        if quoted.packet is not None and not self._is_certain(quoted.packet, found):
            return self._translated(quoted)
        return ForeignReason.AMBIGUOUS if self._speaks_of_another(quoted, found) else found

    def _is_certain(self, packet: bytes, found: TrackedProbe) -> bool:
        """Something but ports and mark says so, which somebody who cannot read the probes cannot know."""
        told, sent = imprint(packet), found.imprint(self.source)
        return sent is None or (told is not None and told.is_of(sent))

    def _comes_from_elsewhere(self, quoted: Quoted, tracked: TrackedProbe) -> bool:
        """The quote has another source than the probe: its ports are a NAT's, and those of ours by chance."""
        if not quoted.packet:
            return False
        there = _SOURCES.get(quoted.packet[0] >> 4, _NOWHERE)
        if tracked.packet is not None:
            return quoted.packet[there] != tracked.packet[there]
        return self.source is not None and quoted.packet[there] != pack(self.source)

    def _speaks_of_another(self, quoted: Quoted, found: TrackedProbe) -> bool:
        """A checksum that a NAT shifted, and did not shift back in the quote, may be another probe's mark."""
        if not self._marks_are_checksums or not quoted.packet:
            return False
        told, sent = imprint(quoted.packet), found.imprint(self.source)
        if told is None:
            return False
        other = self._memory.sequenced(told.identification) if told.identification else None
        named = other is not None and other is not found and other.probe.identity == quoted.identity
        return named or (sent is not None and told.contradicts(sent))

    def _translated(self, quoted: Quoted) -> TrackedProbe | ForeignReason:
        """The probe that the quote is of although ports or mark differ, as a NAT has rewritten them."""
        told = imprint(quoted.packet) if quoted.packet is not None else None
        found: list[TrackedProbe] = []
        certain: list[TrackedProbe] = []
        for tracked in self._memory.newest(COMPARED) if told is not None else ():
            sent = tracked.imprint(self.source)
            if told is not None and sent is not None and told.is_of(sent):
                (certain if told.same_packet(sent) else found).append(tracked)
        fitting = likeliest(certain or found)
        if len(fitting) > 1:
            return ForeignReason.AMBIGUOUS
        if fitting:
            return fitting[0]
        known = self._memory.candidates(quoted.identity)
        return ForeignReason.UNKNOWN_MARK if known else ForeignReason.UNKNOWN_IDENTITY


def _is_named(packet: bytes | None, probe: Probe) -> bool:
    """The identification of an IPv4 quote is the one this probe was sent with."""
    if packet is None or packet[0] >> 4 != 4:
        return False
    told = int.from_bytes(packet[4:6], "big")
    return told == (probe.mark if probe.strategy is Strategy.DUBLIN else probe.sequence)
