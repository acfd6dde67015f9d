"""Databases of both makers, and files that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lookup import databases
from tracer.errors import ConfigError
from tracer.lookup.mmdb import Database, asn, place
from tracer.model import Address
from tracer.names import AsnInfo, Place

if TYPE_CHECKING:
    from pathlib import Path

MAXMIND = Place(
    city="Somewhere",
    region="Hesse",
    country="Germany",
    country_code="DE",
    continent="Europe",
    latitude=50.1,
    longitude=8.7,
    radius_km=20,
)


@pytest.mark.parametrize(
    ("record", "system", "where"),
    [
        (databases.MAXMIND_CITY, None, MAXMIND),
        (databases.MAXMIND_ASN, AsnInfo(number=64_496, name="Example Backbone", source="mmdb"), None),
        (
            databases.IPINFO_COUNTRY_ASN,
            AsnInfo(number=64_497, name="Example Access", source="mmdb"),
            Place(country="Japan", country_code="JP", continent="Asia"),
        ),
        (
            databases.IPINFO_LITE,
            AsnInfo(number=64_498, name="Example Lite", source="mmdb"),
            Place(country="United States", country_code="US", continent="North America"),
        ),
        (
            databases.IPINFO_EXTENDED,
            None,
            Place(
                city="Yokohama",
                region="Kanagawa",
                country_code="JP",
                latitude=35.43333,
                longitude=139.65,
                radius_km=500,
            ),
        ),
        (
            databases.IPINFO_CORE,
            AsnInfo(number=64_499, name="Example Core", source="mmdb"),
            Place(
                city="Sydney",
                region="New South Wales",
                country="Australia",
                country_code="AU",
                continent="Oceania",
                latitude=-33.87,
                longitude=151.2,
            ),
        ),
        ({"city": {"names": {"de": "Ort"}}, "location": {"latitude": 91.0}}, None, None),
        ({"asn": "AS99999999999", "lat": "north", "lng": "nan"}, None, None),
        ({"asn": True, "city": 7, "subdivisions": []}, None, None),
        ({}, None, None),
    ],
)
def test_the_fields_of_both_makers_are_read(
    tmp_path: Path, record: dict[str, Any], system: AsnInfo | None, where: Place | None
) -> None:
    path = databases.write(tmp_path / "test.mmdb", {"203.0.113.0/24": record})
    database = Database(path, "--geoip-mmdb-file")
    found = database.record(Address("203.0.113.9"))
    assert (asn(found), place(found)) == (system, where)
    database.close()


def test_an_address_beyond_the_database_has_no_record(tmp_path: Path) -> None:
    path = databases.write(
        tmp_path / "test.mmdb",
        {"203.0.113.0/24": databases.MAXMIND_ASN, "2001:db8::/32": databases.IPINFO_CORE},
    )
    database = Database(path, "--asn-mmdb-file")
    assert database.record(Address("198.51.100.1")) == {}
    assert asn(database.record(Address("2001:db8::1"))) == AsnInfo(
        number=64_499, name="Example Core", source="mmdb"
    )
    database.close()


@pytest.mark.parametrize("content", [b"", b"no database", b"\xab\xcd\xefMaxMind.com" + b"\x00" * 50])
def test_what_is_no_database_is_refused_with_the_option_that_gave_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.mmdb"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        Database(str(path), "--geoip-mmdb-file")
    assert caught.value.option == "--geoip-mmdb-file"
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["missing.mmdb", "."])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        Database(str(tmp_path / name), "--asn-mmdb-file")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FIELDS = (
    "city", "names", "en", "country", "iso_code", "location", "latitude", "longitude", "accuracy_radius",
    "subdivisions", "geo", "as", "asn", "as_name", "lat", "lng", "radius", "autonomous_system_number",
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(FIELDS), st.dictionaries(st.sampled_from(FIELDS), anything) | anything)
)
def test_no_record_is_too_odd(record: dict[str, Any]) -> None:
    where, system = place(record), asn(record)
    assert where is None or where.coordinates is None or abs(where.coordinates[0]) <= 90
    assert system is None or 0 <= system.number < 2**32
