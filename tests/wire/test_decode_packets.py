import msgspec
import pytest

from tests.wire.wire_strategies import (
    FAMILIES,
    PROTOCOLS,
    ROUTER,
    RX,
    SOURCE,
    TARGET,
    a_probe,
    answers_to,
    value_or_error,
)
from tracer.errors import DecodeError
from tracer.model import Family, Icmp, MplsLabel, MplsStack, Port, Protocol, Quoted, Reply, ReplyKind
from tracer.wire.build import echo_reply, icmp_error, probe_packet, tcp_answer, udp_answer
from tracer.wire.checksum import pseudo_header, unfinished
from tracer.wire.cursor import Cursor
from tracer.wire.decode import Irrelevant, SentPacket, decode_probe, decode_reply
from tracer.wire.icmp import ICMP_ERRORS, IcmpError, IcmpMessage
from tracer.wire.ip import HEADER_LENGTH, PROTOCOL_NUMBERS, IpPacket
from tracer.wire.tcp import TcpFlags, TcpHeader

V4, V6 = Family.IPV4, Family.IPV6
STACK = MplsStack((MplsLabel(label=24001, exp=0, bos=1, ttl=1),))


def packet_of(family: Family, protocol: Protocol) -> bytes:
    return probe_packet(a_probe(family, protocol), SOURCE[family])


def received(family: Family, protocol: int, payload: bytes) -> bytes:
    packet = IpPacket(
        source=TARGET[family], destination=SOURCE[family], ttl=60, protocol=protocol, payload=payload
    )
    return packet.encode()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_icmp_error_tells_everything_it_holds(family: Family, protocol: Protocol) -> None:
    probe = a_probe(family, protocol, ttl=1, tos=0x28)
    sent = probe_packet(probe, SOURCE[family])
    packet = icmp_error(
        IcmpError.TIME_EXCEEDED,
        ROUTER[family],
        SOURCE[family],
        sent,
        extensions=(STACK,),
        ttl=250,
        tos=0xC0,
    )
    assert decode_reply(packet, RX) == Reply(
        kind=ReplyKind.TIME_EXCEEDED,
        responder=ROUTER[family],
        quoted=Quoted(
            protocol=protocol,
            destination=TARGET[family],
            identity=probe.identity,
            mark=probe.mark if protocol is Protocol.TCP else None,
            ttl=1,
            tos=0x28,
            packet=sent[: HEADER_LENGTH[family] + 8].ljust(len(sent), b"\0"),
        ),
        rx=RX,
        icmp=ICMP_ERRORS[family][IcmpError.TIME_EXCEEDED],
        reply_ttl=250,
        reply_tos=0xC0,
        extensions=(STACK,),
        raw=packet,
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("protocol", "name", "kind"),
    [
        (Protocol.ICMP, "echo reply", ReplyKind.ECHO_REPLY),
        (Protocol.TCP, "syn-ack", ReplyKind.SYN_ACK),
        (Protocol.TCP, "rst", ReplyKind.RST),
        (Protocol.UDP, "data", ReplyKind.UDP_DATA),
    ],
)
def test_a_direct_answer_names_the_probe_as_the_probe_names_itself(
    family: Family, protocol: Protocol, name: str, kind: ReplyKind
) -> None:
    probe = a_probe(family, protocol)
    packet = answers_to(probe)[name]
    echo_type = Icmp(0 if family is V4 else 129, 0)
    assert decode_reply(packet, RX) == Reply(
        kind=kind,
        responder=TARGET[family],
        quoted=Quoted(
            protocol=protocol,
            destination=TARGET[family],
            identity=probe.identity,
            mark=probe.mark if protocol is Protocol.TCP else None,
        ),
        rx=RX,
        icmp=echo_type if protocol is Protocol.ICMP else None,
        reply_ttl=60,
        reply_tos=0,
        raw=packet,
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("sequence", "acknowledged"), [(33001, 33002), (2**31 - 1, 2**31), (2**32 - 1, 0)])
def test_a_syn_ack_acknowledges_the_syn(family: Family, sequence: int, acknowledged: int) -> None:
    ends = (SOURCE[family], TARGET[family])
    header = TcpHeader(source_port=Port(1), target_port=Port(2), sequence=sequence, flags=TcpFlags.SYN)
    syn = IpPacket(
        source=ends[0], destination=ends[1], ttl=9, protocol=6, payload=header.encode(b"", *ends)
    ).encode()
    answer = IpPacket.decode(tcp_answer(syn, TcpFlags.SYN | TcpFlags.ACK, 60))
    assert TcpHeader.decode(Cursor(answer.payload, "tcp")).acknowledgement == acknowledged


