"""Each property of a hop by itself."""

from __future__ import annotations

from collections import Counter

import pytest
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, TCP, UDP, ICMPExtension_InterfaceInformation, IPerror, TCPerror, UDPerror
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPerror6
from scapy.packet import Raw

from tests.sim.simulation import (
    HOPS,
    MS,
    TARGET_TTL,
    S,
    answer,
    answers,
    heard,
    internet,
    ping,
    read,
    syn,
    udp,
    within_five_sigma,
)
from tracer.errors import DecodeError
from tracer.model import Address, Stamp, StampClock
from tracer.sim.journey import Fate
from tracer.sim.scenario import (
    Balancing,
    Bloat,
    Change,
    Duration,
    Forwarding,
    Hop,
    Label,
    Nat,
    Quote,
    RateLimit,
    TooBig,
)
from tracer.sim.tables import Dnat, Interface, InterfaceId, Object
from tracer.wire.decode import decode_reply

TARGET6 = "2001:db8::cb00:7109"


def test_each_ttl_meets_its_router_after_its_round_trip() -> None:
    net = internet()
    for ttl in (1, 2, 3):
        ((delay_ns, reply),) = answers(net, udp(ttl))
        assert (delay_ns, reply.src, reply[ICMP].type) == (ttl * MS, f"198.18.{ttl}.1", 11)


@pytest.mark.parametrize("initial_ttl", [64, 128, 255])
def test_a_reply_has_lost_one_ttl_for_each_router_between(initial_ttl: int) -> None:
    net = internet(hop1={"initial_ttl": initial_ttl}, hop3={"initial_ttl": initial_ttl})
    assert answer(net, udp(1)).ttl == initial_ttl
    assert answer(net, udp(3)).ttl == initial_ttl - 2


def test_jitter_makes_answers_up_to_that_much_later() -> None:
    net = internet(hop2={"jitter_ns": Duration(MS)})
    extra = [net.respond(bytes(udp(2)), 0)[0][0] - 2 * MS for _ in range(500)]
    assert min(extra) >= 0
    assert max(extra) <= MS
    assert 0.4 * MS < sum(extra) / len(extra) < 0.6 * MS


@pytest.mark.parametrize(("where", "fate"), [("loss_out", Fate.LOST_OUT), ("loss_back", Fate.LOST_BACK)])
def test_loss_on_a_link_hits_its_hop_and_all_behind_and_none_before(where: str, fate: Fate) -> None:
    net = internet(hop2={where: 0.3})
    for ttl in (1, 2, TARGET_TTL):
        came = heard(net, ping(ttl), 1000)
        assert came == 1000 if ttl == 1 else within_five_sigma(came, 1000, 0.7)
    lost = {record.fate for record in net.log if not record.answers}
    assert lost == {fate}
    assert {record.ttl for record in net.log if not record.answers} == {2}


def test_a_silent_hop_forwards_without_a_word() -> None:
    net = internet(hop2={"silent": True})
    assert answers(net, udp(2)) == []
    assert (net.log[-1].fate, net.log[-1].ttl) == (Fate.SILENT, 2)
    assert answer(net, udp(3)).src == "198.18.3.1"


