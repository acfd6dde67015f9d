"""Somebody off the path forges answers: who knows all but what chance chose is credited with nothing.

The attacker knows both addresses, the options, the code, the time and the range of source ports, and so of
every probe its TTL, its target port and how many came before it. What is left to guess are the source port or
identifier, where sequences and marks begin, and the word of the trace.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import msgspec
import pytest

from tests.engine.engine_driver import USABLE, config_of, kernel
from tests.wire.wire_strategies import FAMILIES, MARKING, ROUTER, SOURCE, TARGET
from tracer.config import SECOND, ProtocolChoice
from tracer.engine.engine import Engine
from tracer.engine.ports import port_plans
from tracer.engine.spec import TraceSpec
from tracer.events import ForeignReply, ReplyReceived
from tracer.interfaces import SendProbe, Sent, TransmitStamp
from tracer.model import (
    Family,
    PacketShape,
    Port,
    Probe,
    Protocol,
    Quoted,
    Reply,
    ReplyKind,
    Sequence,
    SourceInfo,
    Strategy,
    TraceId,
)
from tracer.wire.build import icmp_error, probe_packet
from tracer.wire.decode import decode_reply
from tracer.wire.icmp import IcmpError
from tracer.wire.mark import MARKS, WORD_LENGTH

COMBINATIONS = [
    (strategy, protocol, family)
    for strategy, protocols in MARKING.items()
    for protocol, family in itertools.product(sorted(protocols), FAMILIES)
]
HEADER = {Family.IPV4: 20, Family.IPV6: 40}
CHECKSUM = {Protocol.UDP: 6, Protocol.ICMP: 2, Protocol.TCP: 4}
"""Where 16 bits stand behind the IP header that the rest follows from; of TCP half of the sequence number."""
OUTSIDE = {Family.IPV4: "203.0.113.77", Family.IPV6: "2001:db8:77::77"}
FORGED = 1000
FEW = 100
"""Where ports are all there is to guess."""
UNLIKELY = 0.01
"""Credited forgeries that chance explains, over all of one test."""

Chance = random.Random


class Victim:
    """A trace that has sent for two seconds and heard nothing."""

    def __init__(self, strategy: Strategy, protocol: Protocol, family: Family, seed: int) -> None:
        dice = Chance(f"victim {seed}")
        config = config_of(protocol=ProtocolChoice(protocol.value), multipath_strategy=strategy)
        self.family, self.source = family, SOURCE[family]
        spec = TraceSpec(
            trace=TraceId(0),
            label="victim",
            target=TARGET[family],
            protocol=protocol,
            shape=PacketShape(size=84, word=dice.randbytes(WORD_LENGTH)),
            first_sequence=dice.getrandbits(16),
            source=SourceInfo(self.source, None),
        )
        plans = port_plans(protocol, family, config, USABLE, dice.getrandbits(64))
        self.engine = Engine(spec, config, plans, 0)
        self.port = Port(dice.choice(USABLE) if protocol is not Protocol.ICMP else dice.randrange(1, 65536))
        self.sent: list[Probe] = []
        self.now = 0
        while self.now < 2 * SECOND:
            self.engine.tick(self.now)
            while commands := self.engine.take_commands():
                for command in commands:
                    if isinstance(command, SendProbe):
                        self._send(command)
            self.now = max(self.now + 1, self.engine.deadline(self.now) or 0)
        self.engine.take_events()

    def _send(self, command: SendProbe) -> None:
        port = command.probe.source_port or self.port
        self.engine.answer(command, Sent(kernel(self.now), port), self.now)
        probe = msgspec.structs.replace(command.probe, source_port=port)
        self.sent.append(probe)
        stamp = TransmitStamp(
            protocol=probe.protocol,
            destination=probe.target,
            identity=probe.identity,
            mark=probe.mark,
            at=kernel(self.now),
            packet=probe_packet(probe, self.source),
        )
        self.engine.receive(stamp, self.now)

    def credits(self, reply: Reply) -> bool:
        """Whether the answer is credited to any probe."""
        self.engine.receive(reply, self.now)
        told = [type(event) for event in self.engine.take_events()]
        credited = any(issubclass(kind, ReplyReceived) for kind in told)
        assert credited or ForeignReply in told
        return credited


def guess(known: Victim, dice: Chance) -> Probe:
    """One of the victim's probes as far as it can be worked out; the rest is guessed."""
    number = dice.randrange(len(known.sent))
    probe = known.sent[number]
    row = MARKS.get((probe.strategy, probe.protocol, known.family))
    mark = probe.mark if row is None or row.is_length else dice.choice(row.values(84))
    return msgspec.structs.replace(
        probe,
        source_port=Port(
            dice.randrange(1, 65536) if probe.protocol is Protocol.ICMP else dice.choice(USABLE)
        ),
        sequence=Sequence((dice.getrandbits(16) + number) & 0xFFFF),
        mark=mark,
        shape=msgspec.structs.replace(probe.shape, word=dice.randbytes(WORD_LENGTH)),
    )


