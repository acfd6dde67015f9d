"""What is looked up, and by whom, when the user does not say: decided here for every mode, sent by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tracer.config import TraceConfig
from tracer.names import DnsMethod
from tui.view.facts import Fact

if TYPE_CHECKING:
    from tracer.interfaces import Clock
    from tracer.naming import Naming
    from tracer.session import Session
    from tui.scene import Look

FOR_PEOPLE = frozenset({"tui", "pretty", "markdown"})
"""Modes whose reader wants names; programs get what they ask for."""

_COLUMNS = {Fact.ASN: "A", Fact.PLACES: "y"}
"""Columns that whoever asks for such a fact wants to see."""


def decided(config: TraceConfig, mode: str, sim: str | None) -> TraceConfig:
    """``config`` with ``auto`` replaced by what it means here; a simulated address has no name to ask for."""
    if config.dns_resolve_method is not DnsMethod.AUTO or config.dns_server is not None:
        return config
    asking = sim is None and (mode in FOR_PEOPLE or config.dns_resolve_all)
    method = DnsMethod.SYSTEM if asking else DnsMethod.OFF
    return msgspec.structs.replace(config, dns_resolve_method=method)


def sought(config: TraceConfig) -> frozenset[Fact]:
    """What is to be looked up, once ``auto`` is decided."""
    asked = {
        Fact.NAMES: config.dns_resolve_method is not DnsMethod.OFF,
        Fact.ASN: config.dns_lookup_as_info or config.asn_mmdb_file is not None,
        Fact.PLACES: config.geoip_mmdb_file is not None,
    }
    return frozenset(fact for fact, wanted in asked.items() if wanted)


def with_columns(look: Look, facts: frozenset[Fact]) -> Look:
    """``look`` with the columns, behind the host, of what is looked up."""
    new = "".join(letter for fact, letter in _COLUMNS.items() if fact in facts and letter not in look.columns)
    at = look.columns.find("o") + 1 or len(look.columns)
    return msgspec.structs.replace(look, columns=look.columns[:at] + new + look.columns[at:])


def naming(config: TraceConfig, session: Session, clock: Clock) -> Naming | None:
    """Let a session look up what its options ask for; nothing of it is imported where they ask for nothing.

    Raises ConfigError for a database that cannot be read.
    """
    if not sought(config):
        return None
    from tracer.naming import naming_for  # noqa: PLC0415 - only where something is looked up

    return naming_for(config, session, clock)
