"""The ``hopscope`` command where this host itself is in the way: ports, source address, firewall, routes."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.labkit.chain import SOURCE_DEVICE
from tests.lab.labkit.families import Family
from tests.lab.labkit.fault_notes import FaultNotes, reaches, recovers
from tests.lab.labkit.hog import PORT_RANGE, port_hog
from tests.lab.labkit.namespace import NOBODY_ID, User, namespaces
from tests.lab.labkit.product import Run, error_kinds, hopscope, hopscope_stream, responders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.labkit.chain import Chain

each_family = pytest.mark.parametrize("family", Family)
MOVING_SOURCE = {"tcp": ["--tcp", "-P", "80"], "udp": ["--udp", "-P", "33434"]}
each_moving_source = pytest.mark.parametrize("protocol", MOVING_SOURCE)
TARGETLESS = {Family.IPV4: "203.0.113.9", Family.IPV6: "2001:db8:8000::9"}
UNROUTED = {Family.IPV4: "203.0.113.0/24", Family.IPV6: "2001:db8:8000::/33"}
FOREIGN = {Family.IPV4: "198.18.77.77", Family.IPV6: "2001:db8:77::77"}


def _error(run: Run, kind: str) -> dict[str, Any]:
    """The first of the report's errors, all of that kind, with what every error owes its reader."""
    assert error_kinds(run.report) == {kind}, run
    for error in run.report["errors"]:
        assert error["message"]
        assert error["remedy"]
        assert error["count"] > 0
    first: dict[str, Any] = run.report["errors"][0]
    return first


def _nothing_was_sent(run: Run) -> None:
    assert run.exit_code == 5, run
    assert "Traceback" not in run.stderr
    assert run.report["outcome"]["reached"] is False
    assert run.report["health"]["sent"] == 0
    assert sum(hop["lost"] for hop in run.report["hops"]) == 0


@each_family
@each_moving_source
def test_ports_in_use_are_skipped_and_counted(two_routers: Chain, family: Family, protocol: str) -> None:
    """Six of eight ports are held: the probes take the other two, and nobody is lost or missing."""
    with port_hog(two_routers.source, range(PORT_RANGE.start, PORT_RANGE.stop - 2)):
        target = two_routers.target_address(family)
        arguments = ["-m", "json", "-C", "3", "-i", "100ms", "-T", "100ms", *MOVING_SOURCE[protocol]]
        run = hopscope(two_routers.source, target, *arguments)
    assert run.exit_code == 0, run
    assert responders(run.report) == [{address} for address in two_routers.responders(family)]
    assert run.report["health"]["ports_skipped"] > 0
    assert run.report["health"]["ports_exhausted"] == 0
    assert [(hop["lost"], hop["failed"]) for hop in run.report["hops"]] == [(0, 0)] * 3
    on_the_path = sum(hop["skipped"] for hop in run.report["hops"])
    assert 0 < on_the_path <= run.report["health"]["ports_skipped"], "the rest was skipped beyond the target"


@each_family
@each_moving_source
def test_an_exhausted_port_range_is_an_error_with_evidence_and_remedy(
    two_routers: Chain, family: Family, protocol: str
) -> None:
    with port_hog(two_routers.source):
        target = two_routers.target_address(family)
        run = hopscope(two_routers.source, target, "-m", "json", "-C", "1", *MOVING_SOURCE[protocol])
    _nothing_was_sent(run)
    error = _error(run, "ephemeral_ports_exhausted")
    assert error["evidence"]["range"] == [PORT_RANGE.start, PORT_RANGE.stop - 1]
    assert "ip_local_port_range" in error["remedy"]
    assert run.report["health"]["ports_exhausted"] > 0


