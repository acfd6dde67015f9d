"""Looks the targets' names up again when the network of this host has changed.

A VPN brings name servers of its own, which may know another address for the same name. The log says when the
address traced is no longer among those of its name; what to make of that is left to whoever reads it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tracer.errors import LocalError, TargetError
from tracer.events import Event, NameMoved, SourceChanged, TargetAdded, TraceEnded, TraceStarted
from tracer.interfaces import Clock
from tracer.model import Address, Failure, FailureKind, TargetInfo
from tracer.text import named

if TYPE_CHECKING:
    import asyncio

AGAIN_NS = 5_000_000_000
"""The name servers of a new network are often set some seconds after its routes: so long after the change the
name is looked up once more. A network that changes all the time has names looked up at most this often."""

PATIENCE_NS = 10_000_000_000
"""A lookup without an answer for so long is given up."""

LookUp = Callable[[str], Awaitable[tuple[Address, ...]]]
"""From a name to all its addresses, first choice first; empty where nobody knows it. Never holds the loop."""

Tell = Callable[[Sequence[Event]], None]


class _Name:
    """The name of one target."""

    def __init__(self, hostname: str, traced: Address) -> None:
        self.hostname = hostname
        self.traced = traced
        self.told: tuple[Address, ...] = ()
        """Where the log says it has moved to; empty for nowhere."""
        self.due_ns: list[int] = []
        self.asking: asyncio.Future[None] | None = None
        self.asked_ns = -AGAIN_NS


class NameWatch:
    """``hear`` is a listener of the session whose log ``tell`` writes. Time is that of the events."""

    def __init__(self, look_up: LookUp, clock: Clock, tell: Tell) -> None:
        self._look_up = look_up
        self._clock = clock
        self._tell = tell
        self._names: dict[str, _Name] = {}
        self._busy: set[str] = set()
        """Labels with something due or under way."""

    def hear(self, events: Sequence[Event]) -> None:
        """Take the next events; look up what is due, beside the loop."""
        for event in events:
            hear = self._HEAR.get(type(event))
            if hear is not None:
                hear(self, event)
        if self._busy and events:
            for label in tuple(self._busy):
                self._proceed(label, events[-1].at_ns)

    def close(self) -> None:
        """Give up what is under way."""
        for label in tuple(self._names):
            self._forget(label)

    def _started(self, event: TraceStarted) -> None:
        for target in event.targets:
            self._mind(target)

    def _added(self, event: TargetAdded) -> None:
        self._mind(event.info)

    def _ended(self, event: TraceEnded) -> None:
        self._forget(event.target)

    def _mind(self, target: TargetInfo) -> None:
        if target.hostname is not None and target.address is not None:
            self._names[target.label] = _Name(target.hostname, target.address)

    def _forget(self, label: str) -> None:
        name = self._names.pop(label, None)
        self._busy.discard(label)
        if name is not None and name.asking is not None:
            name.asking.cancel()

    def _changed(self, event: SourceChanged) -> None:
        if event.source is not None:  # without a source nobody can be asked
            self.rerouted(event.target, event.at_ns)

    def rerouted(self, label: str, now_ns: int) -> None:
        """This host's way to a target has changed: its name may lead elsewhere."""
        name = self._names.get(label)
        if name is not None:
            first_ns = max(now_ns, name.asked_ns + AGAIN_NS)
            name.due_ns = [first_ns, first_ns + AGAIN_NS]
            self._busy.add(label)

    def _proceed(self, label: str, now_ns: int) -> None:
        name = self._names[label]
        if name.asking is not None and now_ns - name.asked_ns > PATIENCE_NS:
            name.asking.cancel()
            name.asking = None
        if name.asking is None and name.due_ns and name.due_ns[0] <= now_ns:
            self._begin_asking(label, name, now_ns)
        if name.asking is None and not name.due_ns:
            self._busy.discard(label)

    def _begin_asking(self, label: str, name: _Name, now_ns: int) -> None:
        import asyncio  # noqa: PLC0415 - the first probes leave before it is loaded

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # they leave before it runs, too: a later batch will do
            return
        del name.due_ns[0]
        name.asked_ns = now_ns
        name.asking = loop.create_task(self._ask(label, name))

    async def _ask(self, label: str, name: _Name) -> None:
        try:
            addresses = await self._look_up(name.hostname)
        except (LocalError, TargetError):  # no more threads, or no answer: the next change asks again
            addresses = ()
        name.asking = None
        moved = () if name.traced in addresses else addresses
        if addresses and moved != name.told:
            name.told = moved
            failure = _failure(name, moved) if moved else None
            now_ns = self._clock.now_ns()
            self._tell([NameMoved(at_ns=now_ns, target=label, addresses=addresses, failure=failure)])

    _HEAR: ClassVar[dict[type[Event], Callable[[Any, Any], None]]] = {
        TraceStarted: _started,
        TargetAdded: _added,
        SourceChanged: _changed,
        TraceEnded: _ended,
    }


def _failure(name: _Name, addresses: tuple[Address, ...]) -> Failure:
    return Failure(
        kind=FailureKind.NAME_MOVED,
        message=f"{named(name.hostname)} is now {addresses[0]}, the trace still goes to {name.traced}.",
        remedy="Add the name once more (a on the screen), or begin anew, to trace the new address.",
        evidence={"traced": name.traced, "addresses": list(addresses)},
    )
