"""From what the user typed to an address."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

from tracer.config import AddressFamily
from tracer.model import Address, Family
from tracer.wire.address import family_of, parse

_ORDER: dict[AddressFamily, tuple[Family, ...]] = {
    AddressFamily.IPV4: (Family.IPV4,),
    AddressFamily.IPV6: (Family.IPV6,),
    AddressFamily.IPV4_THEN_IPV6: (Family.IPV4, Family.IPV6),
    AddressFamily.IPV6_THEN_IPV4: (Family.IPV6, Family.IPV4),
    AddressFamily.SYSTEM: (),
}
"""Families to look for, first choice first; none = whatever the resolver puts first (RFC 6724)."""

_FAMILIES = {socket.AF_INET: Family.IPV4, socket.AF_INET6: Family.IPV6}


async def resolve(query: str, choice: AddressFamily) -> Address | None:
    """The address to trace, by the system's resolver; None where the name has none of that family."""
    literal = parse(query)
    if literal is not None:
        return _pick([(family_of(literal), literal)], _ORDER[choice])
    try:
        found = await _ask(query)
    except (OSError, UnicodeError):
        return None
    addresses = [
        (_FAMILIES[socket.AddressFamily(family)], Address(str(where[0]).partition("%")[0]))
        for family, _, _, _, where in found
        if family in _FAMILIES
    ]
    return _pick(addresses, _ORDER[choice])


async def _ask(query: str) -> list[Any]:
    """``getaddrinfo`` in a thread that nobody waits for.

    A resolver may take half a minute to give up. The loop's own threads are waited for at the end of the
    program; whoever leaves before the answer shall be free at once.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Any]] = loop.create_future()

    def tell(found: list[Any] | None, error: Exception | None) -> None:
        if answer.done():  # cancelled
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(found or [])

    def ask() -> None:
        found, failure = None, None
        try:
            found = socket.getaddrinfo(query, None, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(tell, found, failure)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    return await answer


def _pick(addresses: list[tuple[Family, Address]], order: tuple[Family, ...]) -> Address | None:
    if not order:
        return addresses[0][1] if addresses else None
    return next((found for family in order for kind, found in addresses if kind is family), None)
