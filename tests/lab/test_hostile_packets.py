"""Hostile packets through a TUN device, over raw sockets: none is credited, none is fatal, each is counted.

The test itself is the network: it reads the probes from the device and answers what it likes. A trace of one
hop probes it again and again; what comes after the hostile packets is a true answer, which has to be heard.
"""

from __future__ import annotations

import contextlib
import os
import select
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import Namespace, User, namespaces
from tests.lab.labkit.product import EventStream, hopscope_stream
from tests.lab.labkit.tun import DEVICE
from tracer.model import Address, Protocol
from tracer.sim.channel import SOURCE_ADDRESSES
from tracer.sim.load import load
from tracer.sim.tun import attach, setup_commands
from tracer.wire.build import icmp_error
from tracer.wire.icmp import IcmpError
from tracer.wire.ip import IpPacket

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUTER = {Family.IPV4: Address("198.18.80.1"), Family.IPV6: Address("2001:db8:80::1")}
TARGET = {Family.IPV4: "203.0.113.84", Family.IPV6: "2001:db8::cb00:7154"}
ELSEWHERE = {Family.IPV4: Address("203.0.113.85"), Family.IPV6: Address("2001:db8::cb00:7155")}
HEADER = {Family.IPV4: 20, Family.IPV6: 40}
TCP, UDP = 6, 17
PORTS = ("-S", "40001", "-P", "33434")

each_family = pytest.mark.parametrize("family", Family)
each_protocol = pytest.mark.parametrize("protocol", [Protocol.UDP, Protocol.TCP])


class Network:
    """The other end of the device."""

    def __init__(self, namespace: Namespace, device: int) -> None:
        self.namespace = namespace
        self._device = device

    def probe(self, family: Family) -> bytes:
        """The next packet from us to the target. Raises TimeoutError."""
        while select.select([self._device], [], [], 20)[0]:
            packet = os.read(self._device, 65535)
            with contextlib.suppress(Exception):
                if IpPacket.decode(packet).destination == TARGET[family]:
                    return packet
        raise TimeoutError("no probe came")

    def forget(self) -> None:
        """Pass over what an earlier trace has sent and no test has read."""
        while select.select([self._device], [], [], 0)[0]:
            os.read(self._device, 65535)

    def answer(self, packet: bytes) -> None:
        """Give it to the kernel, as if it had come from the wire."""
        os.write(self._device, packet)

    def icmp_errors(self, family: Family) -> int:
        """How many ICMP messages the kernel has found broken."""
        with self.namespace.entered():
            if family is Family.IPV6:
                lines = Path("/proc/thread-self/net/snmp6").read_text().splitlines()
                return int(next(line.split()[1] for line in lines if line.startswith("Icmp6InErrors")))
            names, values = (
                line.split()
                for line in Path("/proc/thread-self/net/snmp").read_text().splitlines()
                if line.startswith("Icmp:")
            )
            return int(values[names.index("InErrors")])


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with namespaces("hostile") as [namespace]:
        for setup in setup_commands(load("clean"), DEVICE):
            assert namespace.run(setup).returncode == 0
        with namespace.entered():
            device = attach(DEVICE)
        try:
            yield Network(namespace, device)
        finally:
            os.close(device)


@contextlib.contextmanager
def one_hop(network: Network, family: Family, protocol: Protocol) -> Iterator[EventStream]:
    """A trace that probes its first hop once a round, and gives no probe up."""
    patient = ("-t", "1", "-C", "1000", "-i", "1s", "-T", "1s", "--timeout", "60s")
    arguments = (TARGET[family], f"--{protocol}", "-R", "paris", *PORTS, *patient)
    network.forget()
    with hopscope_stream(network.namespace, *arguments, user=User.NET_RAW) as stream:
        yield stream


def time_exceeded(family: Family, about: bytes) -> bytes:
    us = SOURCE_ADDRESSES[family.of_the_model]
    return icmp_error(IcmpError.TIME_EXCEEDED, ROUTER[family], us, about)


def heard(stream: EventStream, network: Network, family: Family, probe: bytes) -> Counter[str]:
    """What was told until the true answer came; it is the only one credited."""
    before = len(stream.events)
    network.answer(time_exceeded(family, probe))
    reply = stream.until(lambda event: event["event"] == "reply")
    assert reply["responder"] == ROUTER[family]
    told = Counter(event["event"] for event in stream.events[before:])
    assert told["reply"] == 1
    assert not {"late", "duplicate", "trace_ended"} & told.keys()
    return told


def reshaped(packet: bytes, body: bytes) -> bytes:
    """The same IP header, right for another body: only ICMP can find something wrong with it."""
    return msgspec.structs.replace(IpPacket.decode(packet), payload=body).encode()


@each_family
@each_protocol
def test_every_truncation_and_every_flipped_bit_of_an_answer(
    network: Network, family: Family, protocol: Protocol, capsys: pytest.CaptureFixture[str]
) -> None:
    with one_hop(network, family, protocol) as stream:
        probe = network.probe(family)
        whole = time_exceeded(family, probe)
        body = whole[HEADER[family] :]
        broken = [body[:length] for length in range(len(body))]
        for bit in range(len(body) * 8):
            flipped = bytearray(body)
            flipped[bit // 8] ^= 1 << bit % 8
            broken.append(bytes(flipped))
        before = network.icmp_errors(family)
        for one in broken:
            network.answer(reshaped(whole, one))
        refused = network.icmp_errors(family) - before
        told = heard(stream, network, family, probe)
    with capsys.disabled():
        print(f"\n{len(broken)} broken {family} answers, {protocol}: kernel {refused}, {dict(told)}")  # noqa: T201 -- a measurement
    assert refused == len(broken), "by the kernel's own count every one was broken"
    if family is Family.IPV4:  # over IPv6 the kernel verifies the checksum before it lets a raw socket see
        assert told["malformed"] > len(broken) // 2
    assert told["foreign"] == 0


@each_family
@each_protocol
def test_forged_quotes_are_foreign_each_with_its_reason(
    network: Network, family: Family, protocol: Protocol
) -> None:
    """Their checksums are right: only what they quote was never sent."""
    with one_hop(network, family, protocol) as stream:
        probe = network.probe(family)
        forged = [*_forged(family, probe)]
        for _, quote in forged:
            network.answer(time_exceeded(family, quote))
        told = heard(stream, network, family, probe)
        reasons = [event["reason"] for event in stream.events if event["event"] == "foreign"]
    assert reasons == [reason for reason, _ in forged]
    assert told["malformed"] == 0


def _forged(family: Family, probe: bytes) -> Iterator[tuple[str, bytes]]:
    packet = IpPacket.decode(probe)

    def changed(at: int) -> bytes:
        body = bytearray(packet.payload)
        body[at] ^= 0x40
        # The identification too: it is what tells a probe whose ports and checksum a translator rewrote.
        other = packet.identification ^ 0x40
        return msgspec.structs.replace(packet, payload=bytes(body), identification=other).encode()

    source_port, target_port = 1, 3
    mark = {UDP: 6, TCP: 4}[packet.protocol]  # the checksum, the sequence number
    yield "unknown_identity", changed(source_port)
    yield "unknown_identity", changed(target_port)
    yield "unknown_mark", changed(mark)
    yield "wrong_destination", msgspec.structs.replace(packet, destination=ELSEWHERE[family]).encode()