Forge = Callable[[Probe, Victim, Chance], bytes]


def _as_sent(probe: Probe, known: Victim, _: Chance) -> bytes:
    return probe_packet(probe, known.source)


def _translated(probe: Probe, known: Victim, dice: Chance) -> bytes:
    """What a NAT would have made of the guess: another source, and a checksum corrected for it (RFC 1624)."""
    packet = bytearray(probe_packet(probe, known.source))
    source = slice(12, 16) if known.family is Family.IPV4 else slice(8, 24)
    at = HEADER[known.family] + (4 if probe.protocol is Protocol.ICMP else 0)
    check = HEADER[known.family] + CHECKSUM[probe.protocol]
    covered = probe.protocol is not Protocol.ICMP or known.family is Family.IPV6
    before = words(packet[at : at + 2]) + covered * words(packet[source])
    packet[at : at + 2] = dice.randbytes(2)
    packet[source] = ip_address(OUTSIDE[known.family]).packed
    after = words(packet[at : at + 2]) + covered * words(packet[source])
    if probe.protocol is not Protocol.TCP:
        told = (words(packet[check : check + 2]) + before - after) % 0xFFFF or 0xFFFF
        packet[check : check + 2] = told.to_bytes(2, "big")
    return bytes(packet)


def words(data: bytes | bytearray) -> int:
    return sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


def _broken_checksum(probe: Probe, known: Victim, dice: Chance) -> bytes:
    """Ports and identification are guessed, the checksum is not even right for that."""
    packet = bytearray(probe_packet(probe, known.source))
    at = HEADER[known.family] + CHECKSUM[probe.protocol]
    packet[at : at + 2] = dice.randbytes(2)
    return bytes(packet)


def _no_payload(probe: Probe, known: Victim, _: Chance) -> bytes:
    """Zeros instead of the word, as if there were none."""
    shape = msgspec.structs.replace(probe.shape, word=b"")
    return probe_packet(msgspec.structs.replace(probe, shape=shape), known.source)


def _translated_target(probe: Probe, known: Victim, _: Chance) -> bytes:
    """What a target behind a translator quotes may name another destination."""
    behind = msgspec.structs.replace(probe, target=type(known.source)(OUTSIDE[known.family]))
    return probe_packet(behind, known.source)


FORGERIES: tuple[Forge, ...] = (_as_sent, _translated, _broken_checksum, _no_payload, _translated_target)


def answer(packet: bytes, known: Victim, dice: Chance, length: int | None) -> Reply:
    """The forged packet as a raw socket decodes it: from any router, or in the name of the target."""
    family = known.family
    error, responder = dice.choice(
        [(IcmpError.TIME_EXCEEDED, ROUTER[family]), (IcmpError.PORT_UNREACHABLE, TARGET[family])]
    )
    found = decode_reply(
        icmp_error(error, responder, known.source, packet, quote_length=length), kernel(known.now)
    )
    assert isinstance(found, Reply)
    return found


def witnesses(victim: Victim) -> float:
    """How likely one forged quote fits a probe, at the most.

    Either the source port is right, of as many as there are, and one more of three witnesses (checksum,
    identification, word); or the checksum is and one of the other two. Sequences and marks run side by side,
    so that each probe is one more chance. The weakest witness has 65 534 values.
    """
    one = 1 / 65_534
    ports = 1 / (len(USABLE) if victim.sent[0].protocol is not Protocol.ICMP else 65_535)
    if victim.sent[0].protocol is Protocol.TCP:
        return len(victim.sent) * 2**-32
    return len(victim.sent) * (ports * 3 * one + 2 * one * one)


