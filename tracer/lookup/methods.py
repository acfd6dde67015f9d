"""Which resolver each method means."""

from __future__ import annotations

import msgspec

from tracer.config import TraceConfig
from tracer.lookup.dns_resolver import DnsResolver, Server
from tracer.names import DnsMethod, server_address


class Method(msgspec.Struct, frozen=True):
    """Whom a method asks."""

    servers: tuple[Server, ...] = ()
    """None for those of /etc/resolv.conf."""
    public: bool = False
    """Its servers are strangers: addresses that mean something at home only are not told to them."""


METHODS: dict[DnsMethod, Method] = {
    DnsMethod.SYSTEM: Method(),
    DnsMethod.RESOLV: Method(),
    DnsMethod.GOOGLE: Method(
        (("8.8.8.8", 53), ("8.8.4.4", 53), ("2001:4860:4860::8888", 53), ("2001:4860:4860::8844", 53)),
        public=True,
    ),
    DnsMethod.CLOUDFLARE: Method(
        (("1.1.1.1", 53), ("1.0.0.1", 53), ("2606:4700:4700::1111", 53), ("2606:4700:4700::1001", 53)),
        public=True,
    ),
    DnsMethod.OFF: Method(),
}
"""By method. ``off`` asks for no names; where AS numbers are wanted all the same, it means resolv.conf."""


def method_of(config: TraceConfig) -> Method:
    """Whom these options ask, apart from the system's own resolver."""
    if config.dns_server is not None and (server := server_address(config.dns_server)) is not None:
        return Method((server,))
    return METHODS.get(config.dns_resolve_method, Method())


def dns_resolver(config: TraceConfig) -> DnsResolver:
    """The resolver that asks name servers itself."""
    return DnsResolver(method_of(config).servers, config.dns_timeout_ns / 1e9)


def resolves_targets(config: TraceConfig) -> bool:
    """Targets are looked up at the chosen servers too; else by the system, which knows /etc/hosts."""
    chosen = (DnsMethod.RESOLV, DnsMethod.GOOGLE, DnsMethod.CLOUDFLARE)
    return config.dns_server is not None or config.dns_resolve_method in chosen
