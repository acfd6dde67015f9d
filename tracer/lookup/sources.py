"""What the options ask to be looked up, as sources of a ``Lookup``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tracer.config import TraceConfig, flag
from tracer.lookup import cymru
from tracer.lookup.lookup import Lookup, Source
from tracer.lookup.methods import dns_resolver, method_of
from tracer.lookup.mmdb import Database, asn, place
from tracer.lookup.resolver import Resolver
from tracer.lookup.system_resolver import SystemResolver
from tracer.model import Address
from tracer.names import MOST_HOSTNAMES, AsnInfo, DnsMethod
from tracer.special_use import special_use


def open_lookup(config: TraceConfig) -> Lookup | None:
    """The lookups these options ask for; None where they ask for none.

    ``auto`` asks nobody here, unless a server is given: who wants names for a reader says whom to ask.
    Raises ConfigError for a database that cannot be read.
    """
    sources = tuple(_sources(config))
    return Lookup(sources, config.dns_timeout_ns / 1e9, config.dns_ttl_ns / 1e9) if sources else None


def _sources(config: TraceConfig) -> Iterator[Source]:
    resolver = _resolver(config)
    if _asks_for_names(config):
        yield _names(resolver, _WORTH_ASKING[method_of(config).public])
    places = _database(config, "geoip_mmdb_file")
    systems = _database(config, "asn_mmdb_file")
    if places is not None:
        yield _places(places)
    databases = tuple(one for one in (systems, places) if one is not None)
    if databases or config.dns_lookup_as_info:
        yield _systems(databases, resolver if config.dns_lookup_as_info else None)


def _asks_for_names(config: TraceConfig) -> bool:
    method = config.dns_resolve_method
    return config.dns_server is not None if method is DnsMethod.AUTO else method is not DnsMethod.OFF


def _resolver(config: TraceConfig) -> Resolver:
    asking = dns_resolver(config)
    return SystemResolver(asking) if config.dns_resolve_method is DnsMethod.SYSTEM else asking


def _database(config: TraceConfig, option: str) -> Database | None:
    path = getattr(config, option)
    return None if path is None else Database(path, flag(option))


def _anything(_address: Address) -> bool:
    return True


def _routed(address: Address) -> bool:
    return special_use(address) is None


_WORTH_ASKING: dict[bool, Callable[[Address], bool]] = {False: _anything, True: _routed}
"""Whether to ask for the name of an address, by whether strangers are asked: they know no private one."""


def _names(resolver: Resolver, worth_asking: Callable[[Address], bool]) -> Source:
    async def find(address: Address) -> dict[str, Any]:
        if not worth_asking(address):
            return {"hostnames": ()}
        return {"hostnames": (await resolver.hostnames(address))[:MOST_HOSTNAMES]}

    return find


def _places(database: Database) -> Source:
    async def find(address: Address) -> dict[str, Any]:
        return {"place": place(database.record(address))}

    return find


def _systems(databases: Sequence[Database], resolver: Resolver | None) -> Source:
    """What the files say; what they do not know is asked of the resolver, where there is one.

    Nobody announces a special-use address, so nobody is asked for it.
    """

    async def find(address: Address) -> dict[str, Any]:
        for database in databases:
            if (told := asn(database.record(address))) is not None:
                return {"asn": told}
        if resolver is None or not _routed(address):
            return {"asn": None}
        return {"asn": await _announced(resolver, address)}

    return find


async def _announced(resolver: Resolver, address: Address) -> AsnInfo | None:
    found = cymru.origin(await resolver.texts(cymru.origin_question(address)))
    if found is None:
        return None
    return cymru.with_name(found, await resolver.texts(cymru.name_question(found.number)))
