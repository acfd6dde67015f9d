"""What is found out before the first probe: addresses, protocol, channel, source, ports."""

from __future__ import annotations

import ipaddress
import itertools
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tracer.clock import SystemClock
from tracer.config import AddressFamily, ChannelChoice, ProtocolChoice, TraceConfig, flag
from tracer.engine.ports import plan_kind
from tracer.errors import ConfigError, TargetError
from tracer.interfaces import Clock, OpenSockets
from tracer.load import Meter
from tracer.model import (
    Address,
    Family,
    PortPlanKind,
    Protocol,
    Route,
    SourceInfo,
    TargetInfo,
    TraceId,
)
from tracer.session import Prepared
from tracer.text import printable
from tracer.wire.address import family_of, parse
from tracer.wire.mark import WORD_LENGTH


def open_privileged(wanted: ChannelChoice) -> OpenSockets | None:
    """Open everything that needs a privilege, for this run and whatever the user changes in it; None without.

    Raises LocalError where this process may open no more files.
    """
    from tracer.net import choose  # noqa: PLC0415 - a simulation opens no sockets

    return choose.open_privileged(wanted)


def are_addresses(queries: Sequence[str]) -> bool:
    """``real`` has nothing to wait for: no name is to be resolved."""
    return all(parse(query) is not None for query in queries)


def _only_possible(queries: Sequence[str]) -> None:
    """Raises ConfigError for what is neither an address nor a possible name."""
    if not are_addresses(queries):
        from tracer.target_name import refuse_impossible  # noqa: PLC0415 - whoever gives addresses needs none

        for query in queries:
            refuse_impossible(query)


def acts_for_another() -> bool:
    """This process has root's rights, but the one who asked, by sudo for instance, is another user."""
    from tracer.net import privileges  # noqa: PLC0415 - a simulation needs none

    return privileges.behind(os.environ) is not None


def keep_no_privilege() -> None:
    """Give up everything that ``open_privileged`` and the opening of files needed.

    Raises NotPermittedError where the system does not let go of it.
    """
    from tracer.net import privileges  # noqa: PLC0415 - a simulation needs none

    privileges.keep_nothing()


async def real(queries: Sequence[str], config: TraceConfig, opened: OpenSockets | None = None) -> Prepared:
    """Prepare to trace the real network, over the sockets of ``open_privileged`` if there are any.

    Raises NotPermittedError, ConfigError or LocalError where the options cannot be had on this host.
    """
    from tracer.net import host  # noqa: PLC0415 - a simulation opens no sockets
    from tracer.net.addresses import find_source  # noqa: PLC0415
    from tracer.net.choose import choose, open_channel  # noqa: PLC0415
    from tracer.net.preflight import preflight  # noqa: PLC0415

    _only_possible(queries)
    found, unresolved = await _found(queries, config)
    queries, addresses = [query for query, _ in found], [address for _, address in found]
    families = {family_of(address) for address in addresses if address is not None}
    choice = choose(config, families, opened)
    _only_traceable(queries, addresses, choice.protocol, config, choice.channel)
    links = [_link(query, config) for query in queries]
    sources = [
        find_source(address, family_of(address), config.source_address, link) if address is not None else None
        for address, link in zip(addresses, links, strict=True)
    ]
    usable = host.usable_ports(config.initial_sequence)
    _enough_ports(usable, config, choice.protocol)
    clock = SystemClock()
    targets = _targets(queries, addresses, sources)
    return Prepared(
        channel=open_channel(choice, clock, opened),
        clock=clock,
        targets=targets,
        routes=_routes(targets, choice.protocol, config, links),
        usable_ports=usable,
        seed=int.from_bytes(os.urandom(16)),
        first_sequence=None,
        word_length=WORD_LENGTH,
        meter=Meter(clock.now_ns()),
        warnings=preflight(config, choice.protocol, len(targets)),
        look_up=partial(_addresses, config=config),
        unresolved=unresolved,
    )


async def _found(
    queries: Sequence[str], config: TraceConfig
) -> tuple[list[tuple[str, Address | None]], dict[str, TargetError]]:
    """Each query with its address, or with all of them in turn; those without one keep their place.

    Why they have none is told, by query, where it is not that there is none.
    """
    found: list[tuple[str, Address | None]] = []
    unresolved = {}
    for query in queries:
        try:
            addresses = await _addresses(query, config)
        except TargetError as error:
            addresses, unresolved[printable(query)] = (), error
        wanted = addresses if config.dns_resolve_all else addresses[:1]
        found += [(query, address) for address in wanted or (None,)]
    return found, unresolved