def test_a_rate_limit_is_a_token_bucket() -> None:
    net = internet(hop2={"rate_limit": RateLimit(rate=10, burst=3)})
    at_once = [len(net.respond(bytes(udp(2)), 0)) for _ in range(5)]
    assert at_once == [1, 1, 1, 0, 0]
    assert len(net.respond(bytes(udp(2)), S // 10 - 1)) == 0
    assert len(net.respond(bytes(udp(2)), S // 10 + 1)) == 1
    assert len(net.respond(bytes(udp(2)), S // 10 + 2)) == 0
    # It never holds more than its burst, however long nobody asks.
    assert [len(net.respond(bytes(udp(2)), 100 * S)) for _ in range(5)] == [1, 1, 1, 0, 0]
    assert net.fates[Fate.RATE_LIMITED] == 6


def test_a_rate_limit_holds_for_icmp_only() -> None:
    net = internet(target={"rate_limit": RateLimit(rate=1, burst=1)})
    for packet, count in ((ping(9), 1), (udp(9), 0), (syn(9), 1), (syn(9, port=81), 1), (udp(9, port=53), 1)):
        assert heard(net, packet, 1) == count


def test_a_full_quote_holds_the_whole_probe_as_it_arrived() -> None:
    net = internet(hop2={"quote": Quote.FULL})
    quoted = bytes(answer(net, udp(2, payload=b"0123456789" * 10))[IPerror])
    sent = udp(1, payload=b"0123456789" * 10)
    assert quoted == bytes(sent)


def test_a_minimum_quote_holds_the_ip_header_and_eight_bytes() -> None:
    net = internet(hop2={"quote": Quote.MINIMUM})
    for version, header in (("203.0.113.9", 20), (TARGET6, 40)):
        reply = net.respond(bytes(udp(2, destination=version, payload=b"0123456789")), 0)[0][1]
        assert len(reply) == header + 8 + header + 8


@pytest.mark.parametrize("quote", list(Quote))
def test_mpls_labels_are_told_with_the_last_one_at_the_bottom(quote: Quote) -> None:
    net = internet(hop2={"mpls": (Label(label=300, ttl=1), Label(label=16, exp=5, ttl=9)), "quote": quote})
    reply = net.respond(bytes(udp(2)), 0)[0][1]
    # RFC 4884: the quote is padded to 128 bytes; then a header, an object header, and the stack.
    stack = reply[20 + 8 + 128 + 4 + 4 :]
    first, second = MPLS(stack[:4]), MPLS(stack[4:])
    assert (first.label, first.cos, first.s, first.ttl) == (300, 0, 0, 1)
    assert (second.label, second.cos, second.s, second.ttl) == (16, 5, 1, 9)


def test_a_df_packet_over_the_mtu_is_answered_with_the_mtu() -> None:
    net = internet(hop2={"mtu": 1400})
    fits, over = b"x" * (1400 - 28), b"x" * (1400 - 27)
    assert answer(net, udp(9, payload=fits)).src == "203.0.113.9"
    reply = answer(net, udp(9, payload=over))
    assert (reply.src, reply[ICMP].type, reply[ICMP].code, reply[ICMP].nexthopmtu) == (
        "198.18.2.1",
        3,
        4,
        1400,
    )
    reply6 = answer(net, udp(9, payload=over, destination=TARGET6))
    assert (reply6.src, reply6[ICMPv6PacketTooBig].mtu) == ("2001:db8::c612:201", 1400)


def test_without_df_a_big_packet_passes() -> None:
    net = internet(hop2={"mtu": 1400})
    assert answer(net, udp(9, payload=b"x" * 1400, df=False)).src == "203.0.113.9"


def test_an_mtu_black_hole_says_nothing() -> None:
    net = internet(hop2={"mtu": 1400, "too_big": TooBig.DROP})
    assert answers(net, udp(9, payload=b"x" * 1400)) == []
    assert (net.log[-1].fate, net.log[-1].ttl) == (Fate.TOO_BIG, 2)
    assert answer(net, udp(2, payload=b"x" * 1400)).src == "198.18.2.1"


@pytest.mark.parametrize(
    ("forward", "code", "code6"),
    [
        (Forwarding.NET_UNREACHABLE, 0, 0),
        (Forwarding.HOST_UNREACHABLE, 1, 3),
        (Forwarding.PROHIBITED, 13, 1),
    ],
)
def test_a_hop_may_say_that_the_target_is_unreachable(forward: Forwarding, code: int, code6: int) -> None:
    net = internet(hop2={"forward": forward})
    assert answer(net, udp(2))[ICMP].type == 11
    reply = answer(net, udp(3))
    assert (reply.src, reply[ICMP].type, reply[ICMP].code) == ("198.18.2.1", 3, code)
    assert answer(net, udp(3, destination=TARGET6))[ICMPv6DestUnreach].code == code6


def test_a_black_hole_answers_for_itself_and_forwards_nothing() -> None:
    net = internet(hop2={"forward": Forwarding.NOTHING})
    assert answer(net, udp(2)).src == "198.18.2.1"
    assert answers(net, udp(3)) == []
    assert (net.log[-1].fate, net.log[-1].ttl) == (Fate.SWALLOWED, 2)


@pytest.mark.parametrize("packet", [udp(3), syn(3), ping(3)], ids=["udp", "tcp", "icmp"])
def test_a_nat_shows_in_quotes_from_behind_it_only(packet: UDP) -> None:
    net = internet(hop2={"nat": Nat(address=Address("192.0.2.7"))})
    packet.ttl = 2
    assert answer(net, packet)[IPerror].src == "198.18.0.1"
    packet.ttl = 3
    reply = answer(net, packet)
    assert (reply.dst, reply[IPerror].src) == ("198.18.0.1", "192.0.2.7")
    # Scapy works out the checksum of what was quoted: the NAT has left a right one.
    quoted = bytes(reply[IPerror])
    whole = read(quoted)
    del whole[1].chksum
    assert bytes(read(bytes(whole))) == quoted


def test_a_nat_may_move_the_port_and_moves_it_back_in_direct_answers() -> None:
    net = internet(hop2={"nat": Nat(address=Address("192.0.2.7"), port_shift=1000)})
    assert answer(net, udp(3))[UDPerror].sport == 41000
    assert answer(net, syn(3))[TCPerror].sport == 41000
    direct = answer(net, syn(9))
    assert (direct.dst, direct[TCP].dport) == ("198.18.0.1", 40000)
    assert answer(net, ping(9))[ICMP].id == 77


def test_dscp_and_ecn_are_rewritten_for_what_is_behind() -> None:
    net = internet(hop1={"set_dscp": 8}, hop2={"set_ecn": 0})
    quoted = [answer(net, udp(ttl, tos=46 << 2 | 1))[IPerror].tos for ttl in (1, 2, 3)]
    assert quoted == [46 << 2 | 1, 8 << 2 | 1, 8 << 2 | 0]
    quoted6 = [answer(net, udp(ttl, tos=46 << 2 | 1, destination=TARGET6))[IPerror6].tc for ttl in (1, 2, 3)]
    assert quoted6 == quoted


def test_the_quoted_ttl_is_what_was_left() -> None:
    net = internet()
    for ttl in (1, 2, 3):
        assert answer(net, udp(ttl))[IPerror].ttl == 1
        assert answer(net, udp(ttl, destination=TARGET6))[ICMPv6TimeExceeded][IPerror6].hlim == 1
    assert answer(net, udp(9))[IPerror].ttl == 9 - 3


def test_per_packet_balancing_rolls_the_dice() -> None:
    routers = (Address("198.18.2.1"), Address("198.18.2.5"))
    net = internet(hop2={"addresses": routers, "ecmp": Balancing.PER_PACKET})
    seen = Counter(answer(net, udp(2)).src for _ in range(400))
    assert set(seen) == set(routers)
    assert within_five_sigma(seen[routers[0]], 400, 0.5)


def test_some_answers_come_twice() -> None:
    net = internet(hop2={"duplicate": 0.25, "duplicate_delay_ns": Duration(5 * MS)})
    got = [answers(net, udp(2)) for _ in range(400)]
    twice = [pair for pair in got if len(pair) == 2]
    assert within_five_sigma(len(twice), 400, 0.25)
    assert all(second[0] - first[0] == 5 * MS and first[1] == second[1] for first, second in twice)


def test_some_answers_are_late() -> None:
    net = internet(hop2={"late": 0.25, "late_by_ns": Duration(3 * S)})
    delays = Counter(net.respond(bytes(udp(2)), 0)[0][0] for _ in range(400))
    assert set(delays) == {2 * MS, 2 * MS + 3 * S}
    assert within_five_sigma(delays[2 * MS + 3 * S], 400, 0.25)


@pytest.mark.parametrize(
    "packet", [udp(2), udp(9), syn(9), ping(9), udp(9, port=53), ping(9, destination=TARGET6)],
    ids=["exceeded", "unreachable", "tcp", "echo", "udp", "echo6"],
)  # fmt: skip
def test_corrupt_answers_cannot_be_decoded(packet: UDP) -> None:
    net = internet(hop2={"corrupt": 1.0}, target={"corrupt": 1.0})
    for _ in range(100):
        ((_, reply),) = net.respond(bytes(packet), 0)
        with pytest.raises(DecodeError):
            decode_reply(reply, Stamp(0, StampClock.KERNEL))


def test_bloat_delays_its_hop_and_all_behind() -> None:
    net = internet(hop2={"bloat": Bloat(amplitude_ns=Duration(100 * MS), period_ns=Duration(8 * S))})
    for at_s, extra_ms in ((0, 0), (2, 50), (4, 100), (6, 50), (8, 0), (12, 100)):
        delays = [net.respond(bytes(udp(ttl)), at_s * S)[0][0] for ttl in (1, 2, 3, 9)]
        assert delays == [MS, (2 + extra_ms) * MS, (3 + extra_ms) * MS, (4 + extra_ms) * MS]


def test_a_change_replaces_hops_from_its_time_on() -> None:
    longer = tuple(
        Hop(addresses=(Address(f"192.0.2.{ttl}"),), rtt_ns=Duration(20 * ttl * MS)) for ttl in (2, 3, 4)
    )
    changes = (
        Change(at_ns=Duration(10 * S), from_ttl=2, to_ttl=2, hops=longer, target_rtt_ns=Duration(99 * MS)),
        Change(at_ns=Duration(20 * S), hops=HOPS[:1]),
    )
    net = internet(changes=changes)
    before = [answer(net, udp(ttl), 10 * S - 1).src for ttl in (1, 2, 3, 4)]
    during = [answer(net, udp(ttl), 10 * S).src for ttl in range(1, 7)]
    after = [answer(net, udp(ttl), 20 * S).src for ttl in (1, 2, 3)]
    assert before == ["198.18.1.1", "198.18.2.1", "198.18.3.1", "203.0.113.9"]
    assert during == ["198.18.1.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "198.18.3.1", "203.0.113.9"]
    assert after == ["198.18.1.1", "203.0.113.9", "203.0.113.9"]
    assert net.respond(bytes(udp(9)), 15 * S)[0][0] == 99 * MS
    assert Raw not in answer(net, syn(9), 15 * S)


def test_what_is_given_to_the_ip_header_shows_behind_the_hop_only() -> None:
    net = internet(hop2={"clear_df": True, "set_identification": 4711, "set_flow_label": 0x12345})
    quoted = [answer(net, udp(ttl))[IPerror] for ttl in (1, 2, 3)]
    assert [str(quote.flags) for quote in quoted] == ["DF", "DF", ""]
    assert [quote.id for quote in quoted] == [1, 1, 4711]
    quoted6 = [answer(net, udp(ttl, destination=TARGET6))[IPerror6] for ttl in (1, 2, 3)]
    assert [quote.fl for quote in quoted6] == [0, 0, 0x12345]


def test_behind_a_hop_that_clears_df_nothing_is_too_big() -> None:
    net = internet(hop1={"clear_df": True}, hop2={"mtu": 100})
    assert answer(net, udp(9, payload=bytes(200)))[ICMP].code == 3


@pytest.mark.parametrize(
    ("destination", "inside", "quote"),
    [("203.0.113.9", "192.0.2.7", IPerror), (TARGET6, "2001:db8::c000:207", IPerror6)],
)
def test_behind_a_dnat_quotes_show_another_destination_and_answers_come_from_the_probed_one(
    destination: str, inside: str, quote: type
) -> None:
    net = internet(hop3={"dnat": Dnat(address=Address("192.0.2.7"))})
    assert answer(net, udp(3, destination=destination))[quote].dst == destination
    refused = answer(net, udp(9, destination=destination))
    assert (refused.src, refused[quote].dst) == (destination, inside)
    assert answer(net, ping(9, destination=destination)).src == destination
    assert answer(net, syn(9, destination=destination))[TCP].sport == 80


def test_a_hop_tells_of_its_interfaces_and_of_whatever_else() -> None:
    net = internet(
        hop2={
            "interfaces": (Interface(index=7, address=Address("198.18.2.1"), mtu=1500),),
            "interface_ids": (InterfaceId(index=9),),
            "objects": (Object(class_num=247, class_type=3, body="c0ffee"),),
        }
    )
    told = answer(net, udp(2))[ICMP].ext
    assert told[ICMPExtension_InterfaceInformation].ifindex == 7
    assert told[ICMPExtension_InterfaceInformation].ip4 == "198.18.2.1"
    assert told[ICMPExtension_InterfaceInformation].mtu == 1500
    assert bytes(told).endswith(bytes.fromhex("0008 0302 00000009  0007 f703 c0ffee"))
