from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from tests.sim.simulation import MS, S, answers, heard, ping, syn, udp
from tracer.model import Family
from tracer.sim.internet import Internet
from tracer.sim.journey import Fate
from tracer.sim.load import load, names
from tracer.sim.path import phases
from tracer.sim.scenario import Scenario

DOCUMENTATION = [
    ip_network(text)
    for text in ("198.18.0.0/15", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
TESTS_ONLY = sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml"))
EVERY = [*names(), *TESTS_ONLY]
FAMILIES = list(Family)


def outcomes(scenario: Scenario, family: Family, at_ns: int, *, size: int = 0) -> list[tuple[str, int]]:
    """Per TTL who answered a ping and when, up to the target or 30; '-' for nobody."""
    net, found = Internet(scenario, seed=3), []
    target = scenario.target.addresses_of(family)[0]
    for ttl in range(1, 31):
        got = answers(net, ping(ttl, destination=target) / bytes(size), at_ns)
        found.append((got[0][1].src, got[0][0]) if got else ("-", 0))
        if found[-1][0] == target:
            break
    return found


def test_the_scenarios_promised_are_there() -> None:
    assert set(names()) == {
        "wan", "lan", "loss", "ratelimit", "route-change", "bufferbloat", "blackhole", "clean",
    }  # fmt: skip


@pytest.mark.parametrize("name", EVERY, ids=str)
def test_every_address_is_one_of_documentation_or_benchmarking(name: str) -> None:
    for phase in phases(load(name)):
        for address in phase.path.positions:
            assert any(ip_address(address) in network for network in DOCUMENTATION), address


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", [name for name in EVERY if name != "blackhole"], ids=str)
def test_the_target_answers_every_protocol_over_both_families(name: str, family: Family) -> None:
    scenario = load(name)
    for target in scenario.target.addresses_of(family):
        for packet in (
            ping(64, destination=target),
            udp(64, destination=target),
            syn(64, destination=target),
        ):
            net = Internet(scenario, seed=1)
            assert any(answers(net, packet, attempt * S) for attempt in range(5))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("name", "hops", "rtt_ms"),
    [("wan", 16, (99, 102)), ("lan", 5, (1, 2)), ("clean", 8, (20, 20)), ("ratelimit", 8, (19, 20))],
)
def test_the_path_is_as_long_and_as_slow_as_promised(
    name: str, hops: int, rtt_ms: tuple[int, int], family: Family
) -> None:
    found = outcomes(load(name), family, 0)
    assert len(found) == hops
    assert rtt_ms[0] * MS <= found[-1][1] <= rtt_ms[1] * MS


def test_wan_has_two_silent_routers_a_diamond_and_mpls() -> None:
    scenario = load("wan")
    assert [ttl for ttl, (who, _) in enumerate(outcomes(scenario, Family.IPV4, 0), 1) if who == "-"] == [
        4,
        12,
    ]
    assert max(len(hop.addresses) for hop in scenario.hops) == 2
    assert sum(bool(hop.mpls) for hop in scenario.hops) == 3


def test_clean_gives_exactly_the_rtts_of_its_file() -> None:
    found = outcomes(load("clean"), Family.IPV4, 0)
    assert [rtt_ns for _, rtt_ns in found] == [
        1 * MS,
        4 * MS,
        6 * MS,
        9 * MS,
        14 * MS,
        18 * MS,
        19 * MS,
        20 * MS,
    ]


def test_loss_begins_in_the_middle_and_reaches_the_target() -> None:
    net = Internet(load("loss"), seed=1)
    lost = {ttl: 1000 - heard(net, ping(ttl, destination="203.0.113.90"), 1000) for ttl in (4, 5, 9)}
    assert lost[4] == 0
    # 1 - 0.88 * 0.91 = 0.199; five sigma of 1000 trials are 63.
    assert 137 <= lost[5] <= 262
    assert 137 <= lost[9] <= 262


def test_ratelimit_limits_one_router_and_leaves_its_successors_clean() -> None:
    net = Internet(load("ratelimit"), seed=1)
    came = dict.fromkeys(range(1, 9), 0)
    for tick in range(100):
        for ttl in came:
            came[ttl] += heard(net, ping(ttl, destination="203.0.113.100"), 1, tick * S // 10)
    # Ten seconds at one in two seconds, after a burst of two.
    assert came.pop(4) in range(6, 9)
    assert set(came.values()) == {100}


def test_route_change_leads_over_a_longer_branch_after_ten_seconds() -> None:
    scenario = load("route-change")
    before, after = outcomes(scenario, Family.IPV4, 10 * S - 1), outcomes(scenario, Family.IPV4, 10 * S)
    assert (len(before), len(after)) == (7, 10)
    assert {who for who, _ in before[3:5]}.isdisjoint(who for who, _ in after)
    assert before[-1][0] == after[-1][0]
    assert after[-1][1] > 2 * before[-1][1]


def test_bufferbloat_grows_by_hundreds_of_milliseconds_and_goes_again() -> None:
    scenario = load("bufferbloat")
    quiet, full, again = (outcomes(scenario, Family.IPV4, at * S) for at in (0, 10, 20))
    assert full[0][1] < 2 * MS
    for calm, slow, calm_again in zip(quiet[1:], full[1:], again[1:], strict=True):
        assert 340 * MS < slow[1] - calm[1] < 360 * MS
        assert abs(calm_again[1] - calm[1]) <= 1 * MS


@pytest.mark.parametrize("family", FAMILIES)
def test_blackhole_answers_up_to_hop_seven_and_swallows_big_packets_at_hop_six(family: Family) -> None:
    scenario = load("blackhole")
    small = [who for who, _ in outcomes(scenario, family, 0)]
    assert "-" not in small[:7]
    assert set(small[7:]) == {"-"}
    big = [who for who, _ in outcomes(scenario, family, 0, size=1400)]
    assert "-" not in big[:6]
    assert set(big[6:]) == {"-"}


def test_multihomed_answers_errors_from_an_address_that_was_not_probed() -> None:
    [multihomed] = [path for path in TESTS_ONLY if path.stem == "multihomed"]
    net = Internet(load(multihomed))
    for probed in ("203.0.113.210", "198.51.100.210"):
        assert answers(net, ping(9, destination=probed))[0][1].src == probed
        assert answers(net, syn(9, destination=probed))[0][1].src == probed
        assert answers(net, udp(9, destination=probed))[0][1].src == "203.0.113.214"
    assert net.fates == {Fate.ANSWERED: 6}