@each_family
@each_moving_source
@pytest.mark.fault("source ports exhausted", "fails probes, tries again every round", way="{protocol}")
def test_a_trace_recovers_when_ports_come_free(
    two_routers: Chain, family: Family, protocol: str, notes: FaultNotes
) -> None:
    arguments = [*MOVING_SOURCE[protocol], "-C", "20", "-i", "200ms", "-T", "200ms"]
    with (
        port_hog(two_routers.source) as hog,
        hopscope_stream(two_routers.source, two_routers.target_address(family), *arguments) as stream,
    ):
        stream.until(lambda event: event["event"] == "ports_exhausted")
        hog.free()
        recovers(stream, notes)
        notes.events(stream.events)
        reached = stream.until(reaches)
        assert reached["responder"] == two_routers.target_address(family)
        ended = stream.until(lambda event: event["event"] == "trace_ended")
        assert ended["reason"] == "target_reached"
        assert stream.process.wait(timeout=5) == 0


@contextlib.contextmanager
def _half_open_connections(built: Chain, family: Family, source_port: int, ports: range) -> Iterator[None]:
    """Connections of nobody's from one source port, never answered: their 4-tuples are taken."""
    with built.source.entered(), contextlib.ExitStack() as held:
        os.seteuid(NOBODY_ID)  # sockets share a port only with those of the same user
        try:
            for port in ports:
                sock = held.enter_context(socket.socket(family.af, socket.SOCK_STREAM))
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                sock.bind((family.any_address, source_port))
                sock.settimeout(0)
                with contextlib.suppress(BlockingIOError):
                    sock.connect((built.silent_address(family), port))
        finally:
            os.seteuid(0)
        yield


@each_family
def test_a_clash_of_4_tuples_is_surfaced_with_the_tuple(two_routers: Chain, family: Family) -> None:
    source_port, target_ports = 41000, range(33434, 33534)
    with _half_open_connections(two_routers, family, source_port, target_ports):
        arguments = ["--tcp", "-S", str(source_port), "--initial-sequence", str(target_ports.start)]
        target = two_routers.silent_address(family)
        run = hopscope(two_routers.source, target, "-m", "json", "-C", "1", *arguments, "--timeout", "300ms")
    _nothing_was_sent(run)
    evidence = _error(run, "ephemeral_ports_exhausted")["evidence"]
    assert evidence["phase"] == "connect"
    assert evidence["tuple"][1:3] == [source_port, target]
    assert evidence["tuple"][3] in target_ports
    assert run.report["health"]["ports_skipped"] == 0


@each_family
@pytest.mark.parametrize("protocol", ["--udp", "--tcp"])
def test_a_source_port_the_user_fixed_and_somebody_holds_is_named(
    two_routers: Chain, family: Family, protocol: str
) -> None:
    taken = PORT_RANGE.start
    with port_hog(two_routers.source, range(taken, taken + 1)):
        target = two_routers.target_address(family)
        run = hopscope(two_routers.source, target, "-m", "json", "-C", "1", protocol, "-S", str(taken))
    _nothing_was_sent(run)
    assert str(taken) in _error(run, "source_port_in_use")["message"]


@each_family
@pytest.mark.parametrize("protocol", ["--udp", "--tcp"])
def test_a_foreign_source_address_is_unavailable(two_routers: Chain, family: Family, protocol: str) -> None:
    target = two_routers.target_address(family)
    run = hopscope(two_routers.source, target, "-m", "json", "-C", "1", protocol, "-A", FOREIGN[family])
    _nothing_was_sent(run)
    assert FOREIGN[family] in _error(run, "source_unavailable")["message"]


@pytest.mark.parametrize("protocol", ["--udp", "--tcp", "--icmp"])
@pytest.mark.parametrize("channel", ["errqueue", "raw"])
def test_a_family_that_is_switched_off_is_named_with_what_switches_it_on(protocol: str, channel: str) -> None:
    """Nobody chose an address, so none is to be chosen."""
    off = {"net.ipv6.conf.all.disable_ipv6": "1"}
    with namespaces("off") as [host]:
        host.write_sysctls({**off, "net.ipv4.ping_group_range": "0 65534"})
        options = (protocol, "--channel", channel, "-m", "json", "-C", "1")
        run = hopscope(host, TARGETLESS[Family.IPV6], *options, user=User.NET_RAW)
    _nothing_was_sent(run)
    error = _error(run, "source_unavailable")
    assert error["message"] == "No ipv6 source address can be used: ipv6 is switched off on this host."
    assert "disable_ipv6=0" in error["remedy"]
    assert "--source-address" not in error["remedy"]


