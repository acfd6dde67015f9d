"""The system's resolver, with everything it looks at: /etc/hosts, mDNS, whatever nsswitch.conf names."""

from __future__ import annotations

import asyncio
import socket

from tracer.lookup.resolver import NoAnswerError, Resolver
from tracer.model import Address
from tracer.unwaited import unwaited

MOST_THREADS = 8
"""Calls of the resolver at once. One that hangs keeps its place: there are never more threads than this."""

_HOST_NOT_FOUND, _NO_RECOVERY, _NO_DATA = 1, 3, 4
_UNKNOWN = frozenset({_HOST_NOT_FOUND, _NO_RECOVERY, _NO_DATA})
"""What netdb.h's h_errno says of an address without a name, as getnameinfo(3) reads it."""


class SystemResolver:
    """Names by ``gethostbyaddr``; TXT records, which it has no call for, by ``texts_by``."""

    def __init__(self, texts_by: Resolver) -> None:
        self._texts_by = texts_by
        self._free = asyncio.Semaphore(MOST_THREADS)

    async def hostnames(self, address: Address) -> tuple[str, ...]:
        await self._free.acquire()
        try:
            # Not getnameinfo: up to Python 3.11.2 it holds the interpreter's lock, so that a name server that
            # does not answer would stop the whole trace.
            found, _, _ = await unwaited(lambda: socket.gethostbyaddr(address), "names", self._free.release)
        except socket.herror as error:
            if error.errno in _UNKNOWN:
                return ()
            raise NoAnswerError(str(error)) from error
        except (OSError, UnicodeError) as error:
            raise NoAnswerError(str(error)) from error
        return (found,)

    async def texts(self, name: str) -> tuple[str, ...]:
        return await self._texts_by.texts(name)
