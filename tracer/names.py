"""What is known of an address beside its packets: names, its autonomous system, where it is.

All of it comes from the network or from files of others. Every text is made printable and cut to a length
that fits a log the moment one of these values is made, whether by a lookup or by reading a recording: nothing
later has to think of it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from tracer.text import LONGEST_SHOWN, printable


class DnsMethod(StrEnum):
    """Whom to ask for names; ``auto`` depends on the mode."""

    AUTO = "auto"
    SYSTEM = "system"
    RESOLV = "resolv"
    GOOGLE = "google"
    CLOUDFLARE = "cloudflare"
    OFF = "off"


Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
"""Degrees, north is positive."""

Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
"""Degrees, east is positive."""

AsNumber = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
"""RFC 6793."""

MOST_HOSTNAMES = 8
"""Names kept of one address; a PTR set may hold thousands."""

Hostnames = Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_HOSTNAMES)]

MOST_ORIGINS = 8


def harmless(text: str) -> str:
    """A text of others, fit for any screen, report or log."""
    return printable(text[:LONGEST_SHOWN])[:LONGEST_SHOWN]


def make_harmless(value: msgspec.Struct, fields: Iterable[str]) -> None:
    """Replace the texts of a value that is just being made: nobody has seen it yet."""
    for field in fields:
        told = getattr(value, field)
        fit = _fit(told)
        if fit != told:
            msgspec.structs.force_setattr(value, field, fit)


class _Harmless(msgspec.Struct, frozen=True, kw_only=True):
    def __post_init__(self) -> None:
        make_harmless(self, self.__struct_fields__)


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, tuple):
        return tuple(map(_fit, value))
    return value


class AsnInfo(_Harmless, frozen=True, kw_only=True):
    """The autonomous system that announces an address."""

    number: AsNumber
    name: str | None = None
    prefix: str | None = None
    """The announced network, in CIDR notation."""
    country: str | None = None
    """Where the network is registered, ISO 3166-1: not where the router stands."""
    registry: str | None = None
    """``arin``, ``ripencc`` ..."""
    allocated: str | None = None
    """When the registry gave it away, as it says it."""
    further: Annotated[tuple[AsNumber, ...], msgspec.Meta(max_length=MOST_ORIGINS)] = ()
    """Other systems that announce the same network."""
    source: str = ""
    """Who says so: ``dns`` or ``mmdb``."""

    @property
    def label(self) -> str:
        """``AS64496``."""
        return f"AS{self.number}"


class Place(_Harmless, frozen=True, kw_only=True):
    """Where an address is said to be. Databases guess: for routers they are often wrong."""

    city: str | None = None
    region: str | None = None
    country: str | None = None
    country_code: str | None = None
    """ISO 3166-1 alpha-2."""
    continent: str | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    radius_km: Annotated[float, msgspec.Meta(ge=0, le=20_100)] | None = None
    """The place is somewhere within this distance."""

    @property
    def label(self) -> str:
        """City, region and country, as far as they are known."""
        parts = (self.city, self.region, self.country or self.country_code)
        told = [part for part in parts if part]
        return ", ".join(part for at, part in enumerate(told) if part not in told[:at])

    @property
    def coordinates(self) -> tuple[float, float] | None:
        """Latitude and longitude; None unless both are known."""
        if self.latitude is None or self.longitude is None:
            return None
        return self.latitude, self.longitude


class Known(_Harmless, frozen=True, kw_only=True):
    """Everything that has been found out about one address; empty where nothing has."""

    hostnames: Hostnames = ()
    """From reverse DNS, in alphabetical order. Whoever runs the address chose them."""
    asn: AsnInfo | None = None
    place: Place | None = None

    @property
    def hostname(self) -> str | None:
        """The first name."""
        return next(iter(self.hostnames), None)


NOTHING = Known()


def server_address(text: str) -> tuple[str, int] | None:
    """Address and port of a name server as the user wrote it, by default port 53; None if it is none."""
    match = _SERVER.fullmatch(text.strip())
    if match is None:
        return None
    address, port = match["bare"] or match["v6"] or match["v4"], int(match["port"] or 53)
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return None
    return (address, port) if 0 < port < 65536 else None


_SERVER = re.compile(
    r"(?:(?P<bare>[0-9a-fA-F:]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)|\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<v4>[0-9.]+))"
    r"(?::(?P<port>\d{1,5}))?"
)
"""An IPv6 address has two colons at least; with a port it stands in brackets (RFC 3986, section 3.2.2)."""
