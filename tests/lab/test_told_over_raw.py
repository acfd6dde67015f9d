"""What quotes tell, from whole packets of a real kernel to the JSON report, at the hop that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import hopscope
from tests.lab.labkit.tun import TunLab, tun_lab
from tracer.model import Address, Protocol
from tracer.sim.scenario import derived

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENARIO = Path(__file__).parents[1] / "scenarios" / "told.toml"
TOS = 46 << 2 | 2
INITIAL_TTLS = [64, 64, 255, 255, 128, 255, 255, 64]
"""Of the answers, as the scenario has them."""
FIELD = {Family.IPV4: ("identification_rewritten", 6), Family.IPV6: ("flow_label_rewritten", 7)}
"""What one router changes in one family only, and the hop behind it."""

each_family = pytest.mark.parametrize("family", Family)
each_protocol = pytest.mark.parametrize("protocol", Protocol)


@pytest.fixture(scope="module")
def internet() -> Iterator[TunLab]:
    with tun_lab(str(SCENARIO)) as lab:
        yield lab


def told(internet: TunLab, family: Family, protocol: Protocol, *arguments: str) -> Any:
    quick = ("-C", "2", "-i", "20ms", "-T", "20ms", "-Q", str(TOS))
    target = internet.target_address(family)
    run = hopscope(
        internet.namespace, target, "-m", "json", f"--{protocol}", *quick, *arguments, user=User.NET_RAW
    )
    assert run.report["channel"]["name"] == "raw"
    assert [run.report["health"][key] for key in ("foreign", "malformed", "anomalies")] == [0, 0, 0]
    return run.report


def address(family: Family, ipv4: str) -> str:
    return ipv4 if family is Family.IPV4 else str(derived(Address(ipv4)))


@each_family
@each_protocol
def test_nat_bleaching_labels_and_reply_ttls_stand_at_their_hops(
    internet: TunLab, family: Family, protocol: Protocol
) -> None:
    report = told(internet, family, protocol)
    assert report["outcome"]["target_ttl"] == 8
    routers = report["hops"][:7]
    assert [hop["nat"] for hop in routers] == [False, False, True, True, True, True, True]
    sources = {
        diff["quoted"] for hop in routers for diff in hop["quoted"]["diff"] if diff["field"] == "source"
    }
    assert sources == {address(family, "192.0.2.90")}
    assert [hop["quoted"]["dscp"] for hop in routers] == [46, 46, 46, 0, 0, 0, 0]
    assert [hop["quoted"]["ecn"] for hop in routers] == [2, 2, 2, 2, 0, 0, 0]
    stacks = {
        hop["ttl"]: [(label["label"], label["exp"], label["bos"]) for label in one["labels"]]
        for hop in routers
        for one in hop["responders"][0]["extensions"]
        if one["type"] == "mpls"
    }
    assert stacks == {4: [(24015, 2, 0), (17, 0, 1)]}
    expected = [start - ttl for ttl, start in enumerate(INITIAL_TTLS)]
    assert [hop["reply_ttl"] for hop in report["hops"]] == expected
    first = {one["kind"]: (one["ttl"], one["after_ttl"]) for one in report["findings"]}
    assert first["nat"] == (3, 2)
    assert first["dscp_rewritten"] == (4, 3)
    assert first["ecn_rewritten"] == (5, 4)
    finding, ttl = FIELD[family]
    assert first[finding] == (ttl, ttl - 1)


@each_family
@pytest.mark.parametrize("protocol", [Protocol.ICMP, Protocol.UDP])
@pytest.mark.parametrize(("size", "steps", "mtu"), [("1020", 2, 1000), ("950", 4, 900)])
def test_each_mtu_step_is_told_by_the_router_that_has_it(
    internet: TunLab, family: Family, protocol: Protocol, size: str, steps: int, mtu: int
) -> None:
    report = told(internet, family, protocol, "--packet-size", size)
    assert [hop["mtu"] for hop in report["hops"]] == [None] * steps + [mtu]
    assert report["outcome"]["reason"] == "unreachable"
