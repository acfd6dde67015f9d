"""Questions to name servers, by dnspython: UDP first, TCP where the answer was cut off (RFC 7766)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from tracer.lookup.resolver import NoAnswerError
from tracer.model import Address
from tracer.unwaited import unwaited

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dns.asyncresolver import Resolver as Stub

_TRIES = 2
"""A question or its answer may get lost: it is asked again after half the time."""

Server = tuple[str, int]
"""Address and port."""


class DnsResolver:
    """Asks the given servers, or those of /etc/resolv.conf where none is given.

    ``timeout_s`` bounds a question with all that it takes, TCP and further servers included. dnspython is
    imported with the first question, in a thread, so that no probe waits for it.
    """

    def __init__(self, servers: Sequence[Server], timeout_s: float) -> None:
        self._servers = servers
        self._timeout_s = timeout_s
        self._stub: Stub | None = None

    async def hostnames(self, address: Address) -> tuple[str, ...]:
        name = ipaddress.ip_address(address).reverse_pointer
        return await self._ask(name, "PTR", lambda record: record.target.to_text(omit_final_dot=True))

    async def texts(self, name: str) -> tuple[str, ...]:
        return await self._ask(
            name, "TXT", lambda record: b"".join(record.strings).decode("utf-8", "replace")
        )

    async def addresses(self, name: str) -> tuple[Address, ...]:
        """The IPv4 and IPv6 addresses of a name. Raises NoAnswerError where nothing is known of either."""
        found: list[Address] = []
        open_questions = []
        for kind in ("A", "AAAA"):
            try:
                texts = await self._ask(name, kind, lambda record: record.address, search=True)
            except NoAnswerError as error:
                open_questions.append(error)
            else:
                found += map(Address, texts)
        if open_questions and not found:
            raise open_questions[0]
        return tuple(found)

    async def _ask(
        self, name: str, kind: str, text: Callable[[Any], str], *, search: bool = False
    ) -> tuple[str, ...]:
        stub = await self._ready()
        from dns import exception, resolver  # noqa: PLC0415 - imported by now

        try:
            answer = await stub.resolve(name, kind, lifetime=self._timeout_s, search=search)
        except (resolver.NXDOMAIN, resolver.NoAnswer):
            return ()
        except (exception.DNSException, OSError, EOFError) as error:
            raise NoAnswerError(str(error)) from error
        return tuple(sorted(text(record) for record in answer))

    async def _ready(self) -> Stub:
        if self._stub is None:
            try:
                self._stub = await unwaited(self._made, "dnspython")
            except Exception as error:  # an unreadable resolv.conf has many faces
                raise NoAnswerError(str(error)) from error
        return self._stub

    def _made(self) -> Stub:
        from dns import asyncbackend, asyncresolver, nameserver  # noqa: PLC0415 - only where it is asked for
        from dns.rdtypes.ANY import PTR, TXT  # noqa: F401, PLC0415 - else imported with the first answer

        asyncbackend.get_backend("asyncio")
        stub = asyncresolver.Resolver(configure=not self._servers)
        if self._servers:
            stub.nameservers = [nameserver.Do53Nameserver(*server) for server in self._servers]
        stub.timeout = self._timeout_s / _TRIES
        return stub
