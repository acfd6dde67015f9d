"""No trace is ever forgotten: whoever has a deadline is woken by it, whatever comes and goes meanwhile.

The oracle asks every engine of the session at every step, which the agenda exists to avoid.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.session_driver import SIM_SEED
from tracer import prepare
from tracer.clock import VirtualClock
from tracer.config import MS, SECOND, ProtocolChoice, TraceConfig
from tracer.events import Event, TargetAdded, TraceEnded, TraceStarted
from tracer.model import EndReason, Failure, FailureKind, Port, Route
from tracer.session import COMMANDS_AT_ONCE, Session, _Agenda, _Trace
from tracer.sim.channel import PortsTaken, SendsFail, SimChannel, Trouble
from tracer.sim.internet import Internet
from tracer.sim.load import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer.interfaces import SendProbe, SendResult
    from tracer.session import Prepared

MANY = Path(__file__).parent / "scenarios" / "many.toml"
ADDRESSES = [f"203.0.113.{number}" for number in range(101, 165)]
NOWHERE = [f"192.0.2.{number}" for number in range(1, 9)]
"""The scenario has nobody there: these traces never end by themselves."""

ASKED = 200
"""Steps of one story, at each of which every engine is asked."""

AT_ONE_MOMENT = 200
"""Steps of a session with less than a hundred traces while its clock stands still."""

USABLE = range(40_000, 40_000 + 2 * COMMANDS_AT_ONCE)
"""Source ports: a lap over those that are taken is longer than one turn."""

BUSY = Failure(kind=FailureKind.QUEUE_FULL, message="The queue is full.", remedy="Wait.")


class Watched(VirtualClock):
    """Before every wait: compares the moment the session wants to be woken at with what every engine says."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self.session: Session
        self.prepared: Prepared
        self.config: TraceConfig
        self.dice = dice
        self.steps = 0
        self.advanced: set[_Trace] = set()
        """Those whose turn came in the last step."""
        self.stood_still = 0
        self._overdue: Counter[_Trace] = Counter()
        self._before_ns = 0

    async def wait(self, deadline_ns: int | None, fileno: int | None) -> None:
        self.steps += 1
        self._compare(deadline_ns)
        self._meddle(deadline_ns)
        await super().wait(deadline_ns, fileno)

    def _compare(self, deadline_ns: int | None) -> None:
        now = self.now_ns()
        traces = self.session._traces
        wishes_ns = {trace: _wish_ns(trace, now) for trace in traces}
        if wishes_ns:
            assert deadline_ns is not None
            assert deadline_ns <= max(now, min(wishes_ns.values()))
        due = {trace for trace, wish in wishes_ns.items() if wish <= now}
        waiting = due - self.advanced
        self._overdue = Counter({trace: self._overdue[trace] + 1 for trace in waiting})
        assert all(steps <= len(traces) for steps in self._overdue.values()), "everybody has a turn"
        self.advanced.clear()
        self.stood_still = self.stood_still + 1 if now == self._before_ns else 0
        assert self.stood_still < AT_ONE_MOMENT, "it turns in circles"
        self._before_ns = now

    def _meddle(self, deadline_ns: int | None) -> None:
        """What a user may do while the session waits."""
        dice, session = self.dice, self.session
        if self.steps >= ASKED or (deadline_ns is None and dice.random() < 0.5):
            session.stop(EndReason.INTERRUPTED)
        elif deadline_ns is None or dice.random() < 0.1:
            self._add(dice.choice(ADDRESSES + NOWHERE))
        elif dice.random() < 0.1:
            labels = [target.label for target in self.prepared.targets]
            for label in dice.sample(labels, dice.randint(1, min(8, len(labels)))):
                session.close(label)
        elif dice.random() < 0.05:
            self.wake()  # for nothing

    def _add(self, query: str) -> None:
        route: Route | None
        info, route = prepare.another_simulated(query, self.prepared, self.config, MANY)
        if self.dice.random() < 0.1:
            info, route = msgspec.structs.replace(info, address=None), None
        routes = self.prepared.routes if route is None else (*self.prepared.routes, route)
        targets = (*self.prepared.targets, info)
        self.prepared = msgspec.structs.replace(self.prepared, targets=targets, routes=routes)
        self.session.add(info, route)


def _wish_ns(trace: _Trace, now: int) -> int:
    """When a trace wants its turn; whoever still has commands, or an end to tell, at once."""
    if trace.pending or trace.engine.ended is not None:
        return now
    deadline_ns = trace.engine.deadline(now)
    assert deadline_ns is not None
    return deadline_ns


