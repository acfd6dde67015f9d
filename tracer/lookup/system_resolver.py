"""The system's resolver, with everything it looks at: /etc/hosts, mDNS, whatever nsswitch.conf names."""

from __future__ import annotations

import asyncio
import socket

from tracer.lookup.resolver import NoAnswerError, Resolver
from tracer.model import Address
from tracer.unwaited import unwaited

MOST_THREADS = 8
"""Calls of the resolver at once. One that hangs keeps its place: there are never more threads than this."""

_UNKNOWN = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class SystemResolver:
    """Names by ``getnameinfo``; TXT records, which it has no call for, by ``texts_by``."""

    def __init__(self, texts_by: Resolver) -> None:
        self._texts_by = texts_by
        self._free = asyncio.Semaphore(MOST_THREADS)

    async def hostnames(self, address: Address) -> tuple[str, ...]:
        await self._free.acquire()
        try:
            found, _ = await unwaited(
                lambda: socket.getnameinfo((address, 0), socket.NI_NAMEREQD), "names", self._free.release
            )
        except socket.gaierror as error:
            if error.errno in _UNKNOWN:
                return ()
            raise NoAnswerError(str(error)) from error
        except (OSError, UnicodeError) as error:
            raise NoAnswerError(str(error)) from error
        return (found,)

    async def texts(self, name: str) -> tuple[str, ...]:
        return await self._texts_by.texts(name)
