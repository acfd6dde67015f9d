"""The shipped scenarios, run by the whole engine in virtual time: the verdict names problem and hop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest

from tracer.clock import VirtualClock
from tracer.config import SECOND, TraceConfig
from tracer.events import Event, PathChanged
from tracer.model import Address
from tracer.prepare import simulated
from tracer.report import pretty
from tracer.report.fold import Fold
from tracer.session import Prepared, Session
from tracer.sim.channel import SimChannel
from tracer.sim.internet import Internet
from tracer.sim.load import load
from tracer.stats.snapshot import TraceSnapshot, VerdictKind


def followed(prepared: Prepared, config: TraceConfig) -> tuple[Fold, list[Event]]:
    fold, events = Fold(), list[Event]()

    def listen(batch: Sequence[Event]) -> None:
        fold.apply(batch)
        events.extend(batch)

    asyncio.run(Session(prepared, config, [listen]).run())
    return fold, events


def run(name: str, rounds: int = 60, interval_ns: int = SECOND) -> tuple[Fold, list[Event]]:
    config = TraceConfig(
        report_cycles=rounds, min_round_duration_ns=interval_ns, max_round_duration_ns=interval_ns
    )
    return followed(simulated([], config, name, VirtualClock()), config)


def only(fold: Fold) -> TraceSnapshot:
    (snapshot,) = fold.snapshots()
    return snapshot


def verdict(name: str, rounds: int = 60, interval_ns: int = SECOND) -> tuple[VerdictKind, str]:
    told = only(run(name, rounds, interval_ns)[0]).path_verdict
    assert told is not None
    return told.kind, told.sentence


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("clean", "Reached in 8 hops, 20 ms, no loss that reaches the target."),
        ("lan", "Reached in 5 hops, 1.3 ms, no loss that reaches the target."),
        ("wan", "Reached in 16 hops, 100 ms, no loss that reaches the target."),
    ],
)
def test_paths_without_trouble_are_clean(name: str, sentence: str) -> None:
    assert verdict(name) == (VerdictKind.CLEAN, sentence)


def test_the_silent_routers_of_wan_are_harmless() -> None:
    kinds = [told.kind for told in only(run("wan")[0]).hop_verdicts]
    silent = {index + 1 for index, kind in enumerate(kinds) if kind is VerdictKind.OWN_ANSWERS_ONLY}
    assert (silent, set(kinds)) == ({4, 12}, {VerdictKind.CLEAN, VerdictKind.OWN_ANSWERS_ONLY})


def test_loss_names_the_lossy_link() -> None:
    kind, sentence = verdict("loss")
    assert kind is VerdictKind.LOSS_REACHES_TARGET
    assert sentence.endswith("begins at hop 5 and reaches the target.")


def test_ratelimit_names_the_router_and_claims_no_limit_at_a_steady_rate() -> None:
    kind, sentence = verdict("ratelimit")
    assert kind is VerdictKind.OWN_ANSWERS_ONLY
    assert "no loss that reaches the target; hop 4 answers" in sentence


def test_route_change_names_where_the_paths_part() -> None:
    assert verdict("route-change") == (
        VerdictKind.PATH_CHANGED,
        "The path changed at hop 4, seen in round 13: 7 hops became 10, 24 ms became 61 ms.",
    )


def test_route_change_is_one_event_with_both_paths() -> None:
    scenario = load("route-change")
    target = scenario.target.addresses[0]
    old = tuple(hop.addresses[0] for hop in scenario.hops)
    (change,) = scenario.changes
    new = (
        *old[: change.from_ttl - 1],
        *(hop.addresses[0] for hop in change.hops),
        *old[change.to_ttl or 99 :],
    )
    events = [event for event in run("route-change")[1] if isinstance(event, PathChanged)]
    assert [(event.ttl, event.old, event.new) for event in events] == [(4, (*old, target), (*new, target))]


def test_bufferbloat_names_the_hop_whose_queue_fills() -> None:
    kind, sentence = verdict("bufferbloat")
    assert kind is VerdictKind.BUFFERBLOAT
    assert "from 22 ms" in sentence
    assert "from hop 2 on" in sentence


def test_blackhole_names_the_last_hop_that_answers() -> None:
    kind, sentence = verdict("blackhole", rounds=12)
    assert kind is VerdictKind.NOT_REACHED
    assert "hop 7 is the last to answer" in sentence


@pytest.mark.parametrize("name", ["clean", "wan", "loss", "bufferbloat"])
def test_a_steady_path_never_changes(name: str) -> None:
    assert not any(isinstance(event, PathChanged) for event in run(name)[1])


def test_chance_of_the_simulator_leads_to_the_same_verdict_as_that_of_the_tests() -> None:
    """Eight percent from hop 5 on, by the simulator's own dice and the engine's own timeouts."""
    shipped = load("loss")
    hops = list(shipped.hops)
    hops[4] = msgspec.structs.replace(hops[4], loss_out=0.05, loss_back=1 - 0.92 / 0.95)
    scenario = msgspec.structs.replace(shipped, hops=tuple(hops))
    config = TraceConfig(report_cycles=60)
    told: Counter[VerdictKind] = Counter()
    for seed in range(12):
        prepared = simulated([], config, "loss", clock := VirtualClock())
        channel = SimChannel(Internet(scenario, seed=seed), clock, prepared.channel.info.protocol)
        prepared = msgspec.structs.replace(prepared, channel=channel)
        judged = only(followed(prepared, config)[0]).path_verdict
        assert judged is not None
        assert judged.evidence["earliest_ttl"] <= 5 <= judged.evidence["latest_ttl"]
        told[judged.kind] += 1
    assert told == {VerdictKind.LOSS_REACHES_TARGET: 12}


def test_the_pretty_report_leads_with_the_verdict_and_marks_the_rows() -> None:
    lines = pretty.render(run("loss")[0].reports()).splitlines()
    marks = {line.split()[0]: line for line in lines[2:11]}
    assert marks["5"].endswith("loss begins here")
    assert all(marks[str(ttl)].endswith("loss from hop 5") for ttl in range(6, 10))
    assert not any("loss" in marks[str(ttl)] for ttl in range(1, 5))
    assert lines[11].endswith("begins at hop 5 and reaches the target. 60 rounds.")


def test_no_sentence_holds_an_address() -> None:
    for name in ("route-change", "wan"):
        snapshot = only(run(name)[0])
        told = [snapshot.path_verdict, *snapshot.hop_verdicts]
        addresses = {responder.address for hop in snapshot.hops for responder in hop.responders}
        assert Address("198.18.0.1") not in addresses
        assert not any(address in one.sentence for one in told if one for address in addresses)