def some_options(dice: random.Random) -> TraceConfig:
    protocol = dice.choice([ProtocolChoice.ICMP, ProtocolChoice.UDP, ProtocolChoice.TCP])
    return TraceConfig(
        protocol=protocol,
        report_cycles=dice.choice([None, None, 1, 5]),
        max_inflight=dice.choice([1, 2, 24]),
        max_rate=dice.choice([5, 100, 10_000]),
        min_round_duration_ns=100 * MS,
        max_round_duration_ns=dice.choice([100 * MS, SECOND]),
        timeout_ns=dice.choice([50 * MS, 2 * SECOND]),
        flows=1 if protocol is ProtocolChoice.ICMP else dice.choice([1, 3]),
        mtu=protocol is not ProtocolChoice.TCP and dice.random() < 0.5,
    )


def a_channel(clock: Watched, prepared: Prepared) -> SimChannel:
    """It takes time to send, ports are taken, and at times nothing can be sent at all."""
    dice = clock.dice
    others = dice.sample(USABLE, dice.choice([len(USABLE) // 2, len(USABLE) - 1]))
    troubles: list[Trouble] = [
        SendsFail(failure=BUSY, from_ns=SECOND, until_ns=2 * SECOND),
        PortsTaken(ports=frozenset(Port(number) for number in others)),
    ]
    net = Internet(load(MANY), seed=SIM_SEED)
    some = dice.sample(troubles, dice.randint(0, len(troubles)))
    channel = SimChannel(net, clock, prepared.channel.info.protocol, troubles=tuple(some))
    send, slow = channel.send, dice.choice([0, 20_000])

    def delayed(command: SendProbe) -> SendResult:
        clock.advance(dice.randint(0, slow))
        return send(command)

    channel.send = delayed  # type: ignore[method-assign]
    return channel


@pytest.mark.parametrize("story", range(12))
async def test_the_session_wakes_for_every_engine_whoever_comes_and_goes(
    story: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(f"story {story}")
    clock, config = Watched(dice), some_options(dice)
    queries = dice.sample(ADDRESSES + NOWHERE, dice.choice([1, 4, 32]))
    prepared = prepare.simulated(queries, config, MANY, clock)
    prepared = msgspec.structs.replace(prepared, channel=a_channel(clock, prepared), usable_ports=USABLE)
    told: list[Event] = []

    def hear(events: Sequence[Event]) -> None:
        told.extend(events)

    advance = Session._advance

    def noted(session: Session, trace: _Trace) -> int:
        clock.advanced.add(trace)
        return advance(session, trace)

    monkeypatch.setattr(Session, "_advance", noted)
    clock.session = session = Session(prepared, config, [hear])
    clock.prepared, clock.config = prepared, config
    await session.serve()
    assert not session._traces
    begun = [target.label for event in told if isinstance(event, TraceStarted) for target in event.targets]
    begun += [event.target for event in told if isinstance(event, TargetAdded)]
    ended = [event.target for event in told if isinstance(event, TraceEnded)]
    assert Counter(ended) == Counter(begun)


def a_trace() -> _Trace:
    """The agenda asks nothing of its engine."""
    return _Trace(None, "")  # type: ignore[arg-type]


@pytest.mark.parametrize("story", range(40))
def test_the_agenda_gives_a_turn_to_whoever_is_due_and_to_nobody_else(story: int) -> None:
    dice = random.Random(f"agenda {story}")
    agenda, now = _Agenda(), 0
    traces = [a_trace() for _ in range(12)]
    due: dict[_Trace, int] = {}
    hastened: set[_Trace] = set()
    for _ in range(1000):
        trace = dice.choice(traces)
        match dice.choice(["enter", "enter", "never", "hasten", "strike", "take", "time"]):
            case "enter":
                due[trace] = now + dice.randint(0, 50)
                agenda.enter(trace, due[trace])
            case "never":
                due.pop(trace, None)
                agenda.enter(trace, None)
            case "hasten":
                hastened.add(trace)
                agenda.hasten(trace)
            case "strike":
                due.pop(trace, None)
                hastened.discard(trace)
                agenda.strike(trace)
                traces[traces.index(trace)] = a_trace()
            case "time":
                now += dice.randint(0, 20)
            case "take":
                expected = {one for one in traces if one in hastened or due.get(one, now + 1) <= now}
                taken = []
                while (one := agenda.take(now)) is not None:
                    taken.append(one)
                assert len(taken) == len(set(taken))
                assert set(taken) == expected
                for one in taken:  # whoever had a turn is entered anew
                    hastened.discard(one)
                    due.pop(one, None)
        moments = [0 for _ in hastened] + [at for one, at in due.items() if one not in hastened]
        wakes_ns = agenda.next_ns()
        assert not moments or (wakes_ns is not None and wakes_ns <= min(moments))