@pytest.mark.parametrize("family", FAMILIES)
def test_bytes_behind_a_udp_datagram_are_not_part_of_it(family: Family) -> None:
    answer = IpPacket.decode(udp_answer(packet_of(family, Protocol.UDP), b"answer", 60))
    longer = msgspec.structs.replace(answer, payload=answer.payload + b"more").encode()
    assert isinstance(decode_reply(longer, RX), Reply)
    probe = IpPacket.decode(packet_of(family, Protocol.UDP))
    longer = msgspec.structs.replace(probe, payload=probe.payload + b"more").encode()
    found = decode_probe(longer)
    assert isinstance(found, SentPacket)
    assert found.payload == probe.payload[8:]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("protocol", "reason"),
    [(Protocol.ICMP, "ICMP echo request"), (Protocol.TCP, "a TCP segment that answers no SYN")],
)
def test_a_probe_seen_on_its_way_out_is_no_answer(family: Family, protocol: Protocol, reason: str) -> None:
    assert decode_reply(packet_of(family, protocol), RX) == Irrelevant(reason)


@pytest.mark.parametrize("family", FAMILIES)
def test_packets_that_answer_no_probe_say_what_they_are(family: Family) -> None:
    number = PROTOCOL_NUMBERS[family]
    ends = (TARGET[family], SOURCE[family])
    ack = TcpHeader(source_port=Port(80), target_port=Port(40123), sequence=1, flags=TcpFlags.ACK)
    redirect = IcmpMessage(family=family, type=5 if family is V4 else 137, code=0, body=bytes(40))
    esp = IpPacket(source=ends[1], destination=ends[0], ttl=1, protocol=50, payload=bytes(8)).encode()
    about_reply = icmp_error(
        IcmpError.PORT_UNREACHABLE, *ends, echo_reply(packet_of(family, Protocol.ICMP), 9)
    )
    found = [
        decode_reply(packet, RX)
        for packet in (
            received(family, 89, b""),
            received(family, number[Protocol.TCP], ack.encode(b"", *ends)),
            received(family, number[Protocol.ICMP], redirect.encode(*ends)),
            icmp_error(IcmpError.TIME_EXCEEDED, *ends, esp),
            about_reply,
        )
    ]
    assert found == [
        Irrelevant("IP protocol 89"),
        Irrelevant("a TCP segment that answers no SYN"),
        Irrelevant("ICMP redirect"),
        Irrelevant("an ICMP error about a packet that is no probe"),
        Irrelevant("an ICMP error about a packet that is no probe"),
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_icmp_of_the_other_family_is_no_icmp(family: Family) -> None:
    foreign = 58 if family is V4 else 1
    assert decode_reply(received(family, foreign, bytes(8)), RX) == Irrelevant(f"IP protocol {foreign}")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("protocol", "name"), [(Protocol.ICMP, "echo reply"), (Protocol.TCP, "rst"), (Protocol.UDP, "data")]
)
def test_a_wrong_checksum_is_an_error(family: Family, protocol: Protocol, name: str) -> None:
    packet = bytearray(answers_to(a_probe(family, protocol))[name])
    packet[HEADER_LENGTH[family] + 7] ^= 1
    with pytest.raises(DecodeError, match=r"wrong checksum|wants"):
        decode_reply(bytes(packet), RX)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("protocol", "name", "offset"), [(Protocol.TCP, "syn-ack", 16), (Protocol.UDP, "data", 6)]
)
def test_a_checksum_left_to_the_network_card_is_accepted(
    family: Family, protocol: Protocol, name: str, offset: int
) -> None:
    packet = answers_to(a_probe(family, protocol))[name]
    at = HEADER_LENGTH[family] + offset
    length = len(packet) - HEADER_LENGTH[family]
    pseudo = pseudo_header(TARGET[family], SOURCE[family], PROTOCOL_NUMBERS[family][protocol], length)
    left = packet[:at] + unfinished(pseudo).to_bytes(2, "big") + packet[at + 2 :]
    assert left != packet
    assert isinstance(decode_reply(left, RX), Reply)


