"""What the quotes of a path tell: at which hop each thing is first seen, and that nothing else is said."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stats.logbook import TARGET, Log
from tracer.model import (
    Address,
    EndReason,
    Icmp,
    PathEndKind,
    Port,
    QuotedDiff,
    QuotedHeader,
    ReplyKind,
)
from tracer.stats.findings import translated
from tracer.stats.snapshot import Finding, FindingKind
from tracer.stats.tracker import Tracker

ALIAS, OTHER = "203.0.113.1", "203.0.113.2"


def header(*diff: QuotedDiff, ttl: int = 1, known: bool = True) -> QuotedHeader:
    return QuotedHeader(ttl=ttl, dscp=0, ecn=0, diff=diff if known else None)


def source(quoted: str = ALIAS) -> QuotedDiff:
    return QuotedDiff("source", "192.0.2.10", quoted)


def field(name: str, sent: Any = 1, quoted: Any = 2) -> QuotedDiff:
    return QuotedDiff(name, sent, quoted)


def path(*quotes: QuotedHeader | None) -> tuple[Finding, ...]:
    """Findings of a path whose hops quoted this; None is a hop that quotes nothing."""
    log = Log()
    for ttl, quoted in enumerate(quotes, start=1):
        log.answered(ttl, ttl, quoted=quoted)
    return log.fold().findings


def places(*quotes: QuotedHeader | None) -> list[tuple[str, int, int | None]]:
    return [(found.kind.value, found.ttl, found.after_ttl) for found in path(*quotes)]


def test_a_path_that_changes_nothing_has_none() -> None:
    assert places(header(), header(), None) == []
    assert path() == ()


def test_the_first_hop_that_shows_it_is_told_once() -> None:
    rewritten = header(source(), field("udp_checksum"))
    assert places(header(), header(), rewritten, rewritten) == [("nat", 3, 2)]


def test_hops_that_show_no_quote_widen_the_place() -> None:
    assert places(header(), None, header(known=False), header(source())) == [("nat", 4, 1)]
    assert places(None, header(source())) == [("nat", 2, None)]


def test_a_second_translator_is_found_too_and_moving_ports_are_none() -> None:
    first = [header(source(), field("source_port", 1, port)) for port in (4000, 4001)]
    assert places(header(), *first, header(source(OTHER))) == [("nat", 2, 1), ("nat", 4, 3)]


def test_a_checksum_alone_gives_a_translator_away_and_an_explained_one_does_not() -> None:
    assert places(header(field("udp_checksum"))) == [("nat", 1, None)]
    assert places(header(field("icmp_checksum"))) == [("nat", 1, None)]
    assert places(header(field("tcp_checksum"), field("tcp_mss", 1460, 1380))) == [("tcp_rewritten", 1, None)]
    assert places(header(field("destination", ALIAS, OTHER), field("udp_checksum"))) == [
        ("destination_rewritten", 1, None)
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("source_port", "nat"),
        ("icmp_identifier", "nat"),
        ("target_port", "destination_rewritten"),
        ("dscp", "dscp_rewritten"),
        ("ecn", "ecn_rewritten"),
        ("dont_fragment", "df_cleared"),
        ("flow_label", "flow_label_rewritten"),
        ("identification", "identification_rewritten"),
        ("total_length", "length_rewritten"),
        ("payload_length", "length_rewritten"),
        ("udp_length", "length_rewritten"),
        ("tcp_sequence", "tcp_rewritten"),
        ("tcp_flags", "tcp_rewritten"),
        ("tcp_window", "tcp_rewritten"),
    ],
)
def test_every_field_has_its_kind(name: str, kind: str) -> None:
    assert places(header(), header(field(name))) == [(kind, 2, 1)]
    (finding,) = path(header(), header(field(name)))
    assert finding.evidence["diff"] == [{"field": name, "sent": 1, "quoted": 2}]
    assert finding.sentence.endswith(", between hop 1 and hop 2.")


def test_congestion_is_no_bleaching() -> None:
    (marked,) = path(header(field("ecn", 2, 3)))
    assert marked.sentence == "Congestion is marked (ECN), before hop 1."
    (bleached,) = path(header(field("ecn", 2, 0)))
    assert bleached.sentence == "ECN 2 becomes 0 (bleached), before hop 1."


@pytest.mark.parametrize(
    ("quoted", "nat"),
    [
        (None, None),
        (header(known=False), None),
        (header(), False),
        (header(field("dscp"), field("tcp_checksum"), field("identification")), False),
        (header(source()), True),
        (header(field("destination")), True),
        (header(field("udp_checksum")), True),
    ],
)
def test_whether_a_hop_shows_a_translator(quoted: QuotedHeader | None, *, nat: bool | None) -> None:
    assert translated(quoted) is nat


def test_a_ttl_left_over_is_told_with_every_hop_that_quotes_one() -> None:
    found = path(header(), header(ttl=2), header(ttl=3), header())
    assert [(one.kind, one.ttl, one.after_ttl) for one in found] == [(FindingKind.QUOTED_TTL, 2, 1)]
    assert found[0].evidence["quoted_ttls"] == [{"ttl": 2, "quoted": 2}, {"ttl": 3, "quoted": 3}]
    assert found[0].sentence.startswith("Hops 2-3 quote a TTL above 1")


def test_a_ttl_of_0_is_a_habit_of_routers_and_no_finding() -> None:
    assert places(header(ttl=0)) == []


def ends(responder: str, *numbers: int, kind: PathEndKind = PathEndKind.UNREACHABLE) -> tuple[Finding, ...]:
    log = Log()
    log.answered(1, 1)
    icmp = Icmp(*numbers)
    log.answered(2, 2, responder=Address(responder), kind=ReplyKind.UNREACHABLE, icmp=icmp)
    log.path_end(2, kind)
    log.ended(EndReason.UNREACHABLE)
    return log.fold().findings


@pytest.mark.parametrize("code", [9, 10, 13])
def test_a_filter_at_the_end_is_told(code: int) -> None:
    (found,) = ends("198.51.100.2", 3, code)
    assert (found.kind, found.ttl) == (FindingKind.PROHIBITED, 2)
    assert (found.evidence["type"], found.evidence["code"]) == (3, code)
    assert "administratively prohibited" in found.sentence


@pytest.mark.parametrize(("responder", "numbers"), [("198.51.100.2", (3, 3)), ("2001:db8::2", (1, 4))])
def test_a_host_that_is_not_the_target_and_says_port_unreachable_is_told(
    responder: str, numbers: tuple[int, int]
) -> None:
    (found,) = ends(responder, *numbers)
    assert (found.kind, found.ttl) == (FindingKind.OTHER_ADDRESS, 2)


def answered_over_tcp(*answers: tuple[ReplyKind, int]) -> tuple[Finding, ...]:
    log = Log()
    for round_id, (kind, port) in enumerate(answers):
        log.sent(1, round_id, round_id=round_id)
        log.reply(
            1,
            round_id,
            round_id=round_id,
            kind=kind,
            icmp=None,
            responder=TARGET.address,
            target_port=Port(port),
        )
    log.path_end(1, PathEndKind.TARGET)
    return log.fold().findings


def test_a_target_that_resets_tcp_is_told_with_its_port() -> None:
    (found,) = answered_over_tcp((ReplyKind.RST, 81), (ReplyKind.RST, 81))
    assert (found.kind, found.ttl, found.evidence["port"]) == (FindingKind.PORT_REFUSED, 1, 81)
    assert found.sentence.startswith("The target refuses TCP port 81 (RST): nothing listens there")


@pytest.mark.parametrize(
    "answers",
    [
        [(ReplyKind.SYN_ACK, 80)],
        [(ReplyKind.RST, 80), (ReplyKind.SYN_ACK, 80)],
        [(ReplyKind.RST, 33434), (ReplyKind.RST, 33435)],
    ],
    ids=["open", "opened since", "ports move"],
)
def test_no_refusal_is_told_of_a_port_that_is_open_or_moves(answers: list[tuple[ReplyKind, int]]) -> None:
    assert answered_over_tcp(*answers) == ()


def test_the_target_saying_port_unreachable_is_no_finding() -> None:
    assert TARGET.address is not None
    assert ends(TARGET.address, 3, 3, kind=PathEndKind.TARGET) == ()


def test_a_missing_route_is_the_verdict_of_the_path_and_no_finding() -> None:
    assert ends("198.51.100.2", 3, 0) == ()


def test_the_same_quotes_give_the_same_object() -> None:
    log = Log()
    log.answered(1, 1, quoted=header(source()))
    tracker = Tracker(TARGET)
    for event in log.events:
        tracker.apply(event)
    before = tracker.snapshot().findings
    log.answered(1, 2, quoted=header(source()))
    for event in log.events[-2:]:
        tracker.apply(event)
    assert tracker.snapshot().findings is before
