from __future__ import annotations

from collections import Counter

import pytest
from scapy.layers.inet import ICMP
from scapy.layers.inet6 import ICMPv6EchoRequest

from tests.sim.simulation import S, answer, internet, ping, read, scenario, syn, udp, within_five_sigma
from tracer.model import Address, Family, Protocol
from tracer.sim.channel import SOURCE_ADDRESSES
from tracer.sim.path import Timetable, branch, flow_key, router
from tracer.sim.scenario import Change, Duration

PAIR = (Address("198.18.2.1"), Address("198.18.2.5"))
TRIPLE = (*PAIR, Address("198.18.2.9"))
SOURCE, SOURCE6 = SOURCE_ADDRESSES[Family.IPV4], SOURCE_ADDRESSES[Family.IPV6]
TARGET, TARGET6 = Address("203.0.113.9"), Address("2001:db8::cb00:7109")


@pytest.mark.parametrize("sport", range(40000, 40020))
def test_the_branch_of_a_udp_or_tcp_flow_can_be_predicted(sport: int) -> None:
    net = internet(hop2={"addresses": TRIPLE})
    path = Timetable(net.scenario).at(0)
    for source, target in ((SOURCE, TARGET), (SOURCE6, TARGET6)):
        udp_key = flow_key(source, target, Protocol.UDP, sport, 33434)
        assert answer(net, udp(2, sport=sport, destination=target)).src == router(path, 2, udp_key)
        tcp_key = flow_key(source, target, Protocol.TCP, sport, 443)
        packet = syn(2, sport=sport, port=443, destination=target)
        assert answer(net, packet).src == router(path, 2, tcp_key)


@pytest.mark.parametrize("sequence", range(10))
def test_the_branch_of_an_icmp_flow_follows_its_checksum(sequence: int) -> None:
    net = internet(hop2={"addresses": TRIPLE})
    path = Timetable(net.scenario).at(0)
    for source, target, kind in ((SOURCE, TARGET, 8 << 8), (SOURCE6, TARGET6, 128 << 8)):
        packet = ping(2, sequence=sequence, destination=target)
        built = read(bytes(packet))
        checksum = built[ICMPv6EchoRequest].cksum if ":" in target else built[ICMP].chksum
        key = flow_key(source, target, Protocol.ICMP, kind, checksum)
        assert answer(net, packet).src == router(path, 2, key)


def test_a_flow_keeps_its_branch_and_flows_spread_over_all() -> None:
    net = internet(hop2={"addresses": TRIPLE})
    assert len({answer(net, udp(2), now_ns).src for now_ns in range(0, 10 * S, S)}) == 1
    keys = [flow_key(SOURCE, TARGET, Protocol.UDP, sport, 33434) for sport in range(3000)]
    spread = Counter(branch(key, 2, 3) for key in keys)
    assert all(within_five_sigma(spread[index], 3000, 1 / 3) for index in range(3))


def test_flows_spread_over_one_diamond_regardless_of_another() -> None:
    keys = [flow_key(SOURCE, TARGET, Protocol.UDP, sport, 33434) for sport in range(4000)]
    pairs = Counter((branch(key, 2, 2), branch(key, 5, 2)) for key in keys)
    assert all(within_five_sigma(pairs[pair], 4000, 1 / 4) for pair in ((0, 0), (0, 1), (1, 0), (1, 1)))


def test_hops_of_the_same_width_in_a_row_are_branches_of_one_diamond() -> None:
    second = (Address("198.18.3.1"), Address("198.18.3.5"))
    net = internet(hop2={"addresses": PAIR}, hop3={"addresses": second})
    for sport in range(40000, 40020):
        first, then = (answer(net, udp(ttl, sport=sport)).src for ttl in (2, 3))
        assert PAIR.index(first) == second.index(then)


def crc32_bit_by_bit(data: bytes) -> int:
    """The textbook division by the reflected polynomial 0xEDB88320."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ 0xEDB88320 * (remainder & 1)
    return remainder ^ 0xFFFFFFFF


def finished(number: int) -> int:
    """MurmurHash3's fmix32, written as its table of shifts and factors."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        number = (number ^ number >> shift) * factor % 2**32
    return number


@pytest.mark.parametrize("width", [2, 3, 16, 2**32])
@pytest.mark.parametrize("balancer", [1, 5, 200])
def test_the_hash_is_the_documented_one(balancer: int, width: int) -> None:
    assert crc32_bit_by_bit(b"123456789") == 0xCBF43926
    for sport in range(40000, 40010):
        key = (
            bytes((198, 18, 0, 1, 203, 0, 113, 9, 17)) + sport.to_bytes(2, "big") + (33434).to_bytes(2, "big")
        )
        assert flow_key(SOURCE, TARGET, Protocol.UDP, sport, 33434) == key
        mixed = finished((crc32_bit_by_bit(key) + balancer * 0x9E3779B9) % 2**32)
        assert branch(key, balancer, width) == mixed * width // 2**32


def test_a_timetable_gives_the_path_of_each_moment() -> None:
    changes = (
        Change(at_ns=Duration(5 * S), from_ttl=2, to_ttl=3),
        Change(at_ns=Duration(8 * S), from_ttl=1, to_ttl=1),
    )
    timetable = Timetable(scenario(changes=changes))
    lengths = [len(timetable.at(now_ns).hops) for now_ns in (0, 5 * S - 1, 5 * S, 8 * S - 1, 8 * S, 99 * S)]
    assert lengths == [3, 3, 1, 1, 0, 0]
