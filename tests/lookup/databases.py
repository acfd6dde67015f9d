"""Databases in MaxMind's format, written by an independent library, for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAXMIND_CITY: dict[str, Any] = {
    "city": {"geoname_id": 1, "names": {"de": "Ort", "en": "Somewhere"}},
    "continent": {"code": "EU", "names": {"en": "Europe"}},
    "country": {"iso_code": "DE", "names": {"de": "Deutschland", "en": "Germany"}},
    "location": {"accuracy_radius": 20, "latitude": 50.1, "longitude": 8.7, "time_zone": "Europe/Berlin"},
    "subdivisions": [{"iso_code": "HE", "names": {"en": "Hesse"}}],
}
MAXMIND_ASN: dict[str, Any] = {
    "autonomous_system_number": 64_496,
    "autonomous_system_organization": "Example Backbone",
}
IPINFO_COUNTRY_ASN: dict[str, Any] = {
    "country": "JP", "country_name": "Japan", "continent": "AS", "continent_name": "Asia",
    "asn": "AS64497", "as_name": "Example Access", "as_domain": "example.net",
}  # fmt: skip
IPINFO_LITE: dict[str, Any] = {
    "country": "United States", "country_code": "US", "continent": "North America", "continent_code": "NA",
    "asn": "AS64498", "as_name": "Example Lite", "as_domain": "example.org",
}  # fmt: skip
IPINFO_EXTENDED: dict[str, Any] = {
    "city": "Yokohama", "region": "Kanagawa", "country": "JP", "latitude": "35.43333", "longitude": "139.65",
    "postal_code": "220-8588", "timezone": "Asia/Tokyo", "geoname_id": "1848354", "radius": "500",
}  # fmt: skip
IPINFO_CORE: dict[str, Any] = {
    "geo": {
        "city": "Sydney", "region": "New South Wales", "country": "Australia", "country_code": "AU",
        "continent": "Oceania", "latitude": -33.87, "longitude": 151.2,
    },
    "as": {"asn": "AS64499", "name": "Example Core", "domain": "example.com"},
}  # fmt: skip


def write(path: Path, records: Mapping[str, Any], kind: str = "Test") -> str:
    """A database of records by network, IPv4 and IPv6; returns its path as an option takes it."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type=kind)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return str(path)