def test_udp_without_checksum_is_accepted_over_ipv4_only() -> None:
    for family in FAMILIES:
        packet = udp_answer(packet_of(family, Protocol.UDP), b"answer", 60)
        at = HEADER_LENGTH[family] + 6
        bare = packet[:at] + b"\0\0" + packet[at + 2 :]
        if family is V4:
            assert isinstance(decode_reply(bare, RX), Reply)
        else:
            with pytest.raises(DecodeError, match="wrong checksum"):
                decode_reply(bare, RX)


@pytest.mark.parametrize("length", [0, 7, 15, 0xFFFF])
def test_a_udp_length_that_does_not_fit_is_an_error(length: int) -> None:
    datagram = bytes.fromhex("829a9cbb") + length.to_bytes(2, "big") + bytes(2) + b"answer"
    packet = received(V4, 17, datagram)
    assert isinstance(value_or_error(decode_reply, packet, RX), DecodeError)
    assert isinstance(value_or_error(decode_probe, packet), DecodeError)


@pytest.mark.parametrize("family", FAMILIES)
def test_unreadable_extensions_do_not_cost_the_reply(family: Family) -> None:
    ends = (ROUTER[family], SOURCE[family])
    probe = packet_of(family, Protocol.UDP)
    packet = IpPacket.decode(icmp_error(IcmpError.TIME_EXCEEDED, *ends, probe, extensions=(STACK,)))
    message = IcmpMessage.decode(Cursor(packet.payload, "icmp"), family)
    cut_short = msgspec.structs.replace(message, body=message.body[:-1]).encode(*ends)
    reply = decode_reply(msgspec.structs.replace(packet, payload=cut_short).encode(), RX)
    assert isinstance(reply, Reply)
    assert (reply.kind, reply.extensions) == (ReplyKind.TIME_EXCEEDED, ())


@pytest.mark.parametrize("family", FAMILIES)
def test_sent_packets_that_are_no_probes_say_so(family: Family) -> None:
    number = PROTOCOL_NUMBERS[family]
    for flags in (TcpFlags.RST, TcpFlags.SYN | TcpFlags.ACK, TcpFlags.ACK):
        segment = tcp_answer(packet_of(family, Protocol.TCP), flags, 64)
        assert decode_probe(segment) == Irrelevant("a TCP segment that is no SYN")
    neither = Irrelevant("neither UDP, TCP nor an echo request")
    assert decode_probe(echo_reply(packet_of(family, Protocol.ICMP), 64)) == neither
    assert decode_probe(received(family, 89, b"")) == neither
    with pytest.raises(DecodeError):
        decode_probe(received(family, number[Protocol.TCP], bytes(7)))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_sent_packet_is_read_before_its_checksum_is_there(family: Family, protocol: Protocol) -> None:
    packet = packet_of(family, protocol)
    at = HEADER_LENGTH[family] + {Protocol.ICMP: 2, Protocol.TCP: 16, Protocol.UDP: 6}[protocol]
    assert decode_probe(packet[:at] + b"\0\0" + packet[at + 2 :]) == decode_probe(packet)
