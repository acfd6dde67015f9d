"""Whole sessions in virtual time: engine, channel, clock and fold together."""

from __future__ import annotations

import asyncio
from itertools import product, zip_longest
from pathlib import Path

import msgspec
import pytest

from tests.session_driver import Run, responders, simulation, taken
from tracer import prepare
from tracer.clock import SystemClock
from tracer.config import MS, SECOND, AddressFamily, ProtocolChoice, TraceConfig
from tracer.errors import LocalError
from tracer.events import (
    Event,
    LateReply,
    PaceChanged,
    PathEndMoved,
    PortsExhausted,
    PortSkipped,
    ProbeLost,
    ProbeSent,
    ReplyReceived,
    SendFailed,
    TraceEnded,
    TraceStarted,
)
from tracer.interfaces import Notice, Received
from tracer.model import (
    EndReason,
    Failure,
    FailureKind,
    Family,
    LossReason,
    PathEndKind,
    Protocol,
    Route,
)
from tracer.session import COMMANDS_AT_ONCE
from tracer.sim.channel import SendsFail, SimChannel
from tracer.sim.internet import Internet
from tracer.sim.load import load, names

UDP, TCP, ICMP = ProtocolChoice.UDP, ProtocolChoice.TCP, ProtocolChoice.ICMP
PROTOCOLS = (UDP, TCP, ICMP)
FAMILIES = {AddressFamily.IPV4: Family.IPV4, AddressFamily.IPV6: Family.IPV6}
EIGHT = range(50_000, 50_008)


@pytest.mark.parametrize(("name", "protocol", "family"), list(product(names(), PROTOCOLS, FAMILIES)))
async def test_every_shipped_scenario_ends_with_the_path_it_describes(
    name: str, protocol: ProtocolChoice, family: AddressFamily
) -> None:
    run = await simulation(name, protocol=protocol, addr_family=family, report_cycles=4).to_its_end()
    report = run.report
    path = load(name)
    heard = [set(hop.addresses_of(FAMILIES[family])) if not hop.silent else set() for hop in path.hops]
    heard.append({path.target.addresses_of(FAMILIES[family])[0]})
    for hop, addresses in zip_longest(report.hops, heard, fillvalue=None):
        if hop is not None:
            assert responders(hop) <= (addresses or set())
    assert report.outcome.rounds == 4
    assert report.health.foreign == report.health.malformed == report.health.anomalies == 0
    if name == "blackhole":
        assert (report.outcome.reason, report.outcome.target_ttl) == (EndReason.GAP_LIMIT, None)
        assert [bool(responders(hop)) for hop in report.hops] == [True] * 7 + [False] * 10
    else:
        assert (report.outcome.reason, report.outcome.target_ttl) == (
            EndReason.TARGET_REACHED,
            len(path.hops) + 1,
        )
        assert [bool(hop.responders) for hop in report.hops] == [bool(addresses) for addresses in heard]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_one_round_lasts_the_round_trip_to_the_target_and_its_grace(protocol: ProtocolChoice) -> None:
    run = await simulation("wan", protocol=protocol, report_cycles=1).to_its_end()
    first = next(event for event in run.told(ReplyReceived) if event.reached)
    assert first.rtt_ns is not None
    assert first.at_ns == first.rtt_ns
    assert 100 * MS <= first.rtt_ns <= 100.5 * MS
    assert run.told(TraceEnded)[0].at_ns == first.at_ns + first.rtt_ns // 4
    silent = run.told(ProbeLost)
    assert {event.ttl for event in silent if event.ttl < 16} == {4, 12}
    assert {event.reason for event in silent} == {LossReason.TRACE_END}


async def test_a_round_in_which_everything_answers_ends_with_the_last_answer() -> None:
    run = await simulation("clean", protocol=UDP, report_cycles=1).to_its_end()
    assert run.told(TraceEnded)[0].at_ns == 20 * MS
    assert run.told(ProbeLost) == []
    assert [hop.rtt_ms.last for hop in run.report.hops if hop.rtt_ms] == [1, 4, 6, 9, 14, 18, 19, 20]


async def test_only_the_rounds_before_the_last_wait_out_their_minimum() -> None:
    run = await simulation("clean", protocol=UDP, report_cycles=3).to_its_end()
    starts = [event.at_ns for event in run.told(ProbeSent) if event.ttl == 1]
    assert starts == [0, SECOND, 2 * SECOND]
    assert run.told(TraceEnded)[0].at_ns == 2 * SECOND + 20 * MS


