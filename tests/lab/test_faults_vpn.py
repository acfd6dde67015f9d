"""A VPN comes up and goes down while a trace runs: other source, other path, perhaps another address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.labkit.chain import SOURCE_DEVICE, chain, far_address
from tests.lab.labkit.families import Family
from tests.lab.labkit.fault_notes import FaultNotes, reaches, recovers
from tests.lab.labkit.nameserver import Answer
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import hopscope_stream
from tests.lab.labkit.system_resolver import resolving
from tests.lab.labkit.vpn import DEVICE, FAR, NEAR, vpn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.labkit.chain import Chain

PACE = ("-C", "100000", "-i", "250ms", "-T", "250ms", "--timeout", "500ms")
WAYS = {
    "udp": (("--udp", "--channel", "errqueue"), User.NOBODY),
    "icmp": (("--icmp", "--channel", "errqueue"), User.NOBODY),
    "raw-udp": (("--udp", "--channel", "raw"), User.NET_RAW),
}
NAME = "end.lab.example"


@pytest.fixture(scope="module")
def path() -> Iterator[Chain]:
    with chain(2) as built, built.source.sysctls({"net.ipv4.ping_group_range": "0 65534"}):
        yield built


def _leaves_from(address: str, device: str) -> Callable[[dict[str, Any]], bool]:
    source = {"address": address, "interface": device}
    return lambda event: event["event"] == "source_changed" and event["source"] == source


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.fault(
    "VPN up and down", "follows the kernel's routes both times; the path gets shorter and longer"
)
def test_a_vpn_is_told_when_it_comes_and_when_it_goes(
    path: Chain, family: Family, way: str, notes: FaultNotes
) -> None:
    arguments, user = WAYS[way]
    with hopscope_stream(path.source, path.target_address(family), *PACE, *arguments, user=user) as stream:
        direct = stream.until(reaches)
        assert direct["ttl"] == 3
        with vpn(path):
            stream.until(_leaves_from(NEAR[family], DEVICE))
            recovers(stream, notes)
            stream.until(lambda event: reaches(event) and event["ttl"] == 1)
        stream.until(_leaves_from(path.source_address(family), SOURCE_DEVICE))
        recovers(stream, notes)
        stream.until(lambda event: reaches(event) and event["ttl"] == 3)
        notes.events(stream.events)


@pytest.mark.fault(
    "VPN whose name servers know another address", "looks the name up anew and says so; traces on", way="udp"
)
def test_a_name_that_has_another_address_behind_a_vpn_is_told_until_it_is_over(
    path: Chain, notes: FaultNotes
) -> None:
    outside = path.target_address(Family.IPV4)
    zone = {(f"{NAME}.", "A"): Answer((outside,)), (f"{NAME}.", "AAAA"): Answer()}
    arguments, user = WAYS["udp"]
    with (
        resolving(path.source, zone) as server,
        hopscope_stream(path.source, NAME, "-4", *PACE, *arguments, user=user) as stream,
    ):
        stream.until(reaches)
        with vpn(path):
            zone[f"{NAME}.", "A"] = Answer((FAR[Family.IPV4],))
            moved = stream.until(lambda event: event["event"] == "name_moved")
            assert moved["addresses"] == [FAR[Family.IPV4]]
            assert f"{NAME} is now {FAR[Family.IPV4]}" in moved["failure"]["message"]
            assert moved["failure"]["evidence"]["traced"] == outside
            recovers(stream, notes)
        zone[f"{NAME}.", "A"] = Answer((outside,))
        back = stream.until(lambda event: event["event"] == "name_moved")
        assert (back["addresses"], back["failure"]) == ([outside], None)
        recovers(stream, notes)
        notes.events(stream.events)
        assert len({event["target"] for event in stream.events if "target" in event}) == 1, (
            "nothing else is traced"
        )
    assert len(server.asked) >= 3


@pytest.mark.parametrize("way", ["udp", "raw-udp"])
def test_another_route_from_the_same_source_has_the_name_looked_up(path: Chain, way: str) -> None:
    outside = path.target_address(Family.IPV4)
    zone = {(f"{NAME}.", "A"): Answer((outside,)), (f"{NAME}.", "AAAA"): Answer()}
    arguments, user = WAYS[way]
    with (
        resolving(path.source, zone) as server,
        hopscope_stream(path.source, NAME, "-4", *PACE, *arguments, user=user) as stream,
    ):
        stream.until(reaches)
        asked = len(server.asked)
        zone[f"{NAME}.", "A"] = Answer((FAR[Family.IPV4],))
        with path.source.routes(f"{outside} via {far_address(Family.IPV4, 0)}"):
            moved = stream.until(lambda event: event["event"] == "name_moved")
            assert moved["addresses"] == [FAR[Family.IPV4]]
        assert not [event for event in stream.events if event["event"] == "source_changed"]
    assert len(server.asked) > asked
