"""What each hop tells, from simulated routers to the JSON report, at the hop that shows it first."""

from __future__ import annotations

import asyncio
import json as stdlib_json
from pathlib import Path
from typing import Any

import pytest

from tests.session_driver import simulation
from tracer.model import Address, Family, Protocol
from tracer.report import json
from tracer.sim.scenario import derived

SCENARIO = Path(__file__).parent / "scenarios" / "told.toml"
TARGET = {Family.IPV4: "203.0.113.90", Family.IPV6: str(derived(Address("203.0.113.90")))}
TOS = 46 << 2 | 2

NAT_SHOWS, DSCP_SHOWS, ECN_SHOWS, DF_SHOWS, FLOW_LABEL_SHOWS, TARGET_TTL = 3, 4, 5, 6, 7, 8
EVERYWHERE = pytest.mark.parametrize(
    ("family", "protocol"), [(family, protocol) for family in Family for protocol in Protocol]
)


def told(family: Family, protocol: Protocol, **options: Any) -> Any:
    """The JSON report of three rounds."""
    run = simulation(SCENARIO, [TARGET[family]], protocol=protocol.value, tos=TOS, report_cycles=3, **options)
    asyncio.run(run.to_its_end())
    return stdlib_json.loads(json.render(run.reports))


def address(family: Family, ipv4: str) -> str:
    return ipv4 if family is Family.IPV4 else str(derived(Address(ipv4)))


def rewritten(report: Any, field: str) -> dict[int, Any]:
    """By TTL, what a field was quoted as where it was rewritten."""
    return {
        hop["ttl"]: diff["quoted"]
        for hop in report["hops"]
        for diff in (hop["quoted"] or {"diff": []})["diff"]
        if diff["field"] == field
    }


@EVERYWHERE
def test_a_translator_is_found_at_the_hop_behind_it(family: Family, protocol: Protocol) -> None:
    report = told(family, protocol)
    nat = [hop["nat"] for hop in report["hops"]]
    assert nat[:7] == [False, False, True, True, True, True, True]
    assert nat[7] is (True if protocol is Protocol.UDP else None)
    sources = rewritten(report, "source")
    assert set(sources.values()) == {address(family, "192.0.2.90")}
    assert min(sources) == NAT_SHOWS
    (finding,) = [one for one in report["findings"] if one["kind"] == "nat"]
    assert (finding["ttl"], finding["after_ttl"]) == (NAT_SHOWS, NAT_SHOWS - 1)


@EVERYWHERE
def test_bleaching_is_found_where_it_first_shows(family: Family, protocol: Protocol) -> None:
    report = told(family, protocol)
    routers = report["hops"][:7]
    assert [hop["quoted"]["dscp"] for hop in routers] == [46, 46, 46, 0, 0, 0, 0]
    assert [hop["quoted"]["ecn"] for hop in routers] == [2, 2, 2, 2, 0, 0, 0]
    kinds = {one["kind"]: (one["ttl"], one["after_ttl"]) for one in report["findings"]}
    assert kinds["dscp_rewritten"] == (DSCP_SHOWS, DSCP_SHOWS - 1)
    assert kinds["ecn_rewritten"] == (ECN_SHOWS, ECN_SHOWS - 1)


@EVERYWHERE
def test_rewritten_headers_are_found_where_they_first_show(family: Family, protocol: Protocol) -> None:
    report = told(family, protocol)
    first = {
        field: min(rewritten(report, field), default=None)
        for field in ("dont_fragment", "identification", "flow_label")
    }
    kinds = {one["kind"]: one["ttl"] for one in report["findings"]}
    if family is Family.IPV4:
        assert first == {"dont_fragment": DF_SHOWS, "identification": DF_SHOWS, "flow_label": None}
        assert (kinds["df_cleared"], kinds["identification_rewritten"]) == (DF_SHOWS, DF_SHOWS)
        assert rewritten(report, "dont_fragment")[DF_SHOWS] is False
    else:
        assert first == {"dont_fragment": None, "identification": None, "flow_label": FLOW_LABEL_SHOWS}
        assert kinds["flow_label_rewritten"] == FLOW_LABEL_SHOWS


@EVERYWHERE
def test_nothing_is_found_that_is_not_there(family: Family, protocol: Protocol) -> None:
    report = told(family, protocol)
    expected = {"nat", "dscp_rewritten", "ecn_rewritten"}
    expected |= (
        {"df_cleared", "identification_rewritten"} if family is Family.IPV4 else {"flow_label_rewritten"}
    )
    if protocol is Protocol.UDP:
        expected.add("destination_rewritten")
    if protocol is Protocol.TCP:
        expected.add("port_refused")  # this target has no port open
    assert {one["kind"] for one in report["findings"]} == expected
    assert report["health"]["foreign"] == report["health"]["malformed"] == 0
    assert [hop["lost"] for hop in report["hops"]] == [0] * TARGET_TTL


