"""The report for people, as it looks."""

from __future__ import annotations

from textwrap import dedent

import msgspec
import pytest

from tests.report import samples
from tests.stats.logbook import Log, failure
from tracer.model import Address, EndReason, Icmp, PathEndKind, TargetInfo
from tracer.report.document import Report
from tracer.report.marks import mark
from tracer.report.pretty import render

HEADER = "example.com (192.0.2.80), icmp by errqueue: ping sockets are open to this user\n"


def looks(text: str) -> str:
    return dedent(text).lstrip("\n")


def test_a_trace_that_arrives() -> None:
    assert render([samples.report(samples.eventful())]) == HEADER + looks("""
        # Host              Loss% Snt Recv  Last   Avg  Best Worst StDev   p90
        1 198.51.100.1        0.0   2    2   0.6   0.5   0.4   0.6   0.1   0.6
        2 ???               100.0   2    0     *     *     *     *     *     *
        3 198.51.100.31 50%   0.0   2    2  22.3  17.3  12.3  22.3   7.1  21.3  mpls 24015/17, 1 late, 1 duplicate
          198.51.100.32 50%
        4 192.0.2.80          0.0   2    2 100.4 100.3 100.2 100.4   0.1 100.4  1 failed, 1 skipped
        Reached in 4 hops, 100 ms; 0 of 2 probes to the target lost so far, too few to judge. 2 rounds.
        Noticed: 2 packets dropped by a full receive queue, 1 of 6 times taken by this process, not by the kernel.
        queue_full: The send queue is full.
            Lower --max-rate.
    """)  # noqa: E501  # the text is as wide as it takes; that is what is shown


def test_the_same_trace_in_80_columns() -> None:
    assert render([samples.report(samples.eventful())], 80) == HEADER + looks("""
        # Host              Loss% Snt Recv  Last   Avg  Best Worst StDev   p90
        1 198.51.100.1        0.0   2    2   0.6   0.5   0.4   0.6   0.1   0.6
        2 ???               100.0   2    0     *     *     *     *     *     *
        3 198.51.100.31 50%   0.0   2    2  22.3  17.3  12.3  22.3   7.1  21.3
            mpls 24015/17, 1 late, 1 duplicate
          198.51.100.32 50%
        4 192.0.2.80          0.0   2    2 100.4 100.3 100.2 100.4   0.1 100.4
            1 failed, 1 skipped
        Reached in 4 hops, 100 ms; 0 of 2 probes to the target lost so far, too few to
            judge. 2 rounds.
        Noticed: 2 packets dropped by a full receive queue, 1 of 6 times taken by this
            process, not by the kernel.
        queue_full: The send queue is full.
            Lower --max-rate.
    """)


def test_a_router_that_refuses() -> None:
    assert render([samples.report(samples.unreachable())]) == HEADER + looks("""
        # Host         Loss% Snt Recv  Last   Avg  Best Worst StDev   p90
        1 198.51.100.1   0.0   1    1 0.400 0.400 0.400 0.400     - 0.400
        2 198.51.100.2   0.0   1    1 0.800 0.800 0.800 0.800     - 0.800  !H, mtu 1400
        Not reached: hop 2 says that the target cannot be reached. 1 round.
    """)


def test_silence() -> None:
    assert render([samples.report(samples.blackhole())]) == HEADER + looks("""
        # Host         Loss% Snt Recv  Last   Avg  Best Worst StDev   p90
        1 198.51.100.1   0.0   1    1 0.400 0.400 0.400 0.400     - 0.400
        2 ???          100.0   1    0     *     *     *     *     *     *
        3 ???          100.0   1    0     *     *     *     *     *     *
        4 ???          100.0   1    0     *     *     *     *     *     *
        Not reached: hop 1 is the last to answer; one end cannot tell whether what follows is cut off or silent. 1 round.
    """)  # noqa: E501  # the text is as wide as it takes; that is what is shown


def test_a_host_that_cannot_send() -> None:
    assert render([samples.report(samples.unsendable())]) == HEADER + looks("""
        # Host Loss% Snt Recv Last Avg Best Worst StDev p90
        1 ???      *   0    0    *   *    *     *     *   *  2 failed
        Failed, 1 round.
        ephemeral_ports_exhausted (2 times): No source port is free.
            Widen net.ipv4.ip_local_port_range.
    """)


def test_long_addresses_get_a_line_of_their_own_where_there_is_no_room() -> None:
    target, log = samples.ipv6()
    text = render([samples.report(log, target)], 80)
    assert text == looks("""
        example.com (2001:db8::80), icmp by errqueue: ping sockets are open to this user
        # Host                        Loss% Snt Recv  Last   Avg  Best Worst StDev   p90
        1 2001:db8:1111:2222:3333:4444:5555:6666
                                        0.0   1    1 0.400 0.400 0.400 0.400     - 0.400
        2 2001:db8::80                  0.0   1    1 0.900 0.900 0.900 0.900     - 0.900
        Reached in 2 hops, 0.90 ms; 0 of 1 probe to the target lost so far, too few to
            judge. 1 round.
        Hop 2 says port unreachable, which only a host says that a packet has come to:
            the target under another of its addresses, or a host it is translated to.
    """)
    wide = render([samples.report(log, target)], 100)
    assert "1 2001:db8:1111:2222:3333:4444:5555:6666   0.0   1" in wide