async def test_the_story_begins_with_its_header_and_ends_with_every_target() -> None:
    run = await simulation("clean", ["clean.example.net", "192.0.2.33"], report_cycles=2).to_its_end()
    events = run.events
    assert isinstance(events[0], TraceStarted)
    assert [target.label for target in events[0].targets] == ["clean.example.net", "192.0.2.33"]
    assert isinstance(events[-1], TraceEnded)
    assert sorted(event.target for event in run.told(TraceEnded)) == ["192.0.2.33", "clean.example.net"]
    times = [event.at_ns for event in events]
    assert times == sorted(times)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_many_targets_share_one_channel_and_keep_their_own_books(protocol: ProtocolChoice) -> None:
    queries = ["203.0.113.80", "no-such-name", "198.18.3.1", "203.0.113.80", "192.0.2.49"]
    run = await simulation("wan", queries, protocol=protocol, report_cycles=3).to_its_end()
    assert [report.target.query for report in run.reports] == queries
    reasons = [report.outcome.reason for report in run.reports]
    assert reasons == [EndReason.TARGET_REACHED, EndReason.ERROR] + [EndReason.TARGET_REACHED] * 3
    assert [report.outcome.target_ttl for report in run.reports] == [16, None, 7, 16, 10]
    assert run.reports[1].errors[0].kind is FailureKind.TARGET_NOT_RESOLVED
    for report in run.reports:
        assert all(hop.sent == hop.received + hop.lost for hop in report.hops)
        # Answers to a target that has ended meanwhile are no oddity of another one.
        assert report.health.foreign == 0


async def test_a_path_that_grows_is_probed_beyond_its_old_end() -> None:
    run = await simulation("route-change", protocol=UDP, report_cycles=16).to_its_end()
    report = run.report
    assert report.outcome.target_ttl == 10
    ends = [moved for moved in run.told(PathEndMoved) if moved.kind is PathEndKind.TARGET]
    assert max((moved.at_ns, moved.ttl) for moved in ends if moved.at_ns < 10 * SECOND)[1] == 7
    last_round = {event.ttl: event.responder for event in run.told(ReplyReceived) if event.round == 15}
    change = load("route-change").changes[0]
    assert [last_round[ttl] for ttl in range(4, 9)] == [hop.addresses[0] for hop in change.hops]  # type: ignore[index]
    assert all(hop.lost == 0 for hop in report.hops)


LATE = """
name = "late"
[[hop]]
addresses = ["198.18.1.1"]
rtt = "1ms"
late = 1.0
late_by = "3s"
[target]
addresses = ["203.0.113.9"]
rtt = "5ms"
"""


async def test_a_late_answer_is_credited_to_its_probe_and_takes_its_loss_back(tmp_path: Path) -> None:
    file = tmp_path / "late.toml"
    file.write_text(LATE, encoding="utf-8")
    run = await simulation(file, protocol=UDP, report_cycles=6).to_its_end()
    late = run.told(LateReply)
    # Rounds 0, 1 and 2 are answered 3.001 s later; the others are still out when the trace ends at 5.025 s.
    assert [(event.round, event.ttl, event.rtt_ns) for event in late] == [
        (number, 1, 3_001 * MS) for number in range(2)
    ] + ([(2, 1, 3_001 * MS)] if len(late) == 3 else [])
    hop = run.report.hops[0]
    assert (hop.sent, hop.received, hop.late, hop.lost) == (6, len(late), len(late), 6 - len(late))
    assert len([event for event in run.told(ProbeLost) if event.ttl == 1]) == 6
    assert hop.rtt_ms is not None
    assert hop.rtt_ms.best == hop.rtt_ms.worst == 3001


async def test_a_range_that_others_hold_is_exhaustion_and_nothing_is_sent() -> None:
    run = await simulation(
        "clean", protocol=TCP, usable=EIGHT, troubles=(taken(EIGHT),), report_cycles=2
    ).to_its_end()
    report = run.report
    assert not run.told(ProbeSent)
    assert not run.told(ProbeLost)
    assert report.outcome.reason is EndReason.ERROR
    assert {error.kind for error in report.errors} == {FailureKind.PORTS_EXHAUSTED}
    assert report.errors[0].remedy
    assert report.health.ports_exhausted == len(run.told(PortsExhausted)) == 48
    assert report.health.ports_skipped == 14
    assert all(hop.loss_pct is None for hop in report.hops)


