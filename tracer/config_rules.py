"""Which options of strategies, flows, headers and names do not go together; a part of tracer.config."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tracer.model import Strategy
from tracer.names import DnsMethod, server_address

if TYPE_CHECKING:
    from tracer.config import TraceConfig

Rule = tuple[str, Any, bool, str]
"""An option, its value, whether it cannot be, and why."""

_LAST_PORT = 65535
_LEAST_PARIS = 30


def flow_rules(config: TraceConfig) -> Iterator[Rule]:
    """What a strategy, several flows or a header field rule out."""
    yield from _strategy(config)
    yield (
        "flows",
        config.flows,
        config.flows > config.max_flows,
        f"--max-flows is {config.max_flows}; raise it as well",
    )
    yield (
        "source_port",
        config.source_port,
        config.source_port is not None and config.source_port + config.flows - 1 > _LAST_PORT,
        f"no {config.flows} ports begin there",
    )
    yield from _headers(config)
    yield from _mtu(config)


def _mtu(config: TraceConfig) -> Iterator[Rule]:
    """What cannot be told from probes of several sizes, or has no place for the bytes."""
    for broken, reason in (
        (config.protocol == "tcp", "a SYN has no payload to make it larger; trace with --udp or --icmp"),
        (
            config.multipath_strategy is Strategy.DUBLIN,
            "dublin tells IPv6 probes apart by their length; trace with --multipath-strategy paris",
        ),
        (not config.dont_fragment, "probes that may be cut up always pass; leave --no-dont-fragment out"),
    ):
        yield "mtu", "on", config.mtu and broken, reason


def _strategy(config: TraceConfig) -> Iterator[Rule]:
    strategy = config.multipath_strategy
    yield (
        "multipath_strategy",
        strategy.value,
        strategy is Strategy.DUBLIN and config.protocol != "udp",
        "its mark is a UDP probe's; add --udp, or take paris, which is for every protocol",
    )
    yield (
        "packet_size",
        config.packet_size,
        strategy is Strategy.PARIS and config.packet_size < _LEAST_PARIS,
        f"paris needs two bytes of payload, so {_LEAST_PARIS} at the least",
    )


def _headers(config: TraceConfig) -> Iterator[Rule]:
    tos = config.tos
    for name, bits, mask in (("dscp", 2, 0xFC), ("ecn", 0, 0x03)):
        value = getattr(config, name)
        there = (tos & mask) >> bits
        yield name, value, value is not None and there not in (0, value), f"--tos {tos} says {there}"
    family = config.addr_family
    yield (
        "flow_label",
        config.flow_label,
        bool(config.flow_label) and family == "ipv4",
        "only IPv6 packets have one",
    )
    yield (
        "dont_fragment",
        config.dont_fragment,
        not config.dont_fragment and family == "ipv6",
        "no IPv6 router cuts packets into pieces",
    )


def name_rules(config: TraceConfig) -> Iterator[Rule]:
    """What a name server of the user's choice rules out."""
    method, server = config.dns_resolve_method, config.dns_server
    if server is not None:
        yield "dns_server", server, server_address(server) is None, "it is no address of a server"
        others = method not in (DnsMethod.AUTO, DnsMethod.OFF)
        yield "dns_server", server, others, f"--dns-resolve-method {method} asks others; give one of them"
