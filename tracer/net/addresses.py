"""Which addresses are ours, and which one a probe leaves from."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket

import netifaces

from tracer.errors import ConfigError, LocalError
from tracer.model import Address, Failure, FailureKind, Family, SourceInfo
from tracer.net import host
from tracer.net.linux import OPTIONS

DISCOVERY_PORT = 33434
"""Connecting a UDP socket sends nothing; the port only has to be one."""

NOT_THE_ADDRESS = frozenset({errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of ports, descriptors and memory: they say nothing of an address."""


def own_addresses(family: Family) -> dict[Address, str]:
    """Every address of this host with its interface; none where the kernel cannot be asked."""
    found: dict[Address, str] = {}
    with contextlib.suppress(OSError):  # no descriptor is left to ask with, or an interface has just gone
        for interface in netifaces.interfaces():
            for entry in netifaces.ifaddresses(interface).get(OPTIONS[family].socket_family, ()):
                address, _, _ = entry["addr"].partition("%")
                found[Address(address)] = interface
    return found


def find_source(
    target: Address, family: Family, source_address: str | None, interface: str | None
) -> SourceInfo | None:
    """The address a trace leaves from, by the user's wish or by the route.

    None when there is no route: the probes will say so, and the trace goes on for when there is one. An
    address the user names is taken as it is, ours or not: binding tells, for as long as it fails.
    Raises ConfigError for an unknown interface or an address of the wrong family, LocalError for an
    interface without an address of the family.
    """
    if source_address is not None:
        return _named_address(family, source_address)
    if interface is not None:
        return _interface_address(target, family, interface)
    try:
        address = routed_source(target, family)
    except OSError:
        return None
    return SourceInfo(address, own_addresses(family).get(address))


def lacks_source(target: Address, family: Family) -> bool:
    """Not even a UDP socket finds an address to reach the target from.

    False where it fails for want of a port (EAGAIN) or a descriptor: that says nothing of the address.
    """
    try:
        routed_source(target, family)
    except OSError as error:
        return error.errno not in NOT_THE_ADDRESS
    return False


def routed_source(target: Address, family: Family) -> Address:
    """The address the route gives. Raises OSError where it gives none."""
    with socket.socket(OPTIONS[family].socket_family, socket.SOCK_DGRAM) as probe:
        probe.connect((target, DISCOVERY_PORT))
        return Address(probe.getsockname()[0].partition("%")[0])


def _named_address(family: Family, text: str) -> SourceInfo:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        raise ConfigError("--source-address", text, "it is not an IP address") from None
    if (parsed.version == 6) != (family is Family.IPV6):
        raise ConfigError("--source-address", text, f"the target is traced over {family}")
    address = Address(str(parsed))
    return SourceInfo(address, own_addresses(family).get(address))


def _interface_address(target: Address, family: Family, interface: str) -> SourceInfo:
    if interface not in netifaces.interfaces():
        known = ", ".join(netifaces.interfaces())
        raise ConfigError("--interface", interface, "there is no such interface", f"There are: {known}.")
    entries = netifaces.ifaddresses(interface).get(OPTIONS[family].socket_family, ())
    addresses = [entry["addr"].partition("%")[0] for entry in entries]
    local = ipaddress.ip_address(target).is_link_local
    fitting = [text for text in addresses if ipaddress.ip_address(text).is_link_local == local]
    if not addresses:
        raise LocalError(
            Failure(
                kind=FailureKind.SOURCE_UNAVAILABLE,
                message=f"Interface {interface} has no {family} address.",
                remedy=f"Give it one, or trace over {_OTHER[family]}.",
                evidence={"interface": interface, "family": family.value},
            )
        )
    return SourceInfo(Address((fitting or addresses)[0]), interface)


_OTHER = {Family.IPV4: Family.IPV6, Family.IPV6: Family.IPV4}


def why_unavailable(address: Address, family: Family) -> str:
    """Why an address cannot be bound, told from the interfaces."""
    if not host.family_enabled(family):
        return f"{family} is switched off on this host"
    if address == OPTIONS[family].wildcard:
        return "no interface has one that the target can be reached from"
    if address not in own_addresses(family):
        return "no interface of this host has it"
    if family is Family.IPV6 and ipaddress.ip_address(address).packed.hex() in host.unusable_addresses():
        return "it is still tentative, or another host has it (duplicate address detection)"
    if ipaddress.ip_address(address).is_link_local:
        return "it is link-local, which means something on one link only; name that one with --interface"
    return "the kernel refuses it although an interface has it"
