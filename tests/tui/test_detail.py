"""The panel about a hop: what it tells, and what it leaves out where nothing is known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report import samples
from tests.stats.logbook import TARGET, Log
from tests.tui.still_screen import opened, press, started, text_of
from tests.tui.view.hostile import HOSTILE, harmless, names
from tests.tui.view.traces import history
from tracer.model import (
    Address,
    Icmp,
    InterfaceIdentification,
    InterfaceInformation,
    InterfaceRole,
    ProbeState,
    QuotedDiff,
    QuotedHeader,
)
from tui.view.cells import line_width, plain
from tui.view.detail import Subject, detail, icmp_text
from tui.view.glyphs import ASCII, GLYPHS, UNICODE
from tui.view.losses import losses
from tui.view.privacy import HIDDEN
from tui.view.rows import Context
from tui.widgets import Detail

EVENTFUL = samples.eventful()


def subject(ttl: int, log: Log = EVENTFUL, **fields: Any) -> Subject:
    snapshot = log.fold()
    at = [hop.ttl for hop in snapshot.hops].index(ttl)  # type: ignore[arg-type] # a TTL is an int
    told = {"hop": snapshot.hops[at], "verdict": snapshot.hop_verdicts[at], **fields}
    return Subject(samples=history(log).samples(ttl), **told)


def drawn(told: Subject, width: int = 60, height: int = 40) -> str:
    return "\n".join(plain(line).rstrip() for line in detail(told, width, height))


def fact(text: str, label: str) -> str:
    return next(line.removeprefix(f" {label}").strip() for line in text.splitlines() if f" {label} " in line)


def test_loss_stands_with_its_interval() -> None:
    # Wilson 1927 for 2 of 2: z = 1.96, so the lower end is 1 / (1 + z^2 / 2) = 34.2 %.
    assert fact(drawn(subject(2)), "loss") == "100 % (2 of 2), 95 %: 34.2 to 100 %"


def test_the_verdict_is_told_in_its_sentence() -> None:
    told = subject(2)
    assert told.verdict is not None
    words = " ".join(drawn(told, 60).split())
    assert told.verdict.sentence in words


def test_icmp_is_told_by_name_and_number_in_the_family_of_the_sender() -> None:
    assert icmp_text(Icmp(3, 0), Address("192.0.2.1")) == (
        "destination unreachable, network unreachable (3/0)"
    )
    assert icmp_text(Icmp(3, 0), Address("2001:db8::1")) == (
        "time exceeded, hop limit exceeded in transit (3/0)"
    )
    assert icmp_text(Icmp(3, 0), HIDDEN) == "type 3, code 0"
    assert "time to live exceeded in transit (11/0)" in drawn(subject(1), 70)


def test_each_responder_has_its_share_its_times_and_its_extensions() -> None:
    first, second = drawn(subject(3)), drawn(subject(3, ordinal=1))
    assert "→ 198.51.100.31  50%" in first
    assert "label 24015 class 0 TTL 1" in first
    assert "→ 198.51.100.32  50%" in second
    assert "MPLS" not in second
    assert fact(second, "time").startswith("last 22.3, best 22.3, mean 22.3, worst 22.3 ms")


def test_extensions_that_are_not_known_are_shown_as_bytes() -> None:
    assert "class 4 type 1, 2 bytes: 00 ff" in drawn(subject(1, samples.unreachable()))


def test_what_is_not_known_is_left_out() -> None:
    text = drawn(subject(1))
    assert not {"quoted", "extension", "MPLS", "also"} & {
        line.split(" ")[1] for line in text.splitlines() if line
    }
    silent = drawn(subject(2))
    assert "???" in silent
    assert not {"time", "answer", "reply"} & {line.split(" ")[1] for line in silent.splitlines() if line}


def test_names_systems_places_and_quotes_appear_where_they_are_known() -> None:
    context = Context(
        names={Address("198.51.100.1"): "gw.example.net"},
        asns={Address("198.51.100.1"): "AS64500"},
        countries={Address("198.51.100.1"): "DE"},
    )
    quoting = Log()
    diff = (
        QuotedDiff("source", "192.0.2.10", "203.0.113.9"),
        QuotedDiff("dont_fragment", sent=True, quoted=False),
        QuotedDiff("dscp", 46, 18),
    )
    quoting.answered(1, 1, quoted=QuotedHeader(ttl=2, dscp=18, ecn=3, diff=diff))
    text = drawn(subject(1, quoting, context=context), 70)
    assert "gw.example.net (198.51.100.1)  AS64500  DE" in text
    assert fact(text, "quoted") == "TTL 2 · DSCP AF21 · ECN CE · NAT yes"
    assert fact(text, "changed") == "source 192.0.2.10 → 203.0.113.9"
    assert "dont fragment yes → no" in text
    assert "dscp EF → AF21" in text


def test_what_a_hop_shows_first_is_told_there_only() -> None:
    log = Log()
    diff = (QuotedDiff("ecn", 2, 0),)
    log.answered(1, 1, quoted=QuotedHeader(ttl=1, dscp=0, ecn=2, diff=()))
    for ttl in (2, 3):
        log.answered(ttl, ttl, quoted=QuotedHeader(ttl=1, dscp=0, ecn=0, diff=diff))
    findings = log.fold().findings
    told = fact(drawn(subject(2, log, findings=findings), 75), "begins")
    assert told == "ECN 2 becomes 0 (bleached), between hop 1 and hop 2."
    for ttl in (1, 3):
        assert "begins" not in drawn(subject(ttl, log, findings=findings))


def test_the_way_back_is_told_with_its_ambiguity() -> None:
    log = Log()
    log.answered(1, 1, reply_ttl=52)
    log.answered(2, 2, reply_ttl=250)
    words = " ".join(drawn(subject(1, log)).split())
    assert "TTL 52: 13 hops back if it started at 64 (77 if at 128, 204 if at 255)" in words
    assert "TTL 250: 6 hops back if it started at 255 stamped" in " ".join(drawn(subject(2, log)).split())


def test_interfaces_are_told_part_by_part() -> None:
    log = Log()
    extensions = (
        InterfaceInformation(
            role=InterfaceRole.INCOMING, index=7, address=Address("198.51.100.1"), name="xe-0/0/1", mtu=1500
        ),
        InterfaceIdentification(name="ge\x1b-1"),
    )
    log.answered(1, 1, extensions=extensions)
    text = drawn(subject(1, log), 74)
    assert fact(text, "iface") == "in by xe-0/0/1 #7 198.51.100.1 MTU 1500"
    assert r"ge\x1b-1" in text


def test_the_histogram_counts_every_answer() -> None:
    log = Log()
    for sequence in range(30):
        log.answered(1, sequence, 1_000_000 + sequence * 100_000)
    text = drawn(subject(1, log), 120, 13)
    assert "p50" in text
    assert "p99" in text
    counts = [int(line[80:].split("█")[-1].split()[0]) for line in text.splitlines() if "█" in line[80:]]
    assert sum(counts) == 30


def outcomes(each: str) -> Log:
    """One probe for each character; an ``x`` is lost."""
    log = Log()
    for sequence, outcome in enumerate(each):
        log.sent(1, sequence)
        if outcome == "x":
            log.lost(1, sequence)
        else:
            log.reply(1, sequence)
    return log


def test_losses_over_time_tell_all_some_and_none() -> None:
    kept = history(outcomes("xxxx....x...")).samples(1)
    line = losses(kept, 3, UNICODE)
    assert plain(line) == "×·▃"  # noqa: RUF001 - a loss


@given(st.text("x.", max_size=60), st.integers(-1, 80))
def test_no_loss_is_hidden_by_drawing_it_small(each: str, width: int) -> None:
    kept = history(outcomes(each)).samples(1)
    line = losses(kept, width, ASCII)
    assert len(line) == max(min(width, len(each)), 0)
    if line:
        assert (plain(line).strip() == "") is ("x" not in each)
        assert all(sample.state in (ProbeState.LOST, ProbeState.REPLIED) for sample in kept)


@settings(deadline=None)
@given(names, names, st.integers(1, 200), st.integers(1, 30), st.sampled_from([*GLYPHS]))
def test_text_from_the_network_is_data(name: str, asn: str, width: int, height: int, glyphs: str) -> None:
    address = Address("198.51.100.1")
    context = Context(names={address: name}, asns={address: asn}, countries={address: asn})
    lines = detail(subject(1, context=context), width, height, GLYPHS[glyphs])
    assert {line_width(line) for line in lines} <= {width}
    assert all(harmless(plain(line)) for line in lines)


# On the screen


async def test_it_opens_on_the_worst_hop_and_follows_the_selection() -> None:
    async with opened([started(TARGET), *samples.blackhole().events]) as (pilot, screen):
        panel = screen.query_one(Detail)
        assert not panel.display
        await press(pilot, "d")
        target = screen.scene.target
        assert target is not None
        assert target.selected == 2
        assert "???" in text_of(panel)
        await press(pilot, "up")
        assert "198.51.100.1" in text_of(panel)
        await press(pilot, "d")
        assert not panel.display


async def test_the_dot_shows_the_next_responder() -> None:
    async with opened([started(TARGET), *EVENTFUL.events]) as (pilot, screen):
        await press(pilot, "down", "down", "down", "enter", "full_stop")
        assert "→ 198.51.100.32" in text_of(screen.query_one(Detail))


async def test_without_hops_it_says_so() -> None:
    async with opened([started(TARGET)]) as (pilot, screen):
        await press(pilot, "d")
        assert "no hop is selected" in text_of(screen.query_one(Detail))


@pytest.mark.parametrize("name", HOSTILE[:7])
async def test_a_hostile_address_is_shown_harmlessly(name: str) -> None:
    log = Log()
    log.answered(1, 1, responder=Address(name))
    async with opened([started(msgspec.structs.replace(TARGET)), *log.events]) as (pilot, screen):
        await press(pilot, "d")
        text = text_of(screen.query_one(Detail))
        assert text.replace("\n", "").isprintable()
        assert pilot.app.is_running
