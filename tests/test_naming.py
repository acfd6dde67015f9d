"""Names in the log of a session: told beside the traces, folded, recorded, replayed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

import tracer
from tests.lab.labkit.nameserver import Answer, Zone, name_server
from tests.report.samples import HEADER
from tests.session_driver import Run, simulation
from tests.stats.logbook import TARGET, Log
from tracer import record
from tracer.clock import VirtualClock
from tracer.config import TraceConfig
from tracer.events import NameResolved, TraceEnded
from tracer.lookup.lookup import Lookup
from tracer.model import Address
from tracer.names import AsnInfo, Known, Place
from tracer.naming import Naming
from tracer.record import Recorder
from tracer.report import json, pretty
from tracer.report.document import build
from tracer.report.fold import Fold
from tracer.stats import tracker as tracker_module
from tracer.stats.tracker import Tracker

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SYSTEM = AsnInfo(number=64_496, name="EXAMPLE", source="dns")
PLACE = Place(city="Ulm", country="Germany", country_code="DE", latitude=48.4, longitude=10.0)


async def about(address: Address) -> dict[str, Any]:
    return {"hostnames": (f"host-{address}.example",), "asn": SYSTEM, "place": PLACE}


def named(run: Run, source: Any = about) -> Naming:
    """Let a session look up whoever answers, by this source."""
    naming = Naming(Lookup([source], 5.0, 300.0), run.clock, run.session.tell)
    run.session.listen(naming.hear)
    return naming


async def traced(source: Any = about, scenario: str = "lan", queries: tuple[str, ...] = ()) -> Run:
    run = simulation(scenario, queries, report_cycles=3)
    naming = named(run, source)
    await run.to_its_end()
    await naming.settle()
    return run


async def test_everybody_who_answered_is_named_in_the_report() -> None:
    run = await traced()
    responders = [one for hop in run.report.hops for one in hop.responders]
    assert len(responders) >= 3
    for responder in responders:
        assert responder.hostname == f"host-{responder.address}.example"
        assert (responder.asn, responder.place) == (SYSTEM, PLACE)


async def test_each_address_is_told_once_and_only_after_it_has_answered() -> None:
    run = await traced(scenario="wan")
    told = [event.address for event in run.told(NameResolved)]
    assert len(told) == len(set(told))
    answered: set[Address] = set()
    for event in run.events:
        if isinstance(event, NameResolved):
            assert event.address in answered
        else:
            answered.add(getattr(event, "responder", Address("")))


async def test_every_target_is_told_of_an_address_both_meet() -> None:
    run = await traced(scenario="clean", queries=("203.0.113.8", "203.0.113.8"))
    addresses = [[event.address for event in run.told(NameResolved, report)] for report in labels(run)]
    assert sorted(addresses[0]) == sorted(addresses[1])
    assert addresses[0]


def labels(run: Run) -> list[str]:
    return [snapshot.target.label for snapshot in run.fold.snapshots()]


async def test_names_do_not_hold_up_the_end_of_the_trace() -> None:
    let = asyncio.Event()

    async def slow(address: Address) -> dict[str, Any]:
        await let.wait()
        return await about(address)

    run = simulation("lan", report_cycles=3)
    naming = named(run, slow)
    await run.to_its_end()
    assert run.report.ended_at is not None
    assert run.told(NameResolved) == []
    let.set()
    await naming.settle()
    kinds = [type(event) for event in run.events]
    assert set(kinds[kinds.index(TraceEnded) + 1 :]) == {NameResolved}
    assert all(one.hostname for hop in run.report.hops for one in hop.responders)


async def test_probes_leave_as_if_nobody_were_named() -> None:
    plain = await simulation("wan", report_cycles=3).to_its_end()
    run = await traced(scenario="wan")
    assert [event for event in run.events if not isinstance(event, NameResolved)] == plain.events


async def test_a_source_that_fails_leaves_the_report_as_it_is_without_names() -> None:
    async def broken(_address: Address) -> dict[str, Any]:
        raise RecursionError

    run = await traced(broken)
    plain = await simulation("lan", report_cycles=3).to_its_end()
    assert json.render(run.reports) == json.render(plain.reports)


async def test_a_replay_gives_the_live_report_byte_for_byte(tmp_path: Path) -> None:
    run = simulation("wan", report_cycles=3)
    recorder = Recorder(tmp_path / "trace.ndjson")
    run.session.listen(recorder.write)
    naming = named(run)
    await run.to_its_end()
    await naming.settle()
    recorder.close()
    fold = Fold()
    fold.apply(record.read(tmp_path / "trace.ndjson"))
    assert json.render(fold.reports()) == json.render(run.reports)
    assert b"host-" in json.render(fold.reports())
    assert pretty.render(fold.reports()) == pretty.render(run.reports)


async def test_people_read_names_systems_and_places() -> None:
    shown = pretty.render((await traced()).reports)
    assert "host-198.18.20.1.example (198.18.20.1)" in shown
    assert "AS64496 EXAMPLE" in shown
    assert "Ulm, Germany" in shown


def test_an_address_that_was_traced_is_called_by_the_name_it_was_found_to_have() -> None:
    log = Log()
    log.answered(1, 1, 1_000, responder=Address("192.0.2.80"), reached=True)
    log.ended()
    target = msgspec.structs.replace(TARGET, hostname=None)
    tracker = Tracker(target)
    for event in log.events:
        tracker.apply(event)
    tracker.apply(
        NameResolved(at_ns=9, target=TARGET.label, address=Address("192.0.2.80"), hostnames=("www.example",))
    )
    assert build(HEADER, target, tracker.snapshot()).target.hostname == "www.example"
    called = msgspec.structs.replace(target, hostname="typed.example")
    assert build(HEADER, called, tracker.snapshot()).target.hostname == "typed.example"


def test_the_last_word_on_an_address_counts_and_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "MOST_NAMES", 2)
    tracker = Tracker(TARGET)

    def tell(address: str, *names: str) -> None:
        tracker.apply(NameResolved(at_ns=1, target=TARGET.label, address=Address(address), hostnames=names))

    tell("192.0.2.1", "old.example")
    before = tracker.snapshot()
    tell("192.0.2.2", "b.example")
    tell("192.0.2.3", "c.example")
    tell("192.0.2.1", "new.example")
    assert tracker.snapshot().names == {
        "192.0.2.1": Known(hostnames=("new.example",)),
        "192.0.2.2": Known(hostnames=("b.example",)),
    }
    assert before.names == {"192.0.2.1": Known(hostnames=("old.example",))}, "a snapshot stays as it was"


async def test_a_program_gets_the_names_it_asks_for_and_no_others() -> None:
    zone: Zone = {("1.20.18.198.in-addr.arpa.", "PTR"): Answer(("gateway.example.",))}
    with name_server(zone) as server:
        for where, hostname in ((server.where, "gateway.example"), (None, None)):
            options = TraceConfig(report_cycles=2, dns_server=where)
            async with tracer.trace(config=options, sim="lan", clock=VirtualClock()) as tracing:
                await tracing.finished()
                [report] = tracing.reports()
            assert report.hops[0].responders[0].hostname == hostname
        assert len(server.asked) == 5
