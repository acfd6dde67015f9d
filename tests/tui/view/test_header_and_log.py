"""The header, the event log and the flows: as they read, for every event, at every width."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report import samples
from tests.stats.logbook import MS, Log
from tests.tui.view.hostile import harmless, names
from tests.tui.view.traces import history, traced
from tracer.events import Event, PathChanged, TargetEvent, TraceStarted
from tracer.model import Address, ClockInfo, FlowId, Port, RoundId, StampClock, TargetInfo, Ttl
from tracer.stats.snapshot import (
    ErrorSnapshot,
    Finding,
    FindingKind,
    FlowSnapshot,
    TraceSnapshot,
    Verdict,
    VerdictKind,
)
from tui.view import timeline, verdict_line
from tui.view.cells import line_width, plain
from tui.view.glyphs import ASCII
from tui.view.history import Direction
from tui.view.paths import differing, flows_lines, groups, port_ranges
from tui.view.privacy import Privacy, mask
from tui.view.rows import Context
from tui.view.style import Severity, Style
from tui.view.timeline import Kind, entry, entry_line, following, preceding
from tui.view.verdict_line import Head, Status, banner, header, outcome

HEAD = Head(status=Status.RUNNING, channel=samples.HEADER.channel, clock=samples.HEADER.clock)


def judged(snapshot: TraceSnapshot, kind: VerdictKind, sentence: str) -> TraceSnapshot:
    verdict = Verdict(kind=kind, evidence={"sentence": sentence})
    return msgspec.structs.replace(snapshot, path_verdict=verdict)


CLEAN = judged(traced(), VerdictKind.CLEAN, "Reached in 4 hops, 100 ms; no loss that reaches the target.")


def read(snapshot: TraceSnapshot, width: int, head: Head = HEAD) -> list[str]:
    return [plain(line).rstrip() for line in header(snapshot, head, width)]


def test_the_header_in_80_columns() -> None:
    assert read(CLEAN, 80) == [
        "example.com (192.0.2.80) · ICMP by errqueue           4 hops · round 2 · running",
        "kernel clock · from 192.0.2.10 · ping sockets are open to this user",
        "● Reached in 4 hops, 100 ms; no loss that reaches the target.",
    ]


def test_a_port_that_refuses_stands_before_the_judgement_of_the_path() -> None:
    refused = Finding(
        kind=FindingKind.PORT_REFUSED, ttl=Ttl(4), after_ttl=None, evidence={"sentence": "No.", "port": 443}
    )
    assert read(msgspec.structs.replace(CLEAN, findings=(refused,)), 120)[2] == (
        "● TCP port 443 is refused · Reached in 4 hops, 100 ms; no loss that reaches the target."
    )


def test_a_narrow_header_leaves_out_whole_parts_and_keeps_the_status() -> None:
    assert read(CLEAN, 44) == [
        "example.com (192… 4 hops · round 2 · running",
        "kernel clock · from 192.0.2.10",
        "● Reached in 4 hops, 100 ms; no loss that r…",
    ]  # fmt: skip


def test_the_header_names_fixed_ports_and_two_clocks() -> None:
    head = Head(
        status=Status.FROZEN,
        channel=samples.HEADER.channel,
        clock=ClockInfo(tx=StampClock.USER, rx=StampClock.KERNEL, note="no stamps from tun0"),
        ports="443",
    )
    told = read(CLEAN, 120, head)
    assert "ICMP port 443 by errqueue" in told[0]
    assert told[0].endswith("frozen")
    assert told[1].startswith("sent by user clock, received by kernel clock (no stamps from tun0)")


def test_local_trouble_does_not_hide_the_path() -> None:
    told = read(judged(traced(), VerdictKind.LOCAL_TROUBLE, "This host kept back 1 probe."), 100)[2]
    assert told == "▲ This host kept back 1 probe. · reached in 4 hops, 100.3 ms, 0.0 % loss at the target"


@pytest.mark.parametrize(
    ("log", "text"),
    [
        (samples.eventful(), "reached in 4 hops, 100.3 ms, 0.0 % loss at the target"),
        (samples.unreachable(), "unreachable: refused at hop 2"),
        (samples.blackhole(), "not reached: silence behind hop 1"),
        (samples.unsendable(), "failed: No source port is free."),
        (Log(), "waiting for the first answer"),
    ],
)
def test_what_is_known_before_there_is_a_verdict(log: Log, text: str) -> None:
    assert outcome(log.fold()) == text


def test_privacy_reaches_the_header() -> None:
    assert read(mask(CLEAN, Privacy(9)), 80)[:2] == [
        "(hidden)                                              4 hops · round 2 · running",
        "kernel clock · from (hidden) · ping sockets are open to this user",
    ]


def test_a_banner_tells_trouble_and_remedy() -> None:
    error = samples.unsendable().fold().errors[0]
    line = banner(error, 100)
    assert plain(line).strip() == "▲ No source port is free. Widen net.ipv4.ip_local_port_range. (2 times)"
    assert line_width(line) == 100
    assert {style for _, style in line} == {Style.BANNER}


@settings(max_examples=80)
@given(names, names, st.integers(0, 200), st.sampled_from(Status))
def test_the_header_is_as_wide_as_asked_whatever_the_name(
    query: str, reason: str, width: int, status: Status
) -> None:
    snapshot = msgspec.structs.replace(
        CLEAN, target=TargetInfo(label=query, query=query, address=Address("192.0.2.80"))
    )
    channel = msgspec.structs.replace(samples.HEADER.channel, reason=reason)
    lines = header(snapshot, Head(status=status, channel=channel, clock=samples.HEADER.clock), width)
    assert [line_width(line) for line in lines] == [width] * verdict_line.HEIGHT
    assert all(harmless(plain(line)) for line in lines)


@given(names, st.integers(0, 120))
def test_a_banner_is_as_wide_as_asked(message: str, width: int) -> None:
    error = samples.unsendable().fold().errors[0]
    told = ErrorSnapshot(kind=error.kind, message=message, remedy=message, evidence={}, count=3)
    assert line_width(banner(told, width)) == width
    assert harmless(plain(banner(told, width)))


CHANGED = PathChanged(
    at_ns=83_456 * MS,
    target="example.com",
    round=RoundId(9),
    ttl=Ttl(2),
    old=(Address("198.51.100.1"), Address("198.51.100.2")),
    new=(Address("198.51.100.1"), None),
)
EVENTS: list[Event] = [
    samples.HEADER,
    *samples.eventful().events,
    *samples.unsendable().events,
    *samples.blackhole().events,
    CHANGED,
]


def test_every_type_of_event_has_a_line() -> None:
    assert set(timeline._TABLE) == {TraceStarted, *get_args(TargetEvent)}


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_reads_as_one_harmless_line(event: Event) -> None:
    text = entry(event).text
    assert text
    assert "{" not in text
    assert harmless(text)


def test_some_events_as_they_read() -> None:
    texts = {entry(event).text for event in EVENTS}
    assert {
        "trace started: ICMP by errqueue, ping sockets are open to this user",
        "hop 1: 198.51.100.1 answered in 0.400 ms",
        "hop 3: 198.51.100.32 answered late, after 22.3 ms",
        "hop 2: no answer in round 1",
        "hop 4: not sent: The send queue is full.",
        "hop 1: no source port left: No source port is free.",
        "the target answers at hop 4",
        "kernel dropped 2 times, clock stepped 0 times",
        "path changed at hop 2: 198.51.100.2 before, ??? now",
        "trace ended: target reached",
    } <= texts


def test_an_entry_in_a_line() -> None:
    assert plain(entry_line(entry(CHANGED), 50)) == "0:01:23.456 ▲ path changed at hop 2: 198.51.100.2…"
    assert plain(entry_line(entry(CHANGED), 20, ASCII)) == "0:01:23.456 * path ~"
    assert entry(CHANGED).severity is Severity.WARNING


@given(st.sampled_from(EVENTS), st.integers(0, 120))
def test_entries_are_never_wider_than_asked(event: Event, width: int) -> None:
    assert line_width(entry_line(entry(event), width)) <= width


def test_jumps_find_the_next_of_a_kind() -> None:
    log = [entry(event) for event in samples.eventful().events]
    first = following(log, -1, Kind.LOSS)
    assert first is not None
    second = following(log, first.at_ns, Kind.LOSS)
    assert second is not None
    assert preceding(log, second.at_ns, Kind.LOSS) == first
    assert preceding(log, first.at_ns, Kind.LOSS) is None


def flow(number: int, *hops: str | None, **fields: Any) -> FlowSnapshot:
    values: dict[str, Any] = {
        "source_port": Port(40_000 + number),
        "target_port": Port(33_434),
        "reached": False,
        "sent": 9,
        "received": 8,
        "lost": 1,
        "loss_pct": 100 / 9,
        "rtt": None,
        **fields,
    }
    path = tuple(None if hop is None else Address(hop) for hop in hops)
    return FlowSnapshot(id=FlowId(number), first_ttl=Ttl(1), path=path, **values)


A, B, C = Address("192.0.2.1"), Address("192.0.2.2"), Address("192.0.2.3")


def drawn(*flows: FlowSnapshot, width: int = 80, masked: int = 0) -> list[str]:
    return [plain(line).rstrip() for line in flows_lines(flows, Privacy(masked), Context(), width)]


def test_flows_on_one_path_are_told_together_and_the_ports_that_took_a_branch() -> None:
    shown = drawn(flow(0, A, B), flow(1, A, C), flow(2, A, B), flow(3, A, B))
    assert shown[:9] == [
        "4 flows, on 2 different paths",
        "",
        "path 1  3 flows",
        "    ports 40000 40002-40003 → 33434",
        f"    1 {A} → 2 {B}",
        "",
        "path 2  1 flow",
        "    ports 40001 → 33434",
        f"    2 {C} else as path 1",
    ]
    assert [line.split()[:3] for line in shown[11:]] == [
        [str(at), path, "11.1"] for at, path in enumerate("1211")
    ]


def test_silence_makes_no_other_path_and_is_filled_by_the_flows_that_were_answered() -> None:
    found = groups([flow(0, A, None), flow(1, A, B), flow(2, A, C), flow(3, A, B, C)])
    assert [(group.path, len(group.flows)) for group in found] == [((A, B, C), 3), ((A, C), 1)]
    assert groups([]) == ()


def test_a_shorter_path_differs_where_it_ends() -> None:
    assert differing((A, C), (A, B, C)) == (1,)
    assert differing((A, B, C), (A, B)) == (2,)


def test_masked_hops_still_tell_paths_apart() -> None:
    shown = drawn(flow(0, A, B, C), flow(1, A, C, C), masked=2)
    assert shown[0] == "2 flows, on 2 different paths"
    assert not any(address in line for line in shown for address in (A, B))
    assert sum(C in line for line in shown) == 1, "the third hop of the first path"


def test_moving_ports_and_identifiers_are_called_so() -> None:
    moving = drawn(flow(0, A, source_port=None, target_port=None), flow(1, B, source_port=None))
    assert moving[3] == "    ports moving → moving"
    assert moving[-2].endswith("moving→moving")
    echo = drawn(flow(0, A, target_port=Port(0)), flow(1, B, target_port=Port(0)))
    assert echo[3] == "    identifiers 40000"
    assert echo[-1].endswith("  40001")


@given(st.lists(st.integers(0, 65535)))
def test_port_ranges_name_every_port_once(ports: list[int]) -> None:
    told: list[int] = []
    for span in port_ranges(map(Port, ports)).split():
        low, _, high = span.partition("-")
        told += range(int(low), int(high or low) + 1)
    assert told == sorted(set(ports))


def test_the_history_knows_the_last_probe() -> None:
    kept = history(samples.eventful())
    assert kept.flows == 1
    assert {ttl: sample.sequence for ttl, sample in kept.last().items()} == {1: 6, 2: 7, 3: 8, 4: 11, 5: 5}


def test_the_history_is_bounded() -> None:
    log = Log()
    for sequence in range(1000):
        log.answered(1, sequence)
    assert len(history(log).samples(1)) == 512


def test_the_direction_of_a_loss_is_guessed_as_trippy_does() -> None:
    log = Log()
    for ttl in (1, 2, 3):
        log.sent(ttl, ttl)
    log.reply(1, 1)
    log.lost(2, 2)
    log.lost(3, 3)
    log.answered(1, 4, round_id=1)
    log.sent(2, 5, 1)
    log.lost(2, 5, 1)
    log.answered(3, 6, round_id=1)
    assert history(log).directions([1, 2, 3]) == {
        1: Direction(0, 0, 2),
        2: Direction(1, 0, 2),
        3: Direction(0, 1, 2),
    }


def test_a_probe_that_failed_after_all_is_no_sample() -> None:
    log = Log()
    log.sent(1, 1)
    log.failed(1, 1)
    assert history(log).samples(1) == ()
