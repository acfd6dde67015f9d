"""What a reply tells of its probe's way, with and without the packet that left."""

from __future__ import annotations

import msgspec
import pytest

from tests.engine.engine_driver import LABEL, TARGET, Driven, reply_to, router
from tests.engine.samples_of_probes import tracked
from tracer.engine.quoting import quoted_header
from tracer.engine.story import Story
from tracer.events import ForeignReply, ReplyReceived
from tracer.model import (
    Address,
    Family,
    ForeignReason,
    PacketShape,
    ProbeState,
    Quoted,
    QuotedDiff,
    QuotedHeader,
    Reply,
    ReplyKind,
    Sequence,
    SourceInfo,
)
from tracer.wire.build import probe_packet
from tracer.wire.ip import IpPacket

SOURCE, ALIAS = Address("192.0.2.1"), Address("203.0.113.1")
INSIDE = Address("203.0.113.99")


def quoted(packet: bytes | None, **fields: int | None) -> Quoted:
    about = tracked().probe
    told = {"ttl": 1, "tos": 46 << 2 | 1, **fields}
    return Quoted(
        protocol=about.protocol, destination=about.target, identity=about.identity, packet=packet, **told
    )


def rewritten(**fields: str | int) -> bytes:
    """The probe's packet with other values in its IP header."""
    packet = IpPacket.decode(probe_packet(tracked().probe, SOURCE))
    return msgspec.structs.replace(packet, **fields).encode()


def test_the_header_is_split_in_dscp_and_ecn() -> None:
    told = quoted_header(quoted(None), tracked(), SOURCE)
    assert told == QuotedHeader(ttl=1, dscp=46, ecn=1, diff=None)


@pytest.mark.parametrize("hidden", ["ttl", "tos"])
def test_a_channel_that_does_not_see_the_header_tells_nothing(hidden: str) -> None:
    assert quoted_header(quoted(rewritten(), **{hidden: None}), tracked(), SOURCE) is None


def test_what_left_is_what_a_quote_is_compared_with() -> None:
    probe = tracked()
    probe.packet = rewritten(identification=7)
    told = quoted_header(quoted(rewritten(identification=8)), probe, None)
    assert told is not None
    assert told.diff == (QuotedDiff("identification", 7, 8),)


def test_where_the_channel_does_not_show_what_left_it_is_rebuilt() -> None:
    told = quoted_header(quoted(rewritten(source=ALIAS, ttl=1)), tracked(), SOURCE)
    assert told is not None
    assert told.diff == (QuotedDiff("source", SOURCE, ALIAS),)
    assert quoted_header(quoted(rewritten()), tracked(), SOURCE) == QuotedHeader(
        ttl=1, dscp=46, ecn=1, diff=()
    )


@pytest.mark.parametrize("family", Family)
def test_what_the_kernel_fills_in_is_no_difference_of_a_rebuilt_probe(family: Family) -> None:
    target, source = {
        Family.IPV4: (TARGET, SOURCE),
        Family.IPV6: (Address("2001:db8::9"), Address("2001:db8::1")),
    }[family]
    following = tracked()
    # A kernel fills in an identification of 0 only, so only a sequence of 0 lets it.
    following.probe = msgspec.structs.replace(following.probe, target=target, sequence=Sequence(0))
    packet = IpPacket.decode(probe_packet(following.probe, source))
    filled = msgspec.structs.replace(packet, identification=4711, flow_label=0x12345).encode()
    told = quoted_header(quoted(filled), following, source)
    assert told is not None
    assert told.diff == ()
    following.packet = probe_packet(following.probe, source)
    told = quoted_header(quoted(filled), following, source)
    assert told is not None
    assert len(told.diff or ()) == 1


def test_an_identification_of_0_is_the_kernels_to_fill_in_where_fragments_are_allowed() -> None:
    probe = tracked()
    probe.packet = rewritten(identification=0)
    for dont_fragment, fields in ((True, ["identification"]), (False, [])):
        shape = msgspec.structs.replace(probe.probe.shape, dont_fragment=dont_fragment)
        probe.probe = msgspec.structs.replace(probe.probe, shape=shape)
        told = quoted_header(quoted(rewritten(identification=9)), probe, SOURCE)
        assert told is not None
        assert [diff.field for diff in told.diff or ()] == fields


def test_without_a_source_nothing_is_said_of_differences() -> None:
    told = quoted_header(quoted(rewritten(source=ALIAS)), tracked(), None)
    assert told is not None
    assert told.diff is None


def test_the_event_carries_it() -> None:
    story, one = Story(LABEL, SourceInfo(SOURCE, None)), tracked()
    reply = reply_to(one.probe, ReplyKind.TIME_EXCEEDED, router(3), 9)
    reply = msgspec.structs.replace(reply, quoted=quoted(rewritten(source=ALIAS)))
    story.answered(one, reply, TARGET, ProbeState.OUTSTANDING, 10)
    (event,) = story.take()
    assert isinstance(event, ReplyReceived)
    assert event.quoted is not None
    assert event.quoted.diff == (QuotedDiff("source", SOURCE, ALIAS),)
    again = msgspec.json.decode(msgspec.json.encode(event), type=ReplyReceived)
    assert again == event


def elsewhere(driven: Driven, responder: Address) -> Reply:
    """An error about the first probe that quotes another destination."""
    reply = reply_to(driven.sent[0], ReplyKind.UNREACHABLE, responder, 9)
    return msgspec.structs.replace(reply, quoted=msgspec.structs.replace(reply.quoted, destination=INSIDE))


def test_the_target_may_quote_the_address_it_was_translated_to() -> None:
    driven = Driven()
    driven.tick(0)
    driven.receive(elsewhere(driven, TARGET), 9)
    (event,) = driven.told(ReplyReceived)
    assert event.reached
    assert driven.told(ForeignReply) == []


def test_anybody_else_who_quotes_another_destination_is_foreign() -> None:
    driven = Driven()
    driven.tick(0)
    driven.receive(elsewhere(driven, router(1)), 9)
    assert [event.reason for event in driven.told(ForeignReply)] == [ForeignReason.WRONG_DESTINATION]
    assert driven.told(ReplyReceived) == []


def test_even_the_target_must_quote_what_was_sent() -> None:
    driven = Driven()
    driven.tick(0)
    reply = elsewhere(driven, TARGET)
    other = msgspec.structs.replace(reply.quoted, identity=(1, 2))
    driven.receive(msgspec.structs.replace(reply, quoted=other), 9)
    assert [event.reason for event in driven.told(ForeignReply)] == [ForeignReason.UNKNOWN_IDENTITY]


def test_size_and_pattern_of_the_probe_do_not_matter() -> None:
    probe = tracked()
    probe.probe = msgspec.structs.replace(probe.probe, shape=PacketShape(size=200, pattern=7))
    packet = probe_packet(probe.probe, SOURCE)
    for end in (28, 60, len(packet)):
        told = quoted_header(quoted(packet[:end]), probe, SOURCE)
        assert told is not None
        assert told.diff == ()
