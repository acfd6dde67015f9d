"""The simulated internet: a packet and the time go in, answers and their delays come out.

Nothing is read but the arguments: chance comes from the seed, and the only memory is that of the rate limits.
The same packets at the same times with the same seed get the same answers, byte for byte.
"""

from __future__ import annotations

import random
from collections import Counter, deque

import msgspec

from tracer.errors import DecodeError
from tracer.model import Address
from tracer.sim.flight import Flight
from tracer.sim.journey import Answer, Buckets, Fate, Journey
from tracer.sim.path import Timetable
from tracer.sim.scenario import Scenario
from tracer.wire.checksum import verifies
from tracer.wire.decode import SentPacket, decode_probe

_LOG_LENGTH = 65536


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The simulator's own account of one packet."""

    at_ns: int
    packet: bytes
    fate: Fate
    probe: SentPacket | None = None
    """What the packet is, where it is a probe."""
    ttl: int | None = None
    """Where on the path its way ended: the hop of that TTL, or the link beside it."""
    responder: Address | None = None
    """Who answered, or would have."""
    answers: tuple[Answer, ...] = ()


class Internet:
    """Everything between the probes that leave and the answers that come.

    ``log`` holds the newest records, ``fates`` counts them all.
    """

    def __init__(self, scenario: Scenario, seed: int = 0, *, log_length: int = _LOG_LENGTH) -> None:
        self.scenario = scenario
        self.log: deque[Record] = deque(maxlen=log_length)
        self.fates: Counter[Fate] = Counter()
        self._timetable = Timetable(scenario)
        self._chance = random.Random(seed)
        self._buckets: Buckets = {}

    def respond(self, packet: bytes, now_ns: int) -> list[Answer]:
        """The answers to one IP packet that leaves the source now; never raises because of the packet.

        ``now_ns`` counts from the scenario's start and does not run backwards.
        """
        record = self._account(packet, now_ns)
        self.log.append(record)
        self.fates[record.fate] += 1
        return list(record.answers)

    def _account(self, packet: bytes, now_ns: int) -> Record:
        try:
            probe = decode_probe(packet)
            if isinstance(probe, SentPacket):
                return self._travel(packet, probe, now_ns)
        except DecodeError:
            return Record(at_ns=now_ns, packet=packet, fate=Fate.MALFORMED)
        return Record(at_ns=now_ns, packet=packet, fate=Fate.NO_PROBE)

    def _travel(self, packet: bytes, probe: SentPacket, now_ns: int) -> Record:
        if not _header_verifies(packet):
            return Record(at_ns=now_ns, packet=packet, probe=probe, fate=Fate.MALFORMED)
        path = self._timetable.at(now_ns)
        home = path.positions.get(probe.destination)
        if home is None:
            return Record(at_ns=now_ns, packet=packet, probe=probe, fate=Fate.NO_SUCH_HOST)
        outcome = Journey(path, Flight(packet, probe), now_ns, self._chance, self._buckets).run(home)
        return Record(
            at_ns=now_ns,
            packet=packet,
            probe=probe,
            fate=outcome.fate,
            ttl=outcome.ttl,
            responder=outcome.responder,
            answers=outcome.answers,
        )


def _header_verifies(packet: bytes) -> bool:
    """The checksum of an IPv4 header is right; IPv6 has none."""
    return packet[0] >> 4 == 6 or verifies(packet[: (packet[0] & 0xF) * 4])
