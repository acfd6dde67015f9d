"""The lookups of a session: each address once, several at a time, given up in time, and believed for a while.

Asking returns at once; what is found out is told by a call. Nothing in here raises because of what a server
says: a lookup that fails leaves its part unknown until it is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from tracer.model import Address
from tracer.names import NOTHING, Known

Source = Callable[[Address], Awaitable[dict[str, Any]]]
"""Finds out fields of ``Known``; of what does not exist it gives the empty value. May raise anything."""

Told = Callable[[Address, Known], None]

MOST_AT_ONCE = 32
"""Lookups under way."""

MOST_WAITING = 1024
"""Lookups under way or waiting for their turn; an address beyond is asked for when it answers again."""

MOST_KNOWN = 4096
"""Addresses in the cache; the one asked for longest ago goes first."""

RETRY_S = 30.0
"""After a failure the address is asked for again, when it answers, after so long at the earliest."""


class _Entry:
    """One address."""

    def __init__(self) -> None:
        self.known: Known | None = None
        """None until something was found out."""
        self.open = 0
        """Sources that have not answered yet."""
        self.failed = False
        self.fresh_until_s = 0.0


class Lookup:
    """Finds out about addresses from several sources, each on its own.

    ``timeout_s`` bounds each lookup from the moment it is asked for, waiting for its turn included. ``told``
    is called, in the loop and never from within ``want``, when more is known of an address than before.
    """

    def __init__(self, sources: Sequence[Source], timeout_s: float, ttl_s: float) -> None:
        self._sources = sources
        self._timeout_s = timeout_s
        self._ttl_s = ttl_s
        self._entries: dict[Address, _Entry] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self.told: Told = lambda _address, _known: None

    def want(self, address: Address) -> None:
        """Look an address up, unless that is under way or its answer is fresh."""
        entry = self._entries.get(address)
        if entry is not None and (entry.open or self._now_s() < entry.fresh_until_s):
            return
        if len(self._tasks) >= MOST_WAITING:
            return
        entry = self._entries.pop(address, None) or _Entry()
        self._entries[address] = entry
        while len(self._entries) > MOST_KNOWN:
            del self._entries[next(iter(self._entries))]
        entry.open, entry.failed = len(self._sources), False
        entry.fresh_until_s = self._now_s() + self._ttl_s
        for source in self._sources:
            task = asyncio.create_task(self._look(source, address, entry), name=f"lookup {address}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def known(self, address: Address) -> Known:
        """What is known of an address so far."""
        entry = self._entries.get(address)
        return NOTHING if entry is None or entry.known is None else entry.known

    async def settle(self) -> None:
        """Return when nothing is under way: after the timeout of the last lookup at the latest."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    def forget(self) -> None:
        """Ask for every address again when it answers."""
        for entry in self._entries.values():
            entry.fresh_until_s = 0.0

    def close(self) -> None:
        """Give everything up."""
        for task in self._tasks:
            task.cancel()

    async def _look(self, source: Source, address: Address, entry: _Entry) -> None:
        try:
            async with asyncio.timeout(self._timeout_s), self._turns:
                found = await source(address)
        except Exception:  # noqa: BLE001 - a lookup is never fatal, whatever a server or a file holds
            entry.failed = True
        else:
            self._enter(address, entry, found)
        finally:
            entry.open -= 1
            if entry.failed and not entry.open:
                entry.fresh_until_s = self._now_s() + min(RETRY_S, self._ttl_s)

    def _enter(self, address: Address, entry: _Entry, found: dict[str, Any]) -> None:
        before = entry.known or NOTHING
        entry.known = msgspec.structs.replace(before, **found)
        if entry.known != before:
            self.told(address, entry.known)

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
