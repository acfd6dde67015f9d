from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet6 import ICMPv6ND_RS, IPv6

from tests.sim.simulation import MS, S, internet, ping, syn, udp
from tracer.model import Family
from tracer.sim.internet import Internet
from tracer.sim.journey import Fate
from tracer.sim.load import load
from tracer.sim.scenario import Duration

NOISY = {
    "jitter_ns": Duration(5 * MS),
    "loss_out": 0.2,
    "loss_back": 0.1,
    "duplicate": 0.2,
    "late": 0.2,
    "corrupt": 0.2,
}
PACKETS = [bytes(packet) for packet in (udp(2), ping(9), syn(9), udp(3, destination="2001:db8::cb00:7109"))]


def conversation(seed: int) -> list[list[tuple[int, bytes]]]:
    net = internet(seed, hop2=NOISY)
    return [net.respond(packet, tick * MS) for tick in range(50) for packet in PACKETS]


def test_the_same_seed_gives_the_same_answers_byte_for_byte() -> None:
    assert conversation(7) == conversation(7)


def test_another_seed_gives_other_answers() -> None:
    assert conversation(7) != conversation(8)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_get_no_answer_and_are_counted(data: bytes) -> None:
    net = internet()
    assert net.respond(data, 0) == []
    assert net.fates.total() == 1


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PACKETS), st.data())
def test_damaged_probes_never_raise(packet: bytes, data: st.DataObject) -> None:
    damaged = bytearray(packet)
    for place in data.draw(st.lists(st.integers(0, len(packet) - 1), max_size=6)):
        damaged[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(packet)))
    net = internet(hop2=NOISY)
    for now_ns in range(0, 5 * S, S):
        net.respond(bytes(damaged[:cut]), now_ns)
        net.respond(bytes(damaged), now_ns)
    assert net.fates.total() == 10


def test_a_wrong_ip_header_checksum_is_malformed() -> None:
    net, packet = internet(), bytearray(PACKETS[0])
    packet[10] ^= 0xFF
    assert net.respond(bytes(packet), 0) == []
    assert net.fates == {Fate.MALFORMED: 1}


def test_packets_for_nobody_are_dropped_and_counted() -> None:
    net = internet()
    assert net.respond(bytes(udp(2, destination="198.51.100.200")), 0) == []
    assert net.respond(bytes(IPv6(src="fe80::1", dst="ff02::2") / ICMPv6ND_RS()), 0) == []
    assert net.fates == {Fate.NO_SUCH_HOST: 1, Fate.NO_PROBE: 1}


def test_the_log_tells_what_became_of_each_probe() -> None:
    net = internet()
    found = net.respond(PACKETS[0], 5 * S)
    record = net.log[-1]
    assert record.probe is not None
    assert (record.at_ns, record.packet, list(record.answers)) == (5 * S, PACKETS[0], found)
    assert (record.fate, record.ttl, record.responder) == (Fate.ANSWERED, 2, "198.18.2.1")
    assert (record.probe.ttl, record.probe.identity) == (2, (40000, 33434))


def test_the_log_is_bounded_and_the_counts_are_not() -> None:
    net = Internet(load("clean"), log_length=10)
    target = net.scenario.target.addresses_of(Family.IPV4)[0]
    for _ in range(25):
        net.respond(bytes(ping(1, destination=target)), 0)
    assert len(net.log) == 10
    assert net.fates == {Fate.ANSWERED: 25}
