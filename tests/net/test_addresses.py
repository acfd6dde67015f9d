"""Our own addresses, and the one a probe leaves from. Nothing here sends a packet."""

from __future__ import annotations

import errno

import netifaces
import pytest

from tracer.errors import ConfigError, LocalError
from tracer.model import Address, FailureKind, Family, SourceInfo
from tracer.net import addresses, host
from tracer.net.addresses import find_source, lacks_source, own_addresses, why_unavailable
from tracer.net.linux import OPTIONS

LOOPBACK = {Family.IPV4: Address("127.0.0.1"), Family.IPV6: Address("::1")}
FOREIGN = {Family.IPV4: Address("198.18.77.77"), Family.IPV6: Address("2001:db8:77::77")}
each_family = pytest.mark.parametrize("family", Family)


@each_family
def test_loopback_is_ours_without_a_scope(family: Family) -> None:
    found = own_addresses(family)
    assert found[LOOPBACK[family]] == "lo"
    assert not any("%" in address for address in found)


@each_family
def test_the_route_gives_the_source(family: Family) -> None:
    assert find_source(LOOPBACK[family], family, None, None) == SourceInfo(LOOPBACK[family], "lo")


@each_family
def test_a_named_address_is_taken_as_it_is_ours_or_not(family: Family) -> None:
    ours, foreign = LOOPBACK[family], FOREIGN[family]
    assert find_source(ours, family, ours, None) == SourceInfo(ours, "lo")
    assert find_source(ours, family, foreign, None) == SourceInfo(foreign, None)


def test_a_named_address_is_written_canonically() -> None:
    found = find_source(LOOPBACK[Family.IPV6], Family.IPV6, "2001:DB8:0::77", None)
    assert found == SourceInfo(Address("2001:db8::77"), None)


@each_family
def test_a_named_interface_gives_its_address(family: Family) -> None:
    assert find_source(LOOPBACK[family], family, None, "lo") == SourceInfo(LOOPBACK[family], "lo")


@each_family
def test_an_address_of_the_other_family_is_refused(family: Family) -> None:
    other = LOOPBACK[Family.IPV6 if family is Family.IPV4 else Family.IPV4]
    with pytest.raises(
        ConfigError, match=f"--source-address cannot be .*: the target is traced over {family}"
    ):
        find_source(LOOPBACK[family], family, other, None)


@pytest.mark.parametrize("text", ["", "nope", "1.2.3", "lo"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not an IP address"):
        find_source(LOOPBACK[Family.IPV4], Family.IPV4, text, None)


def test_an_unknown_interface_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(ConfigError, match=r"no such interface.*There are: .*lo"):
        find_source(LOOPBACK[Family.IPV4], Family.IPV4, None, "nope0")


def _interface(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    monkeypatch.setattr(netifaces, "interfaces", lambda: ["lab0"])
    entries = [{"addr": address} for address in found]
    monkeypatch.setattr(netifaces, "ifaddresses", lambda _: {netifaces.AF_INET6: entries} if found else {})


def test_an_interface_without_the_family_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    _interface(monkeypatch)
    with pytest.raises(LocalError, match="Interface lab0 has no ipv6 address") as caught:
        find_source(LOOPBACK[Family.IPV6], Family.IPV6, None, "lab0")
    assert caught.value.failure.kind is FailureKind.SOURCE_UNAVAILABLE
    assert "ipv4" in caught.value.failure.remedy


def test_an_interface_prefers_an_address_that_can_be_routed(monkeypatch: pytest.MonkeyPatch) -> None:
    _interface(monkeypatch, "fe80::1%lab0", "2001:db8::5")
    found = find_source(LOOPBACK[Family.IPV6], Family.IPV6, None, "lab0")
    assert found == SourceInfo(Address("2001:db8::5"), "lab0")
    _interface(monkeypatch, "fe80::1%lab0")
    found = find_source(LOOPBACK[Family.IPV6], Family.IPV6, None, "lab0")
    assert found == SourceInfo(Address("fe80::1"), "lab0")


def _routing_fails(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(*_: object) -> Address:
        raise OSError(number, "")

    monkeypatch.setattr(addresses, "routed_source", fail)


def test_without_a_route_there_is_no_source_and_no_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    _routing_fails(monkeypatch, errno.ENETUNREACH)
    assert find_source(FOREIGN[Family.IPV4], Family.IPV4, None, None) is None
    assert lacks_source(FOREIGN[Family.IPV4], Family.IPV4)


def test_want_of_ports_or_descriptors_accuses_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (errno.EAGAIN, errno.EMFILE, errno.ENFILE):
        _routing_fails(monkeypatch, number)
        assert not lacks_source(FOREIGN[Family.IPV4], Family.IPV4)


def test_interfaces_that_cannot_be_asked_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[str]:
        raise OSError(errno.EMFILE, "")

    monkeypatch.setattr(netifaces, "interfaces", fail)
    assert own_addresses(Family.IPV4) == {}


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("192.0.2.77", "no interface of this host has it"),
        (OPTIONS[Family.IPV4].wildcard, "no interface has one that the target can be reached from"),
        ("127.0.0.1", "the kernel refuses it although an interface has it"),
    ],
)
def test_why_an_address_cannot_be_used(address: str, why: str) -> None:
    assert why_unavailable(Address(address), Family.IPV4).why == why


def test_why_an_ipv6_address_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "own_addresses", lambda _: {"2001:db8::1": "lab0", "fe80::1": "lab0"})
    monkeypatch.setattr(host, "family_enabled", lambda _: True)
    monkeypatch.setattr(host, "unusable_addresses", lambda: {"20010db8" + "0" * 23 + "1"})
    assert "tentative" in why_unavailable(Address("2001:db8::1"), Family.IPV6).why
    assert "--interface" in why_unavailable(Address("fe80::1"), Family.IPV6).remedy
    monkeypatch.setattr(host, "family_enabled", lambda _: False)
    off = why_unavailable(Address("2001:db8::1"), Family.IPV6)
    assert off.why == "ipv6 is switched off on this host"
    assert "disable_ipv6=0" in off.remedy