async def _addresses(query: str, config: TraceConfig) -> tuple[Address, ...]:
    """All addresses of a target, first choice first; by the servers the user chose, where he did.

    None where it has none. Raises TargetError where nobody answered.
    """
    from tracer.lookup.methods import dns_resolver, resolves_targets  # noqa: PLC0415 - not for a simulation
    from tracer.lookup.resolver import NoAnswerError  # noqa: PLC0415
    from tracer.net.resolve import in_order, resolve_all  # noqa: PLC0415

    if parse(query) is not None or not resolves_targets(config):
        return await resolve_all(query, config.addr_family)
    family = config.addr_family
    try:
        found = await dns_resolver(config).addresses(query)
    except NoAnswerError as error:
        raise TargetError.unanswered(query) from error
    return in_order(found, AddressFamily.IPV4_THEN_IPV6 if family is AddressFamily.SYSTEM else family)


def _link(query: str, config: TraceConfig) -> str | None:
    """The interface the user names for a target: for all of them, or behind the % of an address."""
    scope = query.partition("%")[2] if parse(query) is not None else ""
    return config.interface or scope or None


def _only_traceable(
    queries: Sequence[str],
    addresses: Sequence[Address | None],
    protocol: Protocol,
    config: TraceConfig,
    channel: str,
) -> None:
    """Refuse what no probe can do, before the first one is sent."""
    for query, address in zip(queries, addresses, strict=True):
        if address is None:
            continue
        about = ipaddress.ip_address(address)
        if about.is_unspecified:
            raise ConfigError("TARGET", query, "it names no host")
        if about.version == 6 and about.is_link_local and _link(query, config) is None:
            raise ConfigError(
                "TARGET",
                query,
                "a link-local address means something on one link only",
                f"Name the link: {address}%eth0, or --interface.",
            )
    _no_flow_label_in_vain(addresses, config)
    # Over raw sockets a port serves several targets, but not the same one twice.
    one_socket = channel != ChannelChoice.RAW and (protocol is Protocol.UDP or config.target_port is not None)
    sharing = [family_of(address) if one_socket else address for address in addresses if address is not None]
    marked = plan_kind(protocol, config) is PortPlanKind.FIXED_TUPLE_MARKED
    if config.source_port is not None and not marked and len(set(sharing)) < len(sharing):
        raise ConfigError(
            flag("source_port"),
            config.source_port,
            f"several targets cannot share one {protocol.upper()} source port",
            "Trace one target at a time, or leave the option out.",
        )


def _no_flow_label_in_vain(addresses: Sequence[Address | None], config: TraceConfig) -> None:
    families = {family_of(address) for address in addresses if address is not None}
    if config.flow_label and families == {Family.IPV4}:
        raise ConfigError(
            flag("flow_label"), config.flow_label, "no target has an IPv6 address", "Leave it out, or add -6."
        )


def _enough_ports(usable: Sequence[int], config: TraceConfig, protocol: Protocol) -> None:
    """Refuse more flows than there are source ports to give one each."""
    chosen = plan_kind(protocol, config) is PortPlanKind.FIXED_TUPLE_MARKED and config.source_port is None
    if chosen and config.flows > len(usable):
        raise ConfigError(
            flag("flows"),
            config.flows,
            f"each takes a source port, and {len(usable)} may be used",
            "Widen net.ipv4.ip_local_port_range, or name the first port with --source-port.",
        )


def simulated(
    queries: Sequence[str], config: TraceConfig, scenario_name: str | Path, clock: Clock | None = None
) -> Prepared:
    """Prepare to trace a simulated internet; without queries its own target.

    Raises ScenarioError, and ConfigError for options that mean something to a real network only.
    """
    _only_simulated(config)
    _only_possible(queries)
    from tracer.sim.channel import SOURCE_ADDRESSES, SimChannel  # noqa: PLC0415 - only simulations need it
    from tracer.sim.internet import Internet  # noqa: PLC0415
    from tracer.sim.load import load  # noqa: PLC0415

    scenario = load(scenario_name)
    family = Family.IPV6 if config.addr_family in _IPV6_FIRST else Family.IPV4
    own = scenario.target.addresses_of(family)
    names = {scenario.target.name: own if config.dns_resolve_all else own[:1]} if scenario.target.name else {}
    found = [
        (query, address)
        for query in queries or [scenario.target.name or own[0]]
        for address in names.get(query) or (parse(query),)
    ]
    asked, addresses = [query for query, _ in found], [address for _, address in found]
    protocol = _SIMULATED[config.protocol]
    _only_traceable(asked, addresses, protocol, config, "sim")
    clock = clock or SystemClock()
    sources = [
        SourceInfo(SOURCE_ADDRESSES[family_of(address)], None) if address is not None else None
        for address in addresses
    ]
    usable = range(config.initial_sequence or SIMULATED_PORTS.start, SIMULATED_PORTS.stop)
    _enough_ports(usable, config, protocol)
    targets = _targets(asked, addresses, sources)
    return Prepared(
        channel=SimChannel(Internet(scenario, seed=SIMULATED_SEED, log_length=0), clock, protocol),
        clock=clock,
        targets=targets,
        routes=_routes(targets, protocol, config, [None] * len(targets)),
        usable_ports=usable,
        seed=SIMULATED_SEED,
    )


