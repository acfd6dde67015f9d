"""Names for whoever answers: listens to the log of a session and adds to it what the lookups find out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from tracer.config import TraceConfig
from tracer.events import Event, NameResolved, ReplyReceived, TraceStarted
from tracer.interfaces import Clock
from tracer.lookup.lookup import Lookup
from tracer.lookup.sources import open_lookup
from tracer.model import Address
from tracer.names import NOTHING, Known
from tracer.session import Session

MOST_ADDRESSES = 4096
"""Addresses of one target that names are told of."""

Tell = Callable[[Sequence[Event]], None]
"""Adds events to the log."""


def naming_for(config: TraceConfig, session: Session, clock: Clock) -> Naming | None:
    """Let a session look up what its options ask for; None where they ask for nothing.

    Raises ConfigError for a database that cannot be read.
    """
    lookup = open_lookup(config)
    if lookup is None:
        return None
    naming = Naming(lookup, clock, session.tell)
    session.listen(naming.hear)
    return naming


class Naming:
    """``hear`` is a listener of the session whose log ``tell`` writes."""

    def __init__(self, lookup: Lookup, clock: Clock, tell: Tell) -> None:
        self._lookup = lookup
        self._clock = clock
        self._tell = tell
        self._seen: dict[str, set[Address]] = {}
        lookup.told = self._found

    def hear(self, events: Sequence[Event]) -> None:
        """Look up whoever answered."""
        for event in events:
            if isinstance(event, TraceStarted):
                self._seen = {}
            elif isinstance(event, ReplyReceived):
                self._answered(event.target, event.responder)

    def _answered(self, target: str, address: Address) -> None:
        seen = self._seen.setdefault(target, set())
        if address not in seen and len(seen) < MOST_ADDRESSES:
            seen.add(address)
            if self._lookup.known(address) != NOTHING:
                # Known since another target met it. The log goes on when this batch has reached everybody.
                asyncio.get_running_loop().call_soon(self._repeat, target, address)
        self._lookup.want(address)

    async def settle(self) -> None:
        """Return when all names are told that are under way: after --dns-timeout at the latest."""
        await self._lookup.settle()
        await asyncio.sleep(0)

    def forget(self) -> None:
        """Look everybody up again who answers from now on."""
        self._lookup.forget()

    def close(self) -> None:
        """Give up what is under way."""
        self._lookup.close()

    def _repeat(self, target: str, address: Address) -> None:
        self._tell([self._event(target, address, self._lookup.known(address))])

    def _found(self, address: Address, known: Known) -> None:
        told = [self._event(target, address, known) for target, seen in self._seen.items() if address in seen]
        self._tell(told)

    def _event(self, target: str, address: Address, known: Known) -> NameResolved:
        return NameResolved(
            at_ns=self._clock.now_ns(),
            target=target,
            address=address,
            hostnames=known.hostnames,
            asn=known.asn,
            place=known.place,
        )
