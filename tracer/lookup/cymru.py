"""Team Cymru's mapping of addresses to autonomous systems, by DNS.

Questions and answers as described at https://www.team-cymru.com/ip-asn-mapping: the TXT record of the
reversed address below origin.asn.cymru.com holds ``23028 | 216.90.108.0/24 | US | arin | 1998-09-25``, that
of the number below asn.cymru.com ``23028 | US | arin | 2002-01-04 | TEAM-CYMRU - Team Cymru Inc., US``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import msgspec

from tracer.model import Address
from tracer.names import MOST_ORIGINS, AsnInfo

_ORIGINS = {4: "origin.asn.cymru.com", 6: "origin6.asn.cymru.com"}
_ASKED_V6 = 16
"""Nibbles of an IPv6 address that are asked for: nothing longer than a /48 is routed, a /64 is told."""

SOURCE = "dns"


def origin_question(address: Address) -> str:
    """The name whose TXT record tells which system announces an address."""
    about = ipaddress.ip_address(address)
    if about.version == 4:
        reversed_parts = str(about).split(".")[::-1]
    else:
        reversed_parts = list(about.exploded.replace(":", "")[:_ASKED_V6])[::-1]
    return f"{'.'.join(reversed_parts)}.{_ORIGINS[about.version]}"


def name_question(number: int) -> str:
    """The name whose TXT record tells what a system is called."""
    return f"AS{number}.asn.cymru.com"


def origin(texts: Sequence[str]) -> AsnInfo | None:
    """What the answers say: of several networks the most specific one; None for what is no such answer."""
    told = [found for text in texts if (found := _origin(text)) is not None]
    return max(told, key=_length, default=None)


def _origin(text: str) -> AsnInfo | None:
    numbers, prefix, country, registry, allocated = _fields(text, 5)
    systems = [int(part) for part in numbers.split() if _is_number(part)]
    if not systems:
        return None
    return AsnInfo(
        number=systems[0],
        prefix=prefix or None,
        country=country or None,
        registry=registry or None,
        allocated=allocated or None,
        further=tuple(systems[1 : MOST_ORIGINS + 1]),
        source=SOURCE,
    )


def _length(found: AsnInfo) -> int:
    try:
        return ipaddress.ip_network(found.prefix or "").prefixlen
    except ValueError:
        return -1


def with_name(found: AsnInfo, texts: Sequence[str]) -> AsnInfo:
    """``found`` with what the answer to the second question says; unchanged where that is no such answer."""
    for text in texts:
        number, _, _, _, name = _fields(text, 5)
        if number == str(found.number) and name:
            return msgspec.structs.replace(found, name=name)
    return found


def _fields(text: str, count: int) -> list[str]:
    parts = [part.strip() for part in text.split("|", count - 1)]
    return parts + [""] * (count - len(parts))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) < 2**32