def test_several_targets_are_blocks_and_an_unresolved_one_keeps_its_place() -> None:
    reports = [samples.report(Log(), samples.nowhere()), samples.report(samples.unreachable())]
    blocks = render(reports).split("\n\n")
    assert blocks[0] == looks("""
        nowhere.example.com, icmp by errqueue: ping sockets are open to this user
        Failed.
        target_not_resolved: nowhere.example.com has no address.
            Check the spelling and the resolver, or give an address.
    """).rstrip("\n")
    assert blocks[1].startswith(HEADER)


def worst_case() -> Report:
    """30 hops of the longest IPv4 addresses, seconds of delay, thousands of probes, three ways at one hop."""
    log = Log()
    for ttl in range(1, 31):
        for sequence in range(6):
            address = Address(f"198.51.100.{200 + ttl}" if ttl % 5 else f"198.51.100.{240 + sequence % 3}")
            log.answered(ttl, 100 * ttl + sequence, 1_999_999_999 - sequence, responder=address)
    log.path_end(30, PathEndKind.GAP)
    log.ended(EndReason.MAX_TTL)
    return samples.report(log)


@pytest.mark.parametrize(
    "report", [worst_case(), samples.report(samples.eventful()), samples.report(samples.unsendable())]
)
def test_no_line_of_an_ipv4_trace_is_wider_than_80_columns(report: Report) -> None:
    assert max(map(len, render([report], 80).splitlines())) <= 80


@pytest.mark.parametrize("width", [None, 40, 80, 100, 132])
def test_nothing_is_cut_off_however_narrow(width: int | None) -> None:
    text = render([samples.report(samples.eventful()), worst_case()], width)
    for part in (
        "198.51.100.31",
        "198.51.100.242",
        "mpls 24015/17",
        "1 duplicate",
        "2000.0",
        "Lower --max-rate.",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (EndReason.TARGET_REACHED, "too few to judge. 2 rounds."),
        (EndReason.INTERRUPTED, "too few to judge. Interrupted after 2 rounds."),
        (EndReason.TRUNCATED, "too few to judge. The record stops after 2 rounds."),
    ],
)
def test_the_outcome_is_one_sentence(reason: EndReason, sentence: str) -> None:
    report = samples.report(samples.eventful())
    outcome = msgspec.structs.replace(report.outcome, reason=reason)
    assert sentence in render([msgspec.structs.replace(report, outcome=outcome)])


def test_every_reason_has_its_sentence_with_and_without_a_verdict() -> None:
    log = Log()
    log.sent(1, 1)
    for reason in EndReason:
        report = samples.report(log)
        outcome = msgspec.structs.replace(report.outcome, reason=reason)
        report = msgspec.structs.replace(report, outcome=outcome)
        assert "1 round.\n" in render([report])
        assert ", 1 round.\n" in render([msgspec.structs.replace(report, path_verdict=None)])


def test_hostile_text_moves_no_cursor() -> None:
    target = TargetInfo(label="x", query="\x1b[2Jexample.com", address=Address("192.0.2.80"))
    log = Log()
    log.failed(1, 1, failure(message="\x1b[31mred", remedy="\u202eback"))
    report = samples.report(log, target)
    hop = samples.report(samples.blackhole()).hops[0]
    named = msgspec.structs.replace(hop.responders[0], hostname="a\x07b.example.com")
    report = msgspec.structs.replace(report, hops=(msgspec.structs.replace(hop, responders=(named,)),))
    text = render([report])
    assert text.replace("\n", "").isprintable()
    assert r"a\x07b.example.com (198.51.100.1)" in text


@pytest.mark.parametrize(
    ("icmp", "responder", "expected"),
    [
        (Icmp(3, 0), "192.0.2.1", "!N"),
        (Icmp(3, 1), "192.0.2.1", "!H"),
        (Icmp(3, 13), "192.0.2.1", "!X"),
        (Icmp(3, 6), "192.0.2.1", "!<6>"),
        (Icmp(3, 3), "192.0.2.1", "!<3>"),
        (Icmp(3, 3), "192.0.2.80", ""),
        (Icmp(11, 0), "192.0.2.1", ""),
        (None, "192.0.2.1", ""),
        (Icmp(1, 0), "2001:db8::1", "!N"),
        (Icmp(1, 3), "2001:db8::1", "!H"),
        (Icmp(1, 4), "2001:db8::1", "!<4>"),
        (Icmp(3, 0), "2001:db8::1", ""),
    ],
)
def test_complaints_are_marked_as_traceroute_marks_them(
    icmp: Icmp | None, responder: str, expected: str
) -> None:
    assert mark(icmp, Address(responder), Address("192.0.2.80")) == expected


def test_the_targets_closed_port_is_no_complaint_in_ipv6_either() -> None:
    assert mark(Icmp(1, 4), Address("2001:db8::80"), Address("2001:db8::80")) == ""
