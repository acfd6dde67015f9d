"""Databases of places and AS numbers in MaxMind's file format.

Fields are recognised by their name, whoever made the file: MaxMind's GeoLite2 and GeoIP2 (City, Country,
ASN, Enterprise), DB-IP's in the same form, and IPinfo's, flat (Lite, Country + ASN, Geolocation) or nested
(Core, Plus).
"""

from __future__ import annotations

import struct
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer.errors import ConfigError
from tracer.model import Address
from tracer.names import AsnInfo, Place

if TYPE_CHECKING:
    from maxminddb.reader import Reader

SOURCE = "mmdb"

_Path = tuple[str | int, ...]

_CITY: tuple[_Path, ...] = (("city", "names", "en"), ("geo", "city"), ("city",))
_REGION: tuple[_Path, ...] = (("subdivisions", 0, "names", "en"), ("geo", "region"), ("region",))
_COUNTRY: tuple[_Path, ...] = (
    ("country", "names", "en"),
    ("geo", "country"),
    ("country_name",),
    ("country",),
    ("registered_country", "names", "en"),
)
_COUNTRY_CODE: tuple[_Path, ...] = (
    ("country", "iso_code"),
    ("geo", "country_code"),
    ("country_code",),
    ("country",),
    ("registered_country", "iso_code"),
)
_CONTINENT: tuple[_Path, ...] = (
    ("continent", "names", "en"),
    ("geo", "continent"),
    ("continent_name",),
    ("continent",),
)
_LATITUDE: tuple[_Path, ...] = (("location", "latitude"), ("geo", "latitude"), ("latitude",), ("lat",))
_LONGITUDE: tuple[_Path, ...] = (("location", "longitude"), ("geo", "longitude"), ("longitude",), ("lng",))
_RADIUS: tuple[_Path, ...] = (("location", "accuracy_radius"), ("geo", "radius"), ("radius",))
_NUMBER: tuple[_Path, ...] = (("autonomous_system_number",), ("as", "asn"), ("asn",))
_NAME: tuple[_Path, ...] = (("autonomous_system_organization",), ("as", "name"), ("as_name",), ("name",))
_ROUTE: tuple[_Path, ...] = (("as", "route"), ("route",))


_DAMAGED = (
    ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError, struct.error,
)  # fmt: skip
"""What reading a damaged file raises: maxminddb takes most of what it says on trust. Its own error is a
RuntimeError, and so is endless recursion."""


class Database:
    """One file. Raises ConfigError, naming the ``option`` that gave it, where it cannot be read."""

    def __init__(self, path: str, option: str) -> None:
        import maxminddb  # noqa: PLC0415 - only where there is a database

        try:
            # One wrong byte can end the process with maxminddb's C reader, and a file cut short with mmap.
            self._reader: Reader = maxminddb.open_database(Path(path).expanduser(), maxminddb.MODE_FILE)
        except OSError as error:
            raise ConfigError(option, path, error.strerror or str(error)) from error
        except _DAMAGED as error:
            raise ConfigError(option, path, "it is no database in MaxMind's format") from error
        # Lookups share it and none of them knows which is the last.
        self._closing = weakref.finalize(self, self._reader.close)

    def record(self, address: Address) -> Mapping[str, Any]:
        """What it holds of an address; empty where it holds nothing.

        Raises maxminddb.InvalidDatabaseError where the file is damaged.
        """
        import maxminddb  # noqa: PLC0415 - loaded when the file was opened

        if ":" in address and self._reader.metadata().ip_version != 6:
            return {}
        try:
            found = self._reader.get(address)
        except _DAMAGED as error:
            raise maxminddb.InvalidDatabaseError(f"the record of {address} is damaged") from error
        return found if isinstance(found, dict) else {}

    def close(self) -> None:
        """Close the file."""
        self._closing()


def asn(record: Mapping[str, Any]) -> AsnInfo | None:
    """The autonomous system a record names; None where it names none."""
    number = _as_number(_first(record, _NUMBER, (int, str)))
    if number is None:
        return None
    return AsnInfo(number=number, name=_text(record, _NAME), prefix=_text(record, _ROUTE), source=SOURCE)


def place(record: Mapping[str, Any]) -> Place | None:
    """The place a record names; None where it names none."""
    code = _text(record, _COUNTRY_CODE)
    country = _text(record, _COUNTRY)
    found = Place(
        city=_text(record, _CITY),
        region=_text(record, _REGION),
        # IPinfo calls the code ``country`` in some files and the name in others.
        country=None if country is None or len(country) == 2 else country,
        country_code=code.upper() if code is not None and len(code) == 2 else None,
        continent=_text(record, _CONTINENT),
        latitude=_number(record, _LATITUDE, -90, 90),
        longitude=_number(record, _LONGITUDE, -180, 180),
        radius_km=_number(record, _RADIUS, 0, 20_100),
    )
    return None if found == Place() else found


def _first(record: Mapping[str, Any], paths: Sequence[_Path], kinds: tuple[type, ...]) -> Any:
    for path in paths:
        value: Any = record
        for step in path:
            value = _step(value, step)
        if isinstance(value, kinds) and not isinstance(value, bool) and value != "":
            return value
    return None


def _step(value: Any, step: str | int) -> Any:
    if isinstance(step, str):
        return value.get(step) if isinstance(value, dict) else None
    return value[step] if isinstance(value, list) and len(value) > step else None


def _text(record: Mapping[str, Any], paths: Sequence[_Path]) -> str | None:
    found: str | None = _first(record, paths, (str,))
    return found


def _number(record: Mapping[str, Any], paths: Sequence[_Path], low: float, high: float) -> float | None:
    """A number, which IPinfo writes as text; None outside its range."""
    try:
        found = float(_first(record, paths, (int, float, str)))
    except (TypeError, ValueError):
        return None
    return found if low <= found <= high else None


def _as_number(told: int | str | None) -> int | None:
    text = str(told).upper().removeprefix("AS")
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        return None
    return int(text) if int(text) < 2**32 else None