async def another(query: str, prepared: Prepared, config: TraceConfig) -> tuple[TargetInfo, Route]:
    """Find one more target on the real network for a session that was prepared with ``prepared``.

    Raises TargetError where the name has no address, ConfigError for what is no name, or an address no probe
    can be sent to.
    """
    from tracer.net.addresses import find_source  # noqa: PLC0415 - a simulation opens no sockets

    _only_possible([query])
    address = next(iter(await _addresses(query, config)), None)
    if address is None:
        raise TargetError.of(query)
    info = prepared.channel.info
    _only_traceable([query], [address], info.protocol, config, info.name)
    link = _link(query, config)
    source = find_source(address, family_of(address), config.source_address, link)
    return _one_more(query, address, source, prepared, config, link)


def another_simulated(
    query: str, prepared: Prepared, config: TraceConfig, scenario_name: str | Path
) -> tuple[TargetInfo, Route]:
    """Find one more target in the scenario that ``prepared`` was made from.

    Raises TargetError for what is neither an address nor the name of the scenario's target, ConfigError for
    what is no name.
    """
    from tracer.sim.channel import SOURCE_ADDRESSES  # noqa: PLC0415 - only simulations need it
    from tracer.sim.load import load  # noqa: PLC0415

    _only_possible([query])
    target = load(scenario_name).target
    family = Family.IPV6 if config.addr_family in _IPV6_FIRST else Family.IPV4
    address = target.addresses_of(family)[0] if query == target.name else parse(query)
    if address is None:
        raise TargetError.of(query)
    source = SourceInfo(SOURCE_ADDRESSES[family_of(address)], None)
    return _one_more(query, address, source, prepared, config, None)


def _one_more(
    query: str,
    address: Address,
    source: SourceInfo | None,
    prepared: Prepared,
    config: TraceConfig,
    link: str | None,
) -> tuple[TargetInfo, Route]:
    shown = printable(query)
    target = TargetInfo(
        label=_label(shown, [target.label for target in prepared.targets]),
        query=shown,
        address=address,
        hostname=None if parse(query) is not None else shown,
        source=source,
    )
    trace = TraceId(len(prepared.targets))
    return target, _route(trace, target, address, prepared.channel.info.protocol, config, link)


SIMULATED_PORTS = range(32768, 65536)
"""Source ports of simulated probes; nobody else uses any."""


def _only_simulated(config: TraceConfig) -> None:
    for name, default in (("source_address", None), ("interface", None), ("channel", ChannelChoice.AUTO)):
        value = getattr(config, name)
        if value != default:
            raise ConfigError(flag(name), value, "a simulated internet has none to choose", "Leave it out.")


SIMULATED_SEED = 1
"""A simulation is the same every time."""

_IPV6_FIRST = (AddressFamily.IPV6, AddressFamily.IPV6_THEN_IPV4)

_SIMULATED = {
    ProtocolChoice.AUTO: Protocol.ICMP,
    ProtocolChoice.ICMP: Protocol.ICMP,
    ProtocolChoice.UDP: Protocol.UDP,
    ProtocolChoice.TCP: Protocol.TCP,
}


def _targets(
    queries: Sequence[str], addresses: Sequence[Address | None], sources: Sequence[SourceInfo | None]
) -> tuple[TargetInfo, ...]:
    # Bytes of the command line that are no UTF-8 come as lone surrogates, which no log can hold.
    shown = [printable(query) for query in queries]
    return tuple(
        TargetInfo(
            label=label,
            query=query,
            address=address,
            hostname=None if parse(query) is not None else query,
            source=source,
        )
        for label, query, address, source in zip(_labels(shown), shown, addresses, sources, strict=True)
    )


def _labels(queries: Sequence[str]) -> list[str]:
    """A unique label for every query: itself, and with ``#2`` ... where it comes again."""
    labels: list[str] = []
    for query in queries:
        labels.append(_label(query, labels))
    return labels


def _label(query: str, labels: Sequence[str]) -> str:
    """The label of one query where ``labels`` are taken."""
    numbered = (f"{query}#{number}" for number in itertools.count(2))
    return query if query not in labels else next(one for one in numbered if one not in labels)


def _routes(
    targets: Sequence[TargetInfo], protocol: Protocol, config: TraceConfig, links: Sequence[str | None]
) -> tuple[Route, ...]:
    return tuple(
        _route(TraceId(index), target, target.address, protocol, config, link)
        for index, (target, link) in enumerate(zip(targets, links, strict=True))
        if target.address is not None
    )


def _route(
    trace: TraceId,
    target: TargetInfo,
    address: Address,
    protocol: Protocol,
    config: TraceConfig,
    link: str | None,
) -> Route:
    return Route(
        trace=trace,
        target=address,
        family=family_of(address),
        protocol=protocol,
        plan=plan_kind(protocol, config),
        source=target.source,
        bind_source=config.source_address is not None or config.interface is not None,
        bind_device=link is not None,
        timeout_ns=config.timeout_ns,
        strategy=config.multipath_strategy,
    )