@each_family
@pytest.mark.parametrize("verdict", ["drop", "reject"])
def test_a_local_firewall_is_named_and_its_victims_failed_not_lost(
    two_routers: Chain, family: Family, verdict: str
) -> None:
    target = two_routers.target_address(family)
    with two_routers.source.firewall(f"udp dport 33434-33534 {verdict}"):
        run = hopscope(two_routers.source, target, "-m", "json", "-C", "1", "--udp", "--timeout", "300ms")
    assert run.exit_code == 5, run
    assert run.report["outcome"]["reached"] is False
    _error(run, "local_firewall")
    assert sum(hop["failed"] for hop in run.report["hops"]) > 0
    assert sum(hop["lost"] for hop in run.report["hops"]) == 0
    assert not any(responders(run.report))


@each_family
def test_a_local_firewall_that_rejects_a_syn_is_no_answer_of_the_target(
    two_routers: Chain, family: Family
) -> None:
    with two_routers.source.firewall("tcp dport 80 reject"):
        run = hopscope(
            two_routers.source, two_routers.target_address(family), "-m", "json", "-C", "1", "--tcp"
        )
    _nothing_was_sent(run)
    _error(run, "local_firewall")
    assert sum(hop["duplicates"] for hop in run.report["hops"]) == 0


def test_a_local_firewall_that_drops_pings_is_named(two_routers: Chain) -> None:
    """IPv4 alone: the kernel does not tell a ping socket of IPv6."""
    target = two_routers.target_address(Family.IPV4)
    with (
        two_routers.source.sysctls({"net.ipv4.ping_group_range": "0 65534"}),
        two_routers.source.firewall("icmp type echo-request drop"),
    ):
        run = hopscope(two_routers.source, target, "-m", "json", "-C", "1", "--icmp")
    _nothing_was_sent(run)
    _error(run, "local_firewall")


@each_family
@pytest.mark.parametrize("protocol", ["--udp", "--tcp"])
def test_without_a_route_nothing_is_sent_and_that_is_said(
    two_routers: Chain, family: Family, protocol: str
) -> None:
    run = hopscope(two_routers.source, TARGETLESS[family], "-m", "json", "-C", "1", protocol)
    _nothing_was_sent(run)
    _error(run, "no_route")


@each_family
@pytest.mark.parametrize("route", ["prohibit", "blackhole", "unreachable"])
def test_a_route_that_refuses_is_no_route(two_routers: Chain, family: Family, route: str) -> None:
    with two_routers.source.routes(f"{route} {UNROUTED[family]}"):
        run = hopscope(two_routers.source, TARGETLESS[family], "-m", "json", "-C", "1", "--udp")
    _nothing_was_sent(run)
    _error(run, "no_route")


@each_family
@pytest.mark.parametrize("protocol", ["--udp", "--tcp"])
def test_a_named_interface_is_bound_without_privileges(
    two_routers: Chain, family: Family, protocol: str
) -> None:
    """By its own device the target is reached; by loopback nothing ever leaves, whatever the routes say."""
    arguments = ["-m", "json", "-C", "1", "--timeout", "200ms", protocol, "-I"]
    run = hopscope(two_routers.source, two_routers.target_address(family), *arguments, SOURCE_DEVICE)
    assert run.exit_code == 0, run
    assert run.report["source"]["interface"] == SOURCE_DEVICE
    assert "only its address" not in run.report["channel"]["reason"]
    away = hopscope(two_routers.source, two_routers.target_address(family), *arguments, "lo")
    assert away.exit_code in {1, 5}, away
    assert not any(responders(away.report))
