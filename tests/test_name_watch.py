"""The network of this host changes while names are traced: what is looked up and told, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import msgspec
import pytest

from tests.session_driver import Run, simulation
from tracer.events import Event, NameMoved, ProbeSent, SourceChanged
from tracer.interfaces import Received, RouteMoved
from tracer.model import Address, EndReason, FailureKind, SourceInfo
from tracer.name_watch import AGAIN_NS, PATIENCE_NS
from tui.view.style import Severity
from tui.view.timeline import entry
from tui.view.troubles import Recent

NEW, OTHER = Address("192.0.2.9"), Address("192.0.2.10")
SECOND = 1_000_000_000
HOME, TUNNEL = SourceInfo(Address("192.0.2.1"), "eth0"), SourceInfo(Address("198.18.0.1"), "tun0")


class Resolver:
    """Answers as it is told, once for each question; the last answer stays."""

    def __init__(self, *answers: Sequence[Address] | None) -> None:
        self.answers = [*answers]
        self.asked: list[str] = []
        self.cancelled = 0

    async def __call__(self, hostname: str) -> tuple[Address, ...]:
        self.asked.append(hostname)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            try:
                await asyncio.Future()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return tuple(answer or ())


async def traced(
    resolver: Resolver,
    changes: dict[int, SourceInfo | None],
    until_s: int = 40,
    query: str = "",
) -> Run:
    """A trace of so many seconds; its source changes after these."""
    run = simulation("clean", [query] if query else [])
    prepared = msgspec.structs.replace(run.prepared, look_up=resolver)
    run = Run(prepared, run.session._config)
    waiting = dict(changes)
    label = prepared.targets[0].label

    def watch(events: list[Event]) -> None:
        loop, now_ns = asyncio.get_running_loop(), events[-1].at_ns
        for second in [second for second in waiting if second * SECOND <= now_ns]:
            moved = SourceChanged(at_ns=now_ns, target=label, source=waiting.pop(second), old=None)
            loop.call_soon(run.session.tell, [moved])
        if now_ns >= until_s * SECOND:
            run.session.stop(EndReason.INTERRUPTED)

    run.on_batch = watch
    return await run.to_its_end()


def traced_address(run: Run) -> Address:
    address = run.prepared.targets[0].address
    assert address is not None
    return address


async def test_a_name_with_another_address_is_told_and_that_it_is_over() -> None:
    home = traced_address(simulation("clean"))
    run = await traced(Resolver([NEW], [NEW], [OTHER, home]), {5: TUNNEL, 20: HOME})
    moved, back = run.told(NameMoved)
    assert moved.addresses == (NEW,)
    assert moved.failure is not None
    assert moved.failure.kind is FailureKind.NAME_MOVED
    assert f"is now {NEW}" in moved.failure.message
    assert home in moved.failure.message
    assert moved.failure.remedy
    assert (back.addresses, back.failure) == ((OTHER, home), None)
    assert 5 * SECOND <= moved.at_ns < 6 * SECOND
    assert 20 * SECOND <= back.at_ns < 21 * SECOND
    assert entry(moved).severity is Severity.WARNING
    assert run.report.target.address == home
    [error] = [error for error in run.report.errors if error.kind is FailureKind.NAME_MOVED]
    assert error.count == 1
    assert run.report.outcome.reached


async def test_the_screen_says_so_until_the_log_says_otherwise() -> None:
    home = traced_address(simulation("clean"))
    run = await traced(Resolver([NEW], [NEW], [home]), {5: TUNNEL, 20: HOME})
    recent, shown = Recent(), []
    errors = run.fold.snapshots()[0].errors
    for event in run.events:
        recent.apply(event)
        if recent.current(errors):
            shown.append(event.at_ns)
    assert shown[0] < 6 * SECOND
    assert 19 * SECOND < shown[-1] < 21 * SECOND


async def test_name_servers_that_come_after_the_routes_are_asked_too() -> None:
    home = traced_address(simulation("clean"))
    run = await traced(Resolver([home], [NEW]), {5: TUNNEL})
    [moved] = run.told(NameMoved)
    assert 5 * SECOND + AGAIN_NS <= moved.at_ns < 6 * SECOND + AGAIN_NS


async def test_a_resolver_that_does_not_answer_holds_no_probe_and_is_given_up() -> None:
    resolver = Resolver(None, [NEW])
    run = await traced(resolver, {5: TUNNEL})
    assert resolver.cancelled == 1
    [moved] = run.told(NameMoved)
    assert 5 * SECOND + PATIENCE_NS <= moved.at_ns < 8 * SECOND + PATIENCE_NS
    sent = [event.at_ns for event in run.told(ProbeSent)]
    assert max(later - earlier for earlier, later in itertools.pairwise(sent)) < 2 * SECOND


async def test_what_is_under_way_at_the_end_is_left_alone() -> None:
    resolver = Resolver(None)
    run = await traced(resolver, {5: TUNNEL}, until_s=8)
    await asyncio.sleep(0)
    assert resolver.cancelled == 1
    assert run.told(NameMoved) == []


@pytest.mark.parametrize(
    ("answers", "changes", "asked"),
    [
        ([[NEW]], {}, 0),
        ([[NEW]], {5: None}, 0),
        ([[]], {5: TUNNEL}, 2),
    ],
    ids=["no change", "no network", "no answer"],
)
async def test_where_nothing_is_known_nothing_is_told(
    answers: list[list[Address]], changes: dict[int, SourceInfo | None], asked: int
) -> None:
    resolver = Resolver(*answers)
    run = await traced(resolver, changes)
    assert run.told(NameMoved) == []
    assert len(resolver.asked) == asked


async def rerouted(resolver: Resolver, seconds: Sequence[float], until_s: int = 40) -> Run:
    """A trace whose host changes its route to the target at these moments, and keeps the source."""
    run = simulation("clean")
    prepared = msgspec.structs.replace(run.prepared, look_up=resolver)
    run = Run(prepared, run.session._config)
    channel, waiting = prepared.channel, sorted(seconds)
    receive = channel.receive
    [route] = prepared.routes

    def receive_and_hear(now_ns: int) -> list[Received]:
        found = receive(now_ns)
        while waiting and waiting[0] * SECOND <= now_ns:
            waiting.pop(0)
            found.append(RouteMoved(trace=route.trace, destination=route.target))
        return found

    def watch(events: list[Event]) -> None:
        if events[-1].at_ns >= until_s * SECOND:
            run.session.stop(EndReason.INTERRUPTED)

    channel.receive = receive_and_hear  # type: ignore[method-assign]
    run.on_batch = watch
    return await run.to_its_end()


async def test_another_route_from_the_same_source_has_the_name_looked_up() -> None:
    resolver = Resolver([NEW])
    run = await rerouted(resolver, [7])
    [moved] = run.told(NameMoved)
    assert 7 * SECOND <= moved.at_ns < 9 * SECOND
    assert len(resolver.asked) == 2
    assert run.told(SourceChanged) == []


async def test_a_route_that_flaps_has_it_looked_up_now_and_then() -> None:
    resolver = Resolver([NEW])
    await rerouted(resolver, [5 + number / 10 for number in range(200)])
    most = 1 + (25 - 5) * SECOND // AGAIN_NS + 1
    assert most - 2 <= len(resolver.asked) <= most


async def test_an_address_is_never_looked_up() -> None:
    home = traced_address(simulation("clean"))
    resolver = Resolver([NEW])
    run = await traced(resolver, {5: TUNNEL}, query=home)
    assert resolver.asked == []
    assert run.told(NameMoved) == []
