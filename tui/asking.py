"""Who is asked for names when the user does not say: decided here for every mode, sent by nobody."""

from __future__ import annotations

import msgspec

from tracer.config import DnsMethod, TraceConfig

FOR_PEOPLE = frozenset({"tui", "pretty", "markdown"})
"""Modes whose reader wants names; programs get what they ask for."""


def decided(config: TraceConfig, mode: str, sim: str | None) -> TraceConfig:
    """``config`` with ``auto`` replaced by what it means here; a simulated address has no name to ask for."""
    if config.dns_resolve_method is not DnsMethod.AUTO or config.dns_server is not None:
        return config
    asks = sim is None and (mode in FOR_PEOPLE or config.dns_resolve_all)
    method = DnsMethod.SYSTEM if asks else DnsMethod.OFF
    return msgspec.structs.replace(config, dns_resolve_method=method)


def asks(config: TraceConfig) -> bool:
    """Whether anything is to be looked up, once ``auto`` is decided."""
    return (
        config.dns_resolve_method is not DnsMethod.OFF
        or config.dns_lookup_as_info
        or config.geoip_mmdb_file is not None
        or config.asn_mmdb_file is not None
    )