async def test_ports_that_come_free_are_used_within_a_round() -> None:
    run = await simulation(
        "clean",
        protocol=TCP,
        usable=EIGHT,
        troubles=(taken(EIGHT, until_ns=1500 * MS),),
        report_cycles=4,
    ).to_its_end()
    assert run.told(ProbeSent)[0].at_ns == 2 * SECOND
    assert run.report.outcome.reason is EndReason.TARGET_REACHED
    assert [hop.received for hop in run.report.hops] == [2] * 8


async def test_ports_in_use_among_free_ones_are_skipped_and_no_loss() -> None:
    run = await simulation(
        "clean",
        protocol=TCP,
        usable=EIGHT,
        troubles=(taken(range(50_000, 50_003)),),
        report_cycles=3,
    ).to_its_end()
    assert run.report.outcome.reason is EndReason.TARGET_REACHED
    assert [(hop.received, hop.lost) for hop in run.report.hops] == [(3, 0)] * 8
    assert {event.source_port for event in run.told(ProbeSent)} == set(range(50_003, 50_008))
    assert {event.source_port for event in run.told(PortSkipped)} == set(range(50_000, 50_003))
    assert run.told(SendFailed) == []


async def test_a_queue_that_is_full_for_a_time_fails_probes_and_no_more() -> None:
    full = Failure(
        kind=FailureKind.QUEUE_FULL, message="The queue is full.", remedy="Send less.", errno="ENOBUFS"
    )
    run = await simulation(
        "clean", protocol=UDP, troubles=(SendsFail(failure=full, until_ns=SECOND),), report_cycles=2
    ).to_its_end()
    assert run.report.outcome.reason is EndReason.TARGET_REACHED
    assert [(hop.failed, hop.received, hop.lost) for hop in run.report.hops] == [(1, 1, 0)] * 8
    # Halved seven times within 100 ms each; a queue that is full is not asked 24 times.
    assert run.report.health.send_errors == {"ENOBUFS": 13}
    told = [event.rate for event in run.told(PaceChanged)]
    assert told[:6] == [50, 25, 12, 6, 3, 1]
    assert told[6:] == sorted(told[6:])
    assert run.report.health.pace is not None
    assert run.report.health.pace.reductions == 6


async def test_a_lap_over_a_large_range_leaves_the_others_their_turns() -> None:
    large = range(40_000, 48_000)
    run = await simulation(
        "clean",
        ["203.0.113.8", "192.0.2.33"],
        protocol=TCP,
        usable=large,
        troubles=(taken(large),),
        report_cycles=1,
    ).to_its_end()
    laps = [batch for batch in run.batches if isinstance(batch[0], PortSkipped)]
    assert max(len(batch) for batch in laps) <= COMMANDS_AT_ONCE
    turns = [batch[0].target for batch in laps if not isinstance(batch[0], TraceStarted)]
    assert turns[:6] == ["203.0.113.8", "192.0.2.33"] * 3
    assert len(run.told(PortSkipped)) == 2 * (len(large) - 1)
    assert run.clock.now_ns() == 0


async def test_interrupted_it_closes_what_is_outstanding_and_reports() -> None:
    run = simulation("blackhole", protocol=UDP, report_cycles=1_000)

    def stop_in_round_three(batch: list[Event]) -> None:
        if any(isinstance(event, ProbeSent) and event.round == 3 for event in batch):
            run.session.stop()

    run.on_batch = stop_in_round_three
    await run.to_its_end()
    report = run.report
    assert report.outcome.reason is EndReason.INTERRUPTED
    assert report.outcome.rounds == 4
    assert all(hop.sent == hop.received + hop.lost for hop in report.hops)
    assert run.told(ProbeLost)[-1].reason is LossReason.TRACE_END


async def test_stopped_before_it_begins_it_sends_nothing() -> None:
    run = simulation("clean")
    run.session.stop()
    await run.to_its_end()
    assert run.told(ProbeSent) == []
    assert run.report.outcome.reason is EndReason.INTERRUPTED


def system_run(scenario: str) -> Run:
    """In real time: the waits are true ones."""
    config = TraceConfig(protocol=UDP, report_cycles=1_000)
    return Run(prepare.simulated([], config, scenario, SystemClock()), config)


