"""The network of this host breaks and is mended while a trace runs: what is told, and how soon it goes on."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.labkit.chain import SOURCE_DEVICE, chain
from tests.lab.labkit.families import Family
from tests.lab.labkit.fault_notes import FaultNotes, reaches, recovers
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import hopscope_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.lab.labkit.chain import Chain
    from tests.lab.labkit.namespace import Namespace

GATEWAY, ADDRESS, NEW_ADDRESS = "198.18.0.2", "198.18.0.1", "198.18.0.7"
PACE = ("-C", "100000", "-i", "250ms", "-T", "250ms", "--timeout", "500ms")
ROUTES = (f"route add 198.18.0.0/15 via {GATEWAY}", "route add 2001:db8::/33 via 2001:db8:100::2")
ADDRESS6 = f"address add 2001:db8:100::1/64 dev {SOURCE_DEVICE} nodad"


@dataclass(frozen=True)
class Way:
    """How the probes travel."""

    arguments: tuple[str, ...]
    user: User = User.NOBODY


WAYS = {
    "udp": Way(("--udp", "--channel", "errqueue")),
    "tcp": Way(("--tcp", "--channel", "errqueue")),
    "icmp": Way(("--icmp", "--channel", "errqueue")),
    "raw-udp": Way(("--udp", "--channel", "raw"), User.NET_RAW),
    "raw-tcp": Way(("--tcp", "--channel", "raw"), User.NET_RAW),
}
ANYBODY_PINGS = {"net.ipv4.ping_group_range": "0 65534"}
each_way = pytest.mark.parametrize("way", WAYS)
each_family = pytest.mark.parametrize("family", Family)


@pytest.fixture(scope="module")
def path() -> Iterator[Chain]:
    """A chain of its own: here links go down."""
    with chain(2) as built, built.source.sysctls(ANYBODY_PINGS):
        yield built


@contextlib.contextmanager
def _interface_down(source: Namespace) -> Iterator[None]:
    source.ip(f"link set {SOURCE_DEVICE} down")
    try:
        yield
    finally:
        source.ip(f"link set {SOURCE_DEVICE} up", ADDRESS6, *ROUTES)


@contextlib.contextmanager
def _address_gone(source: Namespace) -> Iterator[None]:
    source.ip(
        f"address delete {ADDRESS}/24 dev {SOURCE_DEVICE}",
        f"address delete 2001:db8:100::1/64 dev {SOURCE_DEVICE}",
    )
    try:
        yield
    finally:
        source.ip(f"address add {ADDRESS}/24 dev {SOURCE_DEVICE}", ADDRESS6, *_missing_routes(source))


def _missing_routes(source: Namespace) -> list[str]:
    """IPv4 routes go with their address, IPv6 ones stay."""
    there = source.run(["ip", "-6", "route"]).stdout
    return [ROUTES[0], *([] if "2001:db8::/33" in there else [ROUTES[1]])]


@contextlib.contextmanager
def _route_gone(source: Namespace) -> Iterator[None]:
    source.ip("route delete 198.18.0.0/15", "route delete 2001:db8::/33")
    try:
        yield
    finally:
        source.ip(*ROUTES)


BREAKS = {"interface down and up": _interface_down, "default route gone and back": _route_gone}


def _output(verdict: str) -> Callable[[Namespace], AbstractContextManager[None]]:
    echo = f"icmp type echo-request {verdict}"
    return lambda source: source.firewall(
        f"udp dport 33434-33534 {verdict}", f"tcp dport 80 {verdict}", echo, echo.replace("icmp", "icmpv6")
    )


def _input(source: Namespace) -> AbstractContextManager[None]:
    kinds = "{ time-exceeded, destination-unreachable, echo-reply }"
    return source.firewall(
        f"icmp type {kinds} drop", f"icmpv6 type {kinds} drop", "tcp sport 80 reject", hook="input"
    )


def _is_failed(kind: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["event"] == "send_failed" and event["failure"]["kind"] == kind


def _is_lost(event: dict[str, Any]) -> bool:
    return bool(event["event"] == "probe_lost")


def _survives(
    path: Chain,
    family: Family,
    way: str,
    fault: Callable[[Namespace], AbstractContextManager[None]],
    is_told: Callable[[dict[str, Any]], bool],
    notes: FaultNotes,
    is_back: Callable[[dict[str, Any]], bool] = reaches,
) -> list[dict[str, Any]]:
    """Begin, break, see it told, mend, see it over and told to be; returns every event."""
    chosen = WAYS[way]
    arguments = (path.target_address(family), *PACE, *chosen.arguments)
    with hopscope_stream(path.source, *arguments, user=chosen.user) as stream:
        stream.until(reaches)
        with fault(path.source):
            told = stream.until(is_told)
            if "failure" in told:
                assert told["failure"]["message"]
                assert told["failure"]["remedy"]
        recovers(stream, notes)
        if not any(map(is_back, stream.events)):  # a change settles for longer than an answer travels
            stream.until(is_back)
        stream.process.terminate()
        stream.until(lambda event: event["event"] == "trace_ended")
        notes.events(stream.events)
        return stream.events


@each_family
@each_way
@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.fault("{broken}", "fails probes, counts no loss, goes on")
def test_no_route_is_told_with_the_loss_of_the_source_and_both_come_back(
    path: Chain,
    family: Family,
    way: str,
    broken: str,
    notes: FaultNotes,
) -> None:
    gone = {"no_route", "source_unavailable"}
    told: set[str] = set()

    def is_told(event: dict[str, Any]) -> bool:
        if event["event"] == "source_changed" and event["source"] is None:
            told.add("source")
        elif event["event"] == "send_failed" and event["failure"]["kind"] in gone:
            assert event["failure"]["message"]
            assert event["failure"]["remedy"]
            told.add("failure")
        return len(told) == 2

    source = {"address": path.source_address(family), "interface": SOURCE_DEVICE}

    def is_back(event: dict[str, Any]) -> bool:
        return event["event"] == "source_changed" and bool(event["source"] == source)

    events = _survives(path, family, way, BREAKS[broken], is_told, notes, is_back)
    moved = [event["source"] for event in events if event["event"] == "source_changed"]
    assert None in moved  # just before, an address may be there that no interface has any more
    assert moved[-1] == source


@each_way
@pytest.mark.fault("address removed and given back", "fails probes, counts no loss, goes on")
def test_an_address_that_goes_is_told_and_comes_back(path: Chain, way: str, notes: FaultNotes) -> None:
    kinds = {"no_route", "source_unavailable"}
    _survives(
        path,
        Family.IPV4,
        way,
        _address_gone,
        lambda event: event["event"] == "send_failed" and event["failure"]["kind"] in kinds,
        notes,
    )


@each_way
@pytest.mark.fault(
    "IPv6 address removed and given back", "goes on from the link's own address: silence, counted as loss"
)
def test_without_its_global_address_ipv6_falls_back_to_the_links_own_and_says_so(
    path: Chain, way: str, notes: FaultNotes
) -> None:
    """No send fails then: what leaves from a link-local address is answered by nobody beyond the link."""
    _survives(
        path,
        Family.IPV6,
        way,
        _address_gone,
        lambda event: (
            event["event"] == "source_changed"
            and event["source"] is not None
            and event["source"]["address"].startswith("fe80:")
        ),
        notes,
    )


@each_way
@pytest.mark.fault("address replaced (DHCP)", "asks the kernel anew; raw sockets take the new source at once")
def test_a_new_address_is_told_and_the_probes_leave_from_it(path: Chain, way: str, notes: FaultNotes) -> None:
    """As after a renewed lease: the old address goes, another one comes, and the route with it."""
    chosen = WAYS[way]
    arguments = (path.target_address(Family.IPV4), *PACE, *chosen.arguments)
    source = path.source
    with hopscope_stream(source, *arguments, user=chosen.user) as stream:
        stream.until(reaches)
        try:
            source.ip(
                f"address delete {ADDRESS}/24 dev {SOURCE_DEVICE}",
                f"address add {NEW_ADDRESS}/24 dev {SOURCE_DEVICE}",
                ROUTES[0],
            )
            new = {"address": NEW_ADDRESS, "interface": SOURCE_DEVICE}
            stream.until(lambda event: event["event"] == "source_changed" and event["source"] == new)
            recovers(stream, notes)
            notes.events(stream.events)
        finally:
            source.ip(
                f"address flush dev {SOURCE_DEVICE} to {NEW_ADDRESS}",
                f"address add {ADDRESS}/24 dev {SOURCE_DEVICE}",
                ROUTES[0],
            )


@pytest.mark.parametrize("way", ["udp", "raw-udp"])
@pytest.mark.fault("address replaced, with `--interface`", "binds new sockets to the interface's new address")
def test_a_named_interface_goes_on_from_its_new_address(path: Chain, way: str, notes: FaultNotes) -> None:
    chosen = WAYS[way]
    arguments = (path.target_address(Family.IPV4), *PACE, *chosen.arguments, "-I", SOURCE_DEVICE)
    source = path.source
    with hopscope_stream(source, *arguments, user=chosen.user) as stream:
        stream.until(reaches)
        try:
            source.ip(
                f"address delete {ADDRESS}/24 dev {SOURCE_DEVICE}",
                f"address add {NEW_ADDRESS}/24 dev {SOURCE_DEVICE}",
                ROUTES[0],
            )
            stream.until(
                lambda event: (
                    event["event"] == "source_changed"
                    and event["source"] is not None
                    and event["source"]["address"] == NEW_ADDRESS
                )
            )
            recovers(stream, notes)
            notes.events(stream.events)
        finally:
            source.ip(
                f"address flush dev {SOURCE_DEVICE} to {NEW_ADDRESS}",
                f"address add {ADDRESS}/24 dev {SOURCE_DEVICE}",
                ROUTES[0],
            )


@each_family
@each_way
@pytest.mark.fault("address of `--source-address` gone and back", "says so, fails probes, goes on")
def test_a_source_address_that_goes_is_told_and_comes_back(
    path: Chain, family: Family, way: str, notes: FaultNotes
) -> None:
    """IPv6 lets a socket go on from an address that is gone, to which no answer finds back."""
    chosen, source = WAYS[way], path.source_address(family)
    arguments = (path.target_address(family), *PACE, *chosen.arguments, "-A", source)
    told: set[str] = set()

    def is_told(event: dict[str, Any]) -> bool:
        if event["event"] == "source_changed" and event["source"] is None:
            told.add("source")
        if _is_failed("source_unavailable")(event):
            told.add("failure")
        return len(told) == 2

    def is_back(event: dict[str, Any]) -> bool:
        ours = {"address": source, "interface": SOURCE_DEVICE}
        return bool(event["event"] == "source_changed" and event["source"] == ours)

    with hopscope_stream(path.source, *arguments, user=chosen.user) as stream:
        stream.until(reaches)
        with _address_gone(path.source):
            stream.until(is_told)
        recovers(stream, notes)
        if not any(map(is_back, stream.events)):
            stream.until(is_back)
        notes.events(stream.events)


@each_family
@pytest.mark.parametrize("verdict", ["drop", "reject"])
@pytest.mark.parametrize("way", ["udp", "raw-udp", "raw-tcp"])
@pytest.mark.fault("firewall: {verdict} on output", "fails probes, counts no loss, goes on")
def test_a_firewall_on_output_is_named_while_it_lasts(
    path: Chain, family: Family, way: str, verdict: str, notes: FaultNotes
) -> None:
    _survives(path, family, way, _output(verdict), _is_failed("local_firewall"), notes)


@pytest.mark.parametrize("verdict", ["drop", "reject"])
@pytest.mark.fault("firewall: {verdict} on output", "fails probes, counts no loss, goes on", way="icmp")
def test_a_firewall_that_keeps_pings_in_is_named_over_ipv4(
    path: Chain, verdict: str, notes: FaultNotes
) -> None:
    _survives(path, Family.IPV4, "icmp", _output(verdict), _is_failed("local_firewall"), notes)


@pytest.mark.parametrize(("way", "family"), [("tcp", Family.IPV4), ("icmp", Family.IPV6)])
@pytest.mark.fault("firewall: drop on output that the kernel does not tell", "counts loss, goes on")
def test_unprivileged_tcp_and_ping_over_ipv6_see_a_drop_on_output_as_silence_only(
    path: Chain, way: str, family: Family, notes: FaultNotes
) -> None:
    events = _survives(path, family, way, _output("drop"), _is_lost, notes)
    assert not any(event["event"] == "send_failed" for event in events)


@each_family
@each_way
@pytest.mark.fault("firewall: drop or reject on input", "counts loss, goes on")
def test_a_firewall_on_input_is_silence_and_the_trace_goes_on(
    path: Chain, family: Family, way: str, notes: FaultNotes
) -> None:
    _survives(path, family, way, _input, _is_lost, notes)
