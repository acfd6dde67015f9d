"""From what the user typed to an address."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

from tracer.config import AddressFamily
from tracer.errors import TargetError
from tracer.model import Address, Family
from tracer.target_name import flaw
from tracer.unwaited import unwaited
from tracer.wire.address import family_of, parse

_ORDER: dict[AddressFamily, tuple[Family, ...]] = {
    AddressFamily.IPV4: (Family.IPV4,),
    AddressFamily.IPV6: (Family.IPV6,),
    AddressFamily.IPV4_THEN_IPV6: (Family.IPV4, Family.IPV6),
    AddressFamily.IPV6_THEN_IPV4: (Family.IPV6, Family.IPV4),
    AddressFamily.SYSTEM: (),
}
"""Families to look for, first choice first; none = whatever the resolver puts first (RFC 6724)."""

_OPEN = (socket.EAI_AGAIN, socket.EAI_FAIL)
"""Said of servers that are silent, out of reach or at fault; the name may have addresses: getaddrinfo(3)."""


async def resolve_all(query: str, choice: AddressFamily) -> tuple[Address, ...]:
    """All addresses of a target by the system's resolver, first choice first; none where there are none.

    Raises TargetError where nobody answered.
    """
    literal = parse(query)
    if literal is not None:
        return in_order([literal], choice)
    # It would look up what stands before a NUL, and make addresses of numbers.
    if flaw(query) is not None:
        return ()
    try:
        found = await _ask(query)
    except socket.gaierror as error:
        if error.errno in _OPEN:
            raise TargetError.unanswered(query) from error
        return ()
    except (OSError, UnicodeError):
        return ()
    addresses = [
        Address(str(where[0]).partition("%")[0])
        for family, _, _, _, where in found
        if family in (socket.AF_INET, socket.AF_INET6)
    ]
    return in_order(addresses, choice)


async def _ask(query: str) -> list[Any]:
    return await unwaited(lambda: socket.getaddrinfo(query, None, type=socket.SOCK_DGRAM), "resolver")


def in_order(addresses: Iterable[Address], choice: AddressFamily) -> tuple[Address, ...]:
    """Those of the wanted families, first choice first, each once."""
    once = tuple(dict.fromkeys(addresses))
    order = _ORDER[choice]
    if not order:
        return once
    return tuple(one for family in order for one in once if family_of(one) is family)