async def test_stop_ends_a_wait_at_once() -> None:
    run = system_run("blackhole")
    loop = asyncio.get_running_loop()
    # Scheduled twice round the loop: by then the session waits for its first answer.
    run.on_batch = lambda _: None if run.told(TraceEnded) else _soon(loop, run)
    async with asyncio.timeout(1):
        await run.to_its_end()
    assert run.report.outcome.reason is EndReason.INTERRUPTED


def _soon(loop: asyncio.AbstractEventLoop, run: Run) -> None:
    loop.call_soon(lambda: loop.call_soon(run.session.stop))


async def test_cancelled_it_leaves_a_channel_to_close_and_a_report_to_read() -> None:
    run = system_run("blackhole")
    task = asyncio.create_task(run.session.run())
    run.on_batch = lambda batch: None if isinstance(batch[0], TraceStarted) else _cancel(task)
    with pytest.raises(asyncio.CancelledError):
        await task
    run.prepared.channel.close()
    assert run.prepared.channel.deadline() is None
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert run.report.outcome.reason is EndReason.TRUNCATED
    assert run.fold.snapshots()[0].hops[0].outstanding == 1


def _cancel(task: asyncio.Task[None]) -> None:
    task.get_loop().call_soon(task.cancel)


async def test_what_a_listener_raises_ends_the_session() -> None:
    run = simulation("clean")

    def fail(_: list[Event]) -> None:
        raise RuntimeError("a full disk, say")

    run.on_batch = fail
    with pytest.raises(RuntimeError, match="full disk"):
        await run.session.run()


UNUSABLE = Failure(kind=FailureKind.NO_ROUTE, message="There is no route.", remedy="Add one.")


class ChoosyChannel(SimChannel):
    """Cannot open the first trace; and notices something."""

    def open_trace(self, route: Route) -> None:
        if route.trace == 0:
            raise LocalError(UNUSABLE)
        super().open_trace(route)

    def receive(self, now_ns: int) -> list[Received]:
        return [*super().receive(now_ns), Notice(kernel_drops=1)]


async def test_a_target_that_cannot_be_started_leaves_the_others_alone() -> None:
    run = simulation("clean", ["192.0.2.33", "203.0.113.8"], report_cycles=1)
    channel = ChoosyChannel(Internet(load("clean")), run.clock, Protocol.ICMP)
    run = Run(
        msgspec.structs.replace(run.prepared, channel=channel), TraceConfig(protocol=ICMP, report_cycles=1)
    )
    await run.to_its_end()
    first, second = run.reports
    assert first.outcome.reason is EndReason.ERROR
    assert [error.kind for error in first.errors] == [FailureKind.NO_ROUTE]
    assert second.outcome.reason is EndReason.TARGET_REACHED
    assert second.health.kernel_drops > 0


@pytest.mark.parametrize("initial", [1, 32_768, 61_000, 64_511])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_any_initial_sequence_is_the_first(protocol: ProtocolChoice, initial: int) -> None:
    run = await simulation("clean", protocol=protocol, initial_sequence=initial, report_cycles=1).to_its_end()
    assert run.report.outcome.reason is EndReason.TARGET_REACHED
    first = run.told(ProbeSent)[0]
    moving = {UDP: first.target_port, TCP: first.source_port, ICMP: first.sequence}[protocol]
    assert first.sequence == moving == initial


@pytest.mark.parametrize("first", [0, 7, 0xFFFF])
async def test_echo_sequences_start_where_the_session_was_prepared_to(first: int) -> None:
    run = simulation("clean", protocol=ICMP, report_cycles=2)
    run = Run(
        msgspec.structs.replace(run.prepared, first_sequence=first),
        TraceConfig(protocol=ICMP, report_cycles=2),
    )
    await run.to_its_end()
    told = [sent.sequence for sent in run.told(ProbeSent)]
    assert told == [(first + number) & 0xFFFF for number in range(len(told))]
    assert run.report.hops[-1].loss_pct == 0


async def test_on_a_network_nobody_can_guess_the_first_sequence_or_the_marks() -> None:
    """They follow from the seed, of 2^128: 20 in a row that are all different."""
    seen = []
    for _ in range(20):
        prepared = await prepare.real(["127.0.0.1"], TraceConfig())
        prepared.channel.close()
        assert prepared.first_sequence is None
        assert prepared.word_length == 4
        seen.append(prepared.seed)
    assert len(set(seen)) == 20
