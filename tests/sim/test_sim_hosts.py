"""What the target and the routers answer when they are the destination."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6EchoReply
from scapy.packet import Raw

from tests.sim.simulation import TARGET_TTL, answer, answers, internet, ping, read, syn, udp
from tracer.model import Address
from tracer.sim.journey import Fate
from tracer.sim.scenario import Ports, PortState

TARGETS = ["203.0.113.9", "2001:db8::cb00:7109"]


def has_right_checksums(packet: IP) -> bool:
    """Whether Scapy would have written the same bytes."""
    fresh = packet.copy()
    for layer in (IP, ICMP, TCP, UDP, ICMPv6EchoReply, ICMPv6DestUnreach):
        if layer in fresh:
            for name in ("chksum", "cksum"):
                if name in fresh[layer].fields:
                    delattr(fresh[layer], name)
    return bytes(fresh) == bytes(packet)


@pytest.mark.parametrize("target", TARGETS)
def test_a_ping_brings_its_own_payload_back(target: str) -> None:
    reply = answer(internet(), ping(TARGET_TTL, destination=target, sequence=9))
    echo = reply[ICMPv6EchoReply] if ":" in target else reply[ICMP]
    assert (reply.src, echo.type, echo.id, echo.seq) == (target, 129 if ":" in target else 0, 77, 9)
    assert bytes(reply).endswith(b"probe")
    assert has_right_checksums(reply)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("port", "flags"), [(80, "SA"), (81, "RA")])
def test_a_syn_is_acknowledged_or_reset(target: str, port: int, flags: str) -> None:
    reply = answer(internet(), syn(TARGET_TTL, port=port, destination=target))
    assert (reply.src, reply[TCP].flags, reply[TCP].ack) == (target, flags, 1001)
    assert (reply[TCP].sport, reply[TCP].dport) == (port, 40000)
    assert has_right_checksums(reply)


@pytest.mark.parametrize("target", TARGETS)
def test_udp_is_answered_with_its_data_or_with_port_unreachable(target: str) -> None:
    net = internet()
    data = answer(net, udp(TARGET_TTL, port=53, destination=target))
    assert (data.src, data[UDP].sport, data[UDP].dport, data[Raw].load) == (target, 53, 40000, b"probe")
    assert has_right_checksums(data)
    closed = answer(net, udp(TARGET_TTL, destination=target))
    error = closed[ICMPv6DestUnreach] if ":" in target else closed[ICMP]
    assert (closed.src, error.type, error.code) == (target, *((1, 4) if ":" in target else (3, 3)))
    assert has_right_checksums(closed)


@pytest.mark.parametrize("packet", [udp(9, port=514), syn(9, port=25)], ids=["udp", "tcp"])
def test_a_filtered_port_is_silent(packet: UDP) -> None:
    net = internet()
    assert answers(net, packet) == []
    assert (net.log[-1].fate, net.log[-1].ttl) == (Fate.FILTERED, TARGET_TTL)


def test_every_other_port_can_be_filtered_too() -> None:
    net = internet(target={"tcp": Ports(open=(443,), closed=(22,), other=PortState.FILTERED), "icmp": False})
    heard = [len(answers(net, syn(9, port=port))) for port in (443, 22, 80)]
    assert heard == [1, 1, 0]
    assert answers(net, ping(9)) == []


@pytest.mark.parametrize("router", ["198.18.2.1", "2001:db8::c612:201"])
def test_a_router_can_be_probed_itself(router: str) -> None:
    net = internet()
    for packet in (
        ping(2, destination=router),
        syn(2, port=80, destination=router),
        udp(2, port=53, destination=router),
    ):
        assert answer(net, packet).src == router
    assert answer(net, syn(2, destination=router))[TCP].flags == "RA"
    assert answer(net, ping(1, destination=router)).src in ("198.18.1.1", "2001:db8::c612:101")


def test_a_silent_router_does_not_answer_for_itself_either() -> None:
    net = internet(hop2={"silent": True})
    assert answers(net, ping(2, destination="198.18.2.1")) == []


def test_the_target_beyond_a_black_hole_is_not_reached_but_the_router_is() -> None:
    net = internet(hop2={"mtu": 100})
    assert answer(net, ping(9, destination="198.18.2.1") / bytes(200)).src == "198.18.2.1"


def test_a_wrong_transport_checksum_comes_no_further_than_the_destination() -> None:
    net = internet()
    for packet in (udp(9), syn(9), ping(9)):
        damaged = bytearray(bytes(packet))
        damaged[-1] ^= 1
        assert net.respond(bytes(damaged), 0) == []
        assert net.log[-1].fate == Fate.WRONG_CHECKSUM
        packet.ttl = 2
        passing = bytearray(bytes(packet))
        passing[-1] ^= 1
        assert len(net.respond(bytes(passing), 0)) == 1


def test_udp_over_ipv4_needs_no_checksum() -> None:
    packet = udp(9)
    packet[UDP].chksum = 0
    assert answer(internet(), packet).src == "203.0.113.9"


def test_errors_may_come_from_another_interface_of_the_target() -> None:
    net = internet(target={"errors_from": Address("203.0.113.77")})
    assert answer(net, udp(9)).src == "203.0.113.77"
    assert answer(net, udp(9, destination=TARGETS[1])).src == "2001:db8::cb00:714d"
    assert answer(net, udp(9))[IPerror].dst == "203.0.113.9"
    assert answer(net, ping(9)).src == "203.0.113.9"


def test_what_ends_a_half_open_connection_gets_no_answer() -> None:
    net = internet()
    reset = syn(9)
    reset[TCP].flags = "R"
    assert answers(net, read(bytes(reset))) == []
    assert net.fates == {Fate.NO_PROBE: 1}
