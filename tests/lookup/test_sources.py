"""From options to lookups: who is asked what. The name server is on loopback; public ones are a table."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.labkit.nameserver import Answer, NameServer, Zone, name_server
from tests.lookup import databases
from tracer.config import TraceConfig
from tracer.errors import ConfigError
from tracer.lookup.methods import METHODS, dns_resolver, method_of, resolves_targets
from tracer.lookup.sources import open_lookup
from tracer.lookup.system_resolver import SystemResolver
from tracer.model import Address
from tracer.names import NOTHING, AsnInfo, DnsMethod, Known, Place

if TYPE_CHECKING:
    from pathlib import Path

ROUTED, PRIVATE = Address("9.9.9.9"), Address("192.168.0.1")
ZONE: Zone = {
    ("9.9.9.9.in-addr.arpa.", "PTR"): Answer(("router.example.",)),
    ("1.0.168.192.in-addr.arpa.", "PTR"): Answer(("gateway.home.arpa.",)),
    ("9.9.9.9.origin.asn.cymru.com.", "TXT"): Answer(('"64496 | 9.9.9.0/24 | US | arin | 2020-01-01"',)),
    ("AS64496.asn.cymru.com.", "TXT"): Answer(('"64496 | US | arin | 2020-01-01 | EXAMPLE, US"',)),
}
NAME = {"hostnames": ("router.example",)}
SYSTEM = AsnInfo(
    number=64_496,
    name="EXAMPLE, US",
    prefix="9.9.9.0/24",
    country="US",
    registry="arin",
    allocated="2020-01-01",
    source="dns",
)


async def found(server: NameServer, address: Address, **options: Any) -> Known:
    lookup = open_lookup(TraceConfig(dns_server=server.where, **options))
    assert lookup is not None
    lookup.want(address)
    await lookup.settle()
    return lookup.known(address)


async def test_a_given_server_is_asked_for_names_and_for_nothing_more() -> None:
    with name_server(ZONE) as server:
        assert await found(server, ROUTED) == Known(hostnames=("router.example",))
        assert server.asked == [("udp", "9.9.9.9.in-addr.arpa.", "PTR")]


async def test_systems_are_asked_for_when_wanted() -> None:
    with name_server(ZONE) as server:
        known = await found(server, ROUTED, dns_lookup_as_info=True)
    assert known == Known(hostnames=("router.example",), asn=SYSTEM)


async def test_without_names_systems_can_be_asked_for_all_the_same() -> None:
    with name_server(ZONE) as server:
        known = await found(server, ROUTED, dns_lookup_as_info=True, dns_resolve_method=DnsMethod.OFF)
        assert known == Known(asn=SYSTEM)
        assert {kind for _, _, kind in server.asked} == {"TXT"}


async def test_nobody_is_asked_who_announces_a_private_address() -> None:
    with name_server(ZONE) as server:
        known = await found(server, PRIVATE, dns_lookup_as_info=True)
        assert known == Known(hostnames=("gateway.home.arpa",))
        assert [kind for _, _, kind in server.asked] == ["PTR"]


async def test_a_system_without_a_name_is_told_without_one() -> None:
    zone = {key: answer for key, answer in ZONE.items() if not key[0].startswith("AS")}
    with name_server(zone) as server:
        known = await found(server, ROUTED, dns_lookup_as_info=True)
    assert known.asn is not None
    assert (known.asn.number, known.asn.name) == (64_496, None)


async def test_hostile_names_are_harmless_when_they_are_known() -> None:
    zone: Zone = {
        ("9.9.9.9.in-addr.arpa.", "PTR"): Answer((r"\027[2J[bold]x\010.example.",)),
        ("9.9.9.9.origin.asn.cymru.com.", "TXT"): Answer((r'"64496 | \027[31m | <b> | x | y"',)),
        ("AS64496.asn.cymru.com.", "TXT"): Answer((r'"64496 | a | b | c | \226\128\174\027]0;evil\007"',)),
    }
    with name_server(zone) as server:
        known = await found(server, ROUTED, dns_lookup_as_info=True)
    assert known.asn is not None
    texts = [*known.hostnames, known.asn.name, known.asn.prefix, known.asn.country]
    assert all(text is not None and text.isprintable() for text in texts)
    assert known.asn.name == "\\u202e\\x1b]0;evil\\x07"


async def test_a_database_is_asked_before_the_network(tmp_path: Path) -> None:
    path = databases.write(tmp_path / "asn.mmdb", {"9.9.9.0/24": databases.MAXMIND_ASN})
    options = {"asn_mmdb_file": path, "dns_lookup_as_info": True, "dns_resolve_method": DnsMethod.OFF}
    zone: Zone = {("8.8.8.8.origin.asn.cymru.com.", "TXT"): Answer(('"64500 | 8.8.8.0/24 | US | arin |"',))}
    with name_server(zone) as server:
        assert (await found(server, ROUTED, **options)).asn == AsnInfo(
            number=64_496, name="Example Backbone", source="mmdb"
        )
        assert server.asked == []
        other = await found(server, Address("8.8.8.8"), **options)
        assert other.asn is not None
        assert other.asn.number == 64_500


async def test_databases_alone_ask_nobody(tmp_path: Path) -> None:
    record = {**databases.MAXMIND_CITY, **databases.IPINFO_COUNTRY_ASN, "country": {"iso_code": "DE"}}
    path = databases.write(tmp_path / "both.mmdb", {"9.9.9.0/24": record})
    with name_server(ZONE) as server:
        known = await found(server, ROUTED, geoip_mmdb_file=path, dns_resolve_method=DnsMethod.OFF)
        assert server.asked == []
    assert known.asn == AsnInfo(number=64_497, name="Example Access", source="mmdb")
    assert isinstance(known.place, Place)
    assert known.place.coordinates == (50.1, 8.7)


def test_a_broken_database_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "odd.mmdb").write_bytes(b"odd")
    with pytest.raises(ConfigError) as caught:
        open_lookup(TraceConfig(geoip_mmdb_file=str(tmp_path / "odd.mmdb")))
    assert caught.value.option == "--geoip-mmdb-file"


async def test_a_database_that_is_damaged_inside_leaves_places_unknown(tmp_path: Path) -> None:
    path = tmp_path / "city.mmdb"
    databases.write(path, {"9.9.9.0/24": databases.MAXMIND_CITY})
    content = bytearray(path.read_bytes())
    at = content.index(b"Somewhere") - 1
    content[at : at + 10] = b"\xff" * 10
    path.write_bytes(content)
    lookup = open_lookup(TraceConfig(geoip_mmdb_file=str(path), dns_resolve_method=DnsMethod.OFF))
    assert lookup is not None
    lookup.want(ROUTED)
    await lookup.settle()
    assert lookup.known(ROUTED) == NOTHING


def test_where_nothing_is_asked_for_there_is_no_lookup() -> None:
    assert open_lookup(TraceConfig(dns_resolve_method=DnsMethod.OFF)) is None


def test_the_public_servers_are_those_their_operators_document() -> None:
    told = {
        method: {where for where, port in entry.servers if port == 53} for method, entry in METHODS.items()
    }
    assert told[DnsMethod.GOOGLE] == {"8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"}
    assert told[DnsMethod.CLOUDFLARE] == {
        "1.1.1.1",
        "1.0.0.1",
        "2606:4700:4700::1111",
        "2606:4700:4700::1001",
    }
    assert all(ip_address(where).is_global for servers in told.values() for where in servers)
    assert not told[DnsMethod.SYSTEM] | told[DnsMethod.RESOLV] | told[DnsMethod.OFF]
    assert {method for method, entry in METHODS.items() if entry.public} == {
        DnsMethod.GOOGLE,
        DnsMethod.CLOUDFLARE,
    }


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, False),
        ({"dns_resolve_method": DnsMethod.SYSTEM}, False),
        ({"dns_resolve_method": DnsMethod.OFF}, False),
        ({"dns_resolve_method": DnsMethod.RESOLV}, True),
        ({"dns_resolve_method": DnsMethod.GOOGLE}, True),
        ({"dns_resolve_method": DnsMethod.CLOUDFLARE}, True),
        ({"dns_server": "192.0.2.53"}, True),
    ],
)
def test_who_chooses_servers_has_targets_looked_up_there_too(
    options: dict[str, Any],
    wanted: bool,  # noqa: FBT001 - what the function returns
) -> None:
    config = TraceConfig(**options)
    assert resolves_targets(config) is wanted
    assert dns_resolver(config)._servers == method_of(config).servers


async def test_strangers_are_not_told_private_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Public:
        async def hostnames(self, address: Address) -> tuple[str, ...]:
            asked.append(address)
            return ("router.example",)

        texts = SystemResolver.texts

    monkeypatch.setattr("tracer.lookup.sources.dns_resolver", lambda _: Public())
    lookup = open_lookup(TraceConfig(dns_resolve_method=DnsMethod.CLOUDFLARE))
    assert lookup is not None
    for address in (ROUTED, PRIVATE, Address("10.0.0.1"), Address("fe80::1"), Address("100.64.0.1")):
        lookup.want(address)
    await lookup.settle()
    assert asked == [ROUTED]
