"""The packet inspector and the log as lines, without a screen."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, UDP
from scapy.packet import Packet, Raw

from tests.stats.logbook import MS, Log
from tests.tui.view.traces import history
from tracer.model import Address, FlowId, Port, ProbeState, RoundId, Sequence, Ttl
from tui.view.cells import Line, line_width, plain, wrapped
from tui.view.chart import View, series_of
from tui.view.glyphs import GLYPHS, UNICODE, Glyphs
from tui.view.history import PACE_NS_PER_SAMPLE, Sample
from tui.view.inspector import Inspected, chosen, inspector, stepped
from tui.view.log import Choice, shown
from tui.view.log import Log as EventLog
from tui.view.privacy import Privacy
from tui.view.style import Style
from tui.view.timeline import Kind

S = 1_000_000_000


def raw(packet: Packet) -> bytes:
    return bytes(packet)


PROBE = IP(src="192.0.2.1", dst="203.0.113.9", ttl=4, id=7) / UDP(sport=40000, dport=33434) / Raw(b"hopscope")


def reply_quoting(**changes: int) -> bytes:
    """What a router sends whose quote differs from the probe in these fields of the IP header."""
    quoted = IP(raw(PROBE))
    quoted.ttl = 1
    for field, value in changes.items():
        setattr(quoted, field, value)
    del quoted.chksum
    return raw(IP(src="198.51.100.4", dst="192.0.2.1") / ICMP(type=11, code=0) / quoted)


def sample(**fields: Any) -> Sample:
    told: dict[str, Any] = {
        "sent_ns": 0,
        "round": RoundId(0),
        "ttl": Ttl(4),
        "flow": FlowId(0),
        "sequence": Sequence(1),
        "source_port": Port(40000),
        "target_port": Port(33434),
        "state": ProbeState.REPLIED,
        "rtt_ns": 5 * MS,
        "responder": Address("198.51.100.4"),
        "probe_bytes": raw(PROBE),
        "reply_bytes": reply_quoting(),
        **fields,
    }
    return Sample(**told)


def drawn(one: Sample, width: int = 80, glyphs: Glyphs = UNICODE) -> tuple[Line, ...]:
    what = Inspected(sample=one, number=1, total=2, newest=False, host="198.51.100.4")
    return inspector(what, width, glyphs)


def text(lines: tuple[Line, ...]) -> str:
    return "\n".join(plain(line).rstrip() for line in lines)


def line_with(lines: tuple[Line, ...], part: str) -> Line:
    (found,) = [line for line in lines if part in plain(line)]
    return found


# Packet inspector


def test_fields_stand_beside_their_bytes() -> None:
    shown_lines = text(drawn(sample()))
    assert "  9c 40        source port      40000" in shown_lines
    assert "  c0 00 02 01  source           192.0.2.1" in shown_lines
    assert "  68 6f 70 73 63 6f 70 65                          hopscope" in shown_lines


def test_what_every_router_changes_is_explained_and_no_alarm() -> None:
    lines = drawn(sample())
    assert "quoted as it was sent, but for what every router changes" in text(lines)
    assert "1  sent as 4, every router lowers it" in text(lines)
    assert Style.WARNING not in {style for line in lines for _, style in line}


def test_what_something_on_the_way_changed_is_set_off_with_a_mark() -> None:
    lines = drawn(sample(reply_bytes=reply_quoting(tos=0x28, id=9)))
    assert "▲ ip.dscp was sent as CS0 and quoted as AF11" in text(lines)
    assert "▲ ip.identification was sent as 0x0007 and quoted as 0x0009" in text(lines)
    assert ("AF11", Style.WARNING) in line_with(lines, "AF11  ▲ sent as CS0")


def test_a_packet_beside_its_reply_where_nothing_is_cut_for_it() -> None:
    wide = text(drawn(sample(), 140))
    assert "probe as it left, 36 bytes" in wide.splitlines()[5]
    assert "reply as it came, 64 bytes" in wide.splitlines()[5]
    assert "reply as it came" not in text(drawn(sample(), 99)).splitlines()[5]


def test_the_part_of_a_reply_that_a_socket_shows_is_told_as_such() -> None:
    lines = drawn(sample(reply_bytes=bytes(8)))
    assert "reply as it came, 8 bytes  the part of it that the socket shows" in text(lines)


def test_missing_packets_are_told_apart_from_missing_answers() -> None:
    assert "The channel did not see the probe as it left." in text(drawn(sample(probe_bytes=None)))
    assert "but not its bytes" in text(drawn(sample(reply_bytes=None)))
    lost = sample(state=ProbeState.LOST, probe_bytes=None, reply_bytes=None, responder=None, rtt_ns=None)
    assert "no answer came" in text(drawn(lost))
    assert "There is nothing to take apart" in text(drawn(lost))
    waiting = msgspec.structs.replace(lost, state=ProbeState.OUTSTANDING)
    assert "no answer yet" in text(drawn(waiting))


@given(
    st.one_of(st.none(), st.binary(max_size=120)),
    st.one_of(st.none(), st.binary(max_size=120), st.just(reply_quoting(tos=4))),
    st.integers(1, 200),
    st.sampled_from(list(GLYPHS.values())),
)
def test_any_bytes_stay_in_the_frame_and_harmless(
    probe: bytes | None, reply: bytes | None, width: int, glyphs: Glyphs
) -> None:
    lines = drawn(sample(probe_bytes=probe, reply_bytes=reply), width, glyphs)
    assert all(line_width(line) <= width for line in lines)
    assert all(plain(line).isprintable() for line in lines)


def three() -> list[Sample]:
    return [
        sample(round=RoundId(number), sequence=Sequence(number + 10), state=state)
        for number, state in enumerate((ProbeState.REPLIED, ProbeState.LOST, ProbeState.OUTSTANDING))
    ]


def test_the_newest_probe_that_has_ended_is_looked_at_until_one_is_chosen() -> None:
    assert chosen(three(), None) == 1
    assert chosen(three(), (RoundId(0), Sequence(10))) == 0
    assert chosen(three(), (RoundId(0), Sequence(99))) == 0, "the one of that round"
    assert chosen(three(), (RoundId(7), Sequence(99))) == 1
    assert chosen(three()[2:], None) == 0
    assert chosen([], None) is None


def test_stepping_ends_at_the_oldest_and_follows_the_newest() -> None:
    first, second, _ = three()
    assert stepped(three(), None, -1) == first.key
    assert stepped(three(), first.key, -1) == first.key
    assert stepped(three(), first.key, 1) == second.key
    assert stepped(three(), second.key, 1) is None
    assert stepped([], None, 1) is None


# Chart and history


def test_a_line_breaks_where_a_hop_was_not_probed() -> None:
    log = Log()
    for number in (0, 1, 5):
        log.answered(1, number, 5 * MS, number)
    apart = [msgspec.structs.replace(one, sent_ns=one.round * S) for one in history(log).samples(1)]
    assert series_of(1, apart).resumed == frozenset({5 * S})


@given(st.integers(0, 100), st.integers(0, 6))
def test_a_chart_moved_to_a_moment_shows_it(at: int, doublings: int) -> None:
    view = View(zoom=2**doublings).around(at * S, 0, 100 * S)
    left, right = view.window(0, 100 * S)
    assert left - 1 <= at * S <= right + 1
    assert view.zoom == 2**doublings


def test_the_more_samples_the_rarer_the_drawings() -> None:
    log = Log()
    for number in range(200):
        log.answered(1, number, MS, number)
    events = [msgspec.structs.replace(event, at_ns=number * MS) for number, event in enumerate(log.events)]
    kept = history(Log())
    grown = []
    for event in events:
        before = kept.version
        kept.apply(event)
        if kept.version > before:
            grown.append(event.at_ns)
    gaps = [after - before for before, after in pairwise(grown)]
    assert gaps[0] < 3 * MS
    assert gaps[-1] >= 100 * PACE_NS_PER_SAMPLE
    assert gaps == sorted(gaps)


def test_a_still_history_is_not_changed_by_later_events() -> None:
    log = Log()
    log.answered(1, 1)
    kept = history(log)
    still = kept.still()
    log.answered(1, 2)
    for event in log.events[2:]:
        kept.apply(event)
    assert (len(kept.samples(1)), len(still.samples(1))) == (2, 1)


# Log


def logged() -> EventLog:
    log = Log()
    log.answered(1, 1)
    log.sent(2, 2)
    log.lost(2, 2)
    log.duplicate(1, 1)
    kept = EventLog()
    for event in log.events:
        kept.apply(event)
    return kept


def test_the_log_is_the_same_object_while_nothing_changes() -> None:
    kept = logged()
    assert kept.entries(Privacy(), everything=True) is kept.entries(Privacy(), everything=True)
    assert kept.entries(Privacy(), everything=False) is kept.entries(Privacy(), everything=False)


def test_the_log_keeps_its_order_and_leaves_traffic_out() -> None:
    everything = logged().entries(Privacy(), everything=True)
    assert [entry.at_ns for entry in everything] == [0, 1, 2, 3, 4]
    assert [entry.kind for entry in logged().entries(Privacy(), everything=False)] == [Kind.LOSS, Kind.ODDITY]


def test_the_log_hides_and_shows_again_what_is_private() -> None:
    kept = logged()
    open_text = kept.entries(Privacy(), everything=True)[1].text
    hidden = kept.entries(Privacy(hops=1), everything=True)[1].text
    assert "198.51.100.1" in open_text
    assert "198.51.100.1" not in hidden
    assert kept.entries(Privacy(), everything=True)[1].text == open_text


def test_losses_cannot_push_out_what_is_rare() -> None:
    log = Log()
    log.duplicate(1, 1)
    for number in range(3000):
        log.lost(2, number)
    kept = EventLog()
    for event in log.events:
        kept.apply(event)
    entries = kept.entries(Privacy(), everything=True)
    assert entries[0].kind is Kind.ODDITY
    assert len(entries) == 1001


@pytest.mark.parametrize(
    ("choice", "kinds"),
    [
        (Choice(), [Kind.ODDITY]),
        (Choice(everything=True, needle="HOP 2"), [Kind.PROBE, Kind.LOSS]),
        (Choice(needle="nowhere"), []),
    ],
)
def test_the_user_chooses_what_the_log_shows(choice: Choice, kinds: list[Kind]) -> None:
    entries = logged().entries(Privacy(), everything=True)
    assert [entry.kind for entry in shown(entries, choice)] == kinds


def test_an_entry_jumped_to_is_shown_whatever_else_is() -> None:
    entries = logged().entries(Privacy(), everything=True)
    loss = next(entry for entry in entries if entry.kind is Kind.LOSS)
    assert loss in shown(entries, Choice(marked=loss))
    assert loss.probe == (2, (0, 2))


@given(st.text(st.characters(codec="utf-8"), max_size=80), st.integers(1, 40))
def test_broken_text_keeps_its_words(told: str, width: int) -> None:
    lines = wrapped(told, width)
    assert [word for line in lines for word in line.split()] == told.split()
    assert all(" " not in line or line_width(((line, Style.TEXT),)) <= width for line in lines)