@pytest.mark.parametrize(("strategy", "protocol", "family"), COMBINATIONS)
@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_quote_is_credited_to_no_probe(
    strategy: Strategy, protocol: Protocol, family: Family, forge: Forge
) -> None:
    victim = Victim(strategy, protocol, family, seed=1)
    dice = Chance(f"attacker {strategy} {protocol} {family} {forge.__name__}")
    assert FORGED * witnesses(victim) < UNLIKELY
    forged = (forge(guess(victim, dice), victim, dice) for _ in range(FORGED))
    replies = (answer(packet, victim, dice, dice.choice((8, 8, 14, None))) for packet in forged)
    assert sum(victim.credits(reply) for reply in replies) == 0


@pytest.mark.parametrize(("strategy", "protocol", "family"), COMBINATIONS)
def test_whoever_reads_the_probes_is_believed(strategy: Strategy, protocol: Protocol, family: Family) -> None:
    """The same forgeries without a guess: it is what is guessed that keeps them out."""
    for forge, least in ((_as_sent, 8), (_translated, 8 if family is Family.IPV4 else 14)):
        victim = Victim(strategy, protocol, family, seed=1)
        dice = Chance("insider")
        packets = [forge(probe, victim, dice) for probe in victim.sent]
        credited = [victim.credits(answer(packet, victim, dice, least)) for packet in packets]
        assert all(credited), forge.__name__


DIRECT = {
    Protocol.ICMP: ReplyKind.ECHO_REPLY,
    Protocol.TCP: ReplyKind.SYN_ACK,
    Protocol.UDP: ReplyKind.UDP_DATA,
}


@pytest.mark.parametrize(("strategy", "protocol", "family"), COMBINATIONS)
def test_a_forged_answer_of_the_target_is_credited_to_no_probe(
    strategy: Strategy, protocol: Protocol, family: Family
) -> None:
    """What an open UDP port answers names nothing but the ports."""
    victim = Victim(strategy, protocol, family, seed=2)
    dice = Chance(f"direct {strategy} {protocol} {family}")
    tries = FEW if protocol is Protocol.UDP else FORGED
    chance = {
        Protocol.UDP: 1 / len(USABLE),
        Protocol.ICMP: len(victim.sent) * 2**-32,
        Protocol.TCP: len(victim.sent) * 2**-32,
    }
    assert tries * chance[protocol] < UNLIKELY
    for _ in range(tries):
        probe = guess(victim, dice)
        quoted = Quoted(
            protocol=protocol,
            destination=probe.target,
            identity=probe.identity,
            mark=probe.mark if protocol is Protocol.TCP else None,
        )
        reply = Reply(kind=DIRECT[protocol], responder=probe.target, quoted=quoted, rx=kernel(victim.now))
        assert not victim.credits(reply)


def through_the_kernel(victim: Victim, dice: Chance, tries: int) -> Iterator[Reply]:
    """Forged quotes that Linux passes to a socket without privileges, as such a socket tells of them.

    ``__udp4_lib_err`` compares the source port of an unconnected socket, ``ping_err`` the identifier,
    ``tcp_v4_err`` the ports and that the sequence number is one of the two that are unacknowledged.
    """
    open_ports = {probe.source_port for probe in victim.sent}
    for _ in range(tries):
        probe = guess(victim, dice)
        acceptable = probe.protocol is not Protocol.TCP or dice.randrange(2**32) < 2
        if probe.source_port in open_ports and acceptable:
            quoted = Quoted(protocol=probe.protocol, destination=probe.target, identity=probe.identity)
            yield Reply(
                kind=ReplyKind.TIME_EXCEEDED,
                responder=ROUTER[victim.family],
                quoted=quoted,
                rx=kernel(victim.now),
            )


@pytest.mark.parametrize(("protocol", "family"), itertools.product(Protocol, FAMILIES))
def test_a_forged_quote_behind_a_socket_without_privileges_is_credited_to_no_probe(
    protocol: Protocol, family: Family
) -> None:
    victim = Victim(Strategy.CLASSIC, protocol, family, seed=3)
    dice = Chance(f"errqueue {protocol} {family}")
    tries = FEW if protocol is Protocol.UDP else FORGED
    chance = {
        Protocol.UDP: 1 / len(USABLE),
        Protocol.ICMP: len(victim.sent) * 2**-32,
        Protocol.TCP: len(victim.sent) * 2**-31 / len(USABLE),
    }
    assert tries * chance[protocol] < UNLIKELY
    assert not any(victim.credits(reply) for reply in through_the_kernel(victim, dice, tries))
