"""Which protocol a configuration gets, and what is said about it."""

from __future__ import annotations

import errno
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from tracer.config import ProtocolChoice, TraceConfig
from tracer.errors import HopscopeError, NotPermittedError
from tracer.model import Family, Protocol, Strategy
from tracer.net import choose as choose_module
from tracer.net import host
from tracer.net.choose import choose

if TYPE_CHECKING:
    from collections.abc import Callable

BOTH = (Family.IPV4, Family.IPV6)


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the kernel permit ping sockets for these families alone."""

    def permit(*families: Family) -> None:
        monkeypatch.setattr(choose_module, "_may_ping", families.__contains__)
        monkeypatch.setattr(host, "ping_groups", lambda: (1, 0))
        monkeypatch.setattr(host, "group_ids", lambda: frozenset({65534}))

    return permit


def test_auto_takes_icmp_where_it_is_permitted(pings: Callable[..., None]) -> None:
    pings(*BOTH)
    choice = choose(TraceConfig(), BOTH)
    assert choice.protocol is Protocol.ICMP
    assert choice.reason.startswith("ICMP, as ping sockets are permitted")


@pytest.mark.parametrize("permitted", [(), (Family.IPV4,), (Family.IPV6,)])
def test_auto_takes_udp_where_one_target_could_not_be_pinged(
    pings: Callable[..., None], permitted: tuple[Family, ...]
) -> None:
    pings(*permitted)
    choice = choose(TraceConfig(), BOTH)
    assert choice.protocol is Protocol.UDP
    assert "net.ipv4.ping_group_range (1 0)" in choice.reason


def test_a_range_that_cannot_be_read_is_not_quoted(
    pings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pings()
    monkeypatch.setattr(host, "ping_groups", lambda: None)
    assert "net.ipv4.ping_group_range (unknown: it cannot be read here)" in choose(TraceConfig(), BOTH).reason
    with pytest.raises(NotPermittedError) as caught:
        choose(TraceConfig(protocol=ProtocolChoice.ICMP), BOTH)
    assert "(unknown: it cannot be read here)" in caught.value.message


def test_only_the_families_that_are_traced_matter(pings: Callable[..., None]) -> None:
    pings(Family.IPV4)
    assert choose(TraceConfig(), [Family.IPV4]).protocol is Protocol.ICMP


def test_without_any_target_that_resolved_nothing_untrue_is_said(pings: Callable[..., None]) -> None:
    pings()
    assert choose(TraceConfig(), []).protocol is Protocol.UDP


def test_icmp_that_is_not_permitted_names_the_sysctl_and_the_ways_out(pings: Callable[..., None]) -> None:
    pings()
    with pytest.raises(NotPermittedError) as caught:
        choose(TraceConfig(protocol=ProtocolChoice.ICMP), [Family.IPV4])
    assert "net.ipv4.ping_group_range (1 0)" in caught.value.message
    assert "65534" in caught.value.message
    for way_out in ("sysctl -w net.ipv4.ping_group_range=", "--udp", "--tcp"):
        assert way_out in caught.value.remedy


@pytest.mark.parametrize("asked", [ProtocolChoice.UDP, ProtocolChoice.TCP, ProtocolChoice.ICMP])
def test_what_is_asked_for_is_had(pings: Callable[..., None], asked: ProtocolChoice) -> None:
    pings(*BOTH)
    choice = choose(TraceConfig(protocol=asked), BOTH)
    assert choice.protocol == asked.value
    assert choice.reason.startswith(f"{asked.upper()} as asked")


@pytest.mark.parametrize("asked", [ProtocolChoice.UDP, ProtocolChoice.TCP])
def test_udp_and_tcp_need_no_permission(pings: Callable[..., None], asked: ProtocolChoice) -> None:
    pings()
    assert choose(TraceConfig(protocol=asked), BOTH).protocol == asked.value


@pytest.mark.parametrize(
    ("number", "permitted"),
    [(errno.EACCES, False), (errno.EPERM, False), (errno.EAFNOSUPPORT, True), (errno.EMFILE, True)],
)
def test_only_a_refusal_means_not_permitted(
    monkeypatch: pytest.MonkeyPatch, number: int, *, permitted: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "")

    monkeypatch.setattr(socket, "socket", refuse)
    assert choose_module._may_ping(Family.IPV4) is permitted


@pytest.mark.parametrize("bound", [True, False])
def test_an_interface_that_could_not_be_bound_is_said(
    monkeypatch: pytest.MonkeyPatch, *, bound: bool
) -> None:
    monkeypatch.setattr(choose_module, "bind_device", lambda *_: bound)
    config = TraceConfig(protocol=ProtocolChoice.UDP, interface="lo")
    reason = choose(config, [Family.IPV4]).reason
    assert ("only its address was chosen" in reason) is not bound


def test_without_an_interface_nothing_is_said_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose_module, "bind_device", lambda *_: False)
    assert "address" not in choose(TraceConfig(protocol=ProtocolChoice.UDP), [Family.IPV4]).reason


def test_other_systems_are_told_what_works_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(HopscopeError, match=r"Linux only so far.*--sim wan"):
        choose(TraceConfig(), BOTH)


@pytest.mark.parametrize(
    ("protocol", "strategy"), [("udp", "paris"), ("udp", "dublin"), ("tcp", "paris"), ("auto", "paris")]
)
def test_a_constant_flow_over_ports_needs_raw_sockets_and_says_what_does_not(
    pings: Callable[..., None], protocol: str, strategy: str
) -> None:
    pings()
    config = TraceConfig(protocol=ProtocolChoice(protocol), multipath_strategy=Strategy(strategy), flows=4)
    with pytest.raises(NotPermittedError, match="needs raw sockets") as caught:
        choose(config, BOTH)
    assert "--icmp -R paris" in caught.value.remedy


def test_icmp_paris_and_classic_flows_need_no_privilege(pings: Callable[..., None]) -> None:
    pings(*BOTH)
    assert choose(TraceConfig(multipath_strategy=Strategy.PARIS, flows=4), BOTH).protocol is Protocol.ICMP
    for protocol in (ProtocolChoice.UDP, ProtocolChoice.TCP, ProtocolChoice.ICMP):
        assert choose(TraceConfig(protocol=protocol, flows=4), BOTH).protocol.value == protocol.value


def test_a_flow_label_needs_raw_sockets(pings: Callable[..., None]) -> None:
    pings(*BOTH)
    with pytest.raises(NotPermittedError, match="--flow-label 7 needs raw sockets"):
        choose(TraceConfig(flow_label=7), BOTH)