@pytest.mark.parametrize("family", Family)
def test_the_target_is_reached_under_another_destination(family: Family) -> None:
    report = told(family, Protocol.UDP)
    assert report["outcome"]["reached"]
    assert report["outcome"]["target_ttl"] == TARGET_TTL
    last = report["hops"][-1]
    assert last["responders"][0]["address"] == TARGET[family]
    assert rewritten(report, "destination") == {TARGET_TTL: address(family, "192.0.2.91")}
    (finding,) = [one for one in report["findings"] if one["kind"] == "destination_rewritten"]
    assert (finding["ttl"], finding["after_ttl"]) == (TARGET_TTL, TARGET_TTL - 1)


@EVERYWHERE
def test_extensions_stand_at_the_hop_that_told_them(family: Family, protocol: Protocol) -> None:
    hops = told(family, protocol)["hops"]
    extensions = {hop["ttl"]: hop["responders"][0]["extensions"] for hop in hops}
    assert {ttl for ttl, found in extensions.items() if found} == {4, 5, 6}
    assert extensions[4] == [
        {
            "type": "mpls",
            "labels": [
                {"label": 24015, "exp": 2, "bos": 0, "ttl": 1},
                {"label": 17, "exp": 0, "bos": 1, "ttl": 1},
            ],
        },
        {
            "type": "interface", "role": "incoming", "index": 7, "address": "198.18.93.1",
            "name": "xe-0/0/1", "mtu": 1500,
        },
        {"type": "interface", "role": "outgoing", "index": 8, "address": None, "name": "ae3", "mtu": None},
    ]  # fmt: skip
    assert extensions[5] == [
        {"type": "interface_id", "name": "ge-1", "index": None, "address": None},
        {"type": "interface_id", "name": None, "index": 9, "address": None},
        {"type": "interface_id", "name": None, "index": None, "address": "2001:db8::94"},
    ]
    assert extensions[6] == [{"type": "unknown", "class_num": 247, "class_type": 1, "body": "wP/u"}]


@EVERYWHERE
def test_reply_ttls_give_the_length_of_the_way_back(family: Family, protocol: Protocol) -> None:
    hops = told(family, protocol)["hops"]
    initial = [64, 64, 255, 255, 128, 255, 255, 64]
    assert [hop["reply_ttl"] for hop in hops] == [start - ttl for ttl, start in enumerate(initial)]
    for hop, start in zip(hops, initial, strict=True):
        assert {"initial_ttl": start, "hops": hop["ttl"]} in hop["return_paths"]
        assert hop["return_paths"][0] == {"initial_ttl": start, "hops": hop["ttl"]}


@pytest.mark.parametrize("protocol", [Protocol.ICMP, Protocol.UDP])
@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize(("size", "router", "lowers", "mtu"), [
    (1020, "198.18.91.1", 2, 1000), (950, "198.18.93.1", 4, 900),
])  # fmt: skip
def test_each_mtu_step_is_told_by_the_router_that_has_it(
    family: Family, protocol: Protocol, size: int, router: str, lowers: int, mtu: int
) -> None:
    """The first probe that router does not pass on is that of the TTL behind it."""
    report = told(family, protocol, packet_size=size)
    hops = report["hops"]
    assert [hop["mtu"] for hop in hops] == [None] * lowers + [mtu]
    assert hops[lowers - 1]["responders"][0]["address"] == address(family, router)
    assert hops[lowers]["responders"][0]["address"] == address(family, router)
    assert hops[lowers]["icmp"]["name"] in ("fragmentation needed", "packet too big")
    assert report["outcome"]["reason"] == "unreachable"


@pytest.mark.parametrize("family", Family)
def test_a_target_on_the_way_to_a_translated_one_takes_none_of_its_answers(family: Family) -> None:
    """Both are probed at once; what the far one quotes of another destination belongs to it alone."""
    near = address(family, "198.18.96.1")
    run = simulation(SCENARIO, [TARGET[family], near], protocol="udp", report_cycles=3)
    asyncio.run(run.to_its_end())
    far_report, near_report = stdlib_json.loads(json.render(run.reports))
    assert list(rewritten(far_report, "destination")) == [TARGET_TTL]
    assert rewritten(near_report, "destination") == {}
    for report in (far_report, near_report):
        assert report["outcome"]["reason"] == "target_reached"
        assert report["health"]["foreign"] == 0
        assert {hop["duplicates"] for hop in report["hops"]} == {0}
