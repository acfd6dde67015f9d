"""MTU steps on ten kernel routers, found as nobody through the error queue; tracepath agrees."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.labkit.chain import FAR, NEAR, SOURCE_DEVICE
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import Run, hopscope
from tests.lab.labkit.tun import tun_lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.labkit.chain import Chain

PROTOCOLS = {"udp": "--udp", "icmp": "--icmp"}
STEPS = {3: 1480, 7: 1400, 9: 1300}
"""Which router's next link carries how much."""

QUICK = ("-C", "2", "-i", "100ms", "-T", "100ms")
MANY_ROUNDS = ("-C", "20", "-i", "100ms", "-T", "100ms")
"""The more ordinary probes are answered, the fewer silent ones it takes to be sure."""

each_family = pytest.mark.parametrize("family", Family)
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)


@contextmanager
def links(path: Chain, steps: dict[int, int]) -> Iterator[None]:
    """Give links behind some routers (0: behind the source) another MTU, on both of their ends."""
    nodes = [path.source, *path.routers, path.target]
    try:
        for number, mtu in steps.items():
            _set(nodes, number, mtu)
        yield
    finally:
        for number in steps:
            _set(nodes, number, 1500)


def _set(nodes: list[Any], number: int, mtu: int) -> None:
    nodes[number].ip(f"link set {FAR if number else SOURCE_DEVICE} mtu {mtu}")
    nodes[number + 1].ip(f"link set {NEAR} mtu {mtu}")


UNSAID = ("icmp type destination-unreachable icmp code frag-needed drop", "icmpv6 type packet-too-big drop")
"""A router under these rules keeps its *too big* to itself: an MTU black hole."""


@pytest.fixture(scope="module")
def path(ten_routers: Chain) -> Iterator[Chain]:
    with ten_routers.source.sysctls({"net.ipv4.ping_group_range": "0 65534"}):
        yield ten_routers


@pytest.fixture(autouse=True)
def _forgotten(path: Chain) -> None:
    """The kernel remembers path MTUs for minutes; every test begins without."""
    for family in Family:
        _forget(path, family)


def _forget(path: Chain, family: Family) -> None:
    path.source.run(["ip", family.flag, "route", "flush", "cache"], user=User.ROOT).check_returncode()


def measured(path: Chain, family: Family, protocol: str, *more: str) -> Run:
    target = path.target_address(family)
    return hopscope(path.source, target, "--mtu", PROTOCOLS[protocol], "-m", "json", *QUICK, *more)


def steps_of(run: Run) -> list[tuple[int, int, int, str | None]]:
    found = run.report["path_mtu"]["lowered_at"]
    return [(step["ttl"], step["before"], step["mtu"], step["reported_by"]) for step in found]


@each_family
@each_protocol
def test_every_step_is_found_at_its_router_without_privileges(
    path: Chain, family: Family, protocol: str
) -> None:
    with links(path, STEPS):
        run = measured(path, family, protocol)
    assert run.exit_code == 0, run
    found = run.report["path_mtu"]
    who = path.responders(family)
    assert steps_of(run) == [
        (3, 1500, 1480, who[2]),
        (7, 1480, 1400, who[6]),
        (9, 1400, 1300, who[8]),
    ]
    assert (found["mtu"], found["ttl"], found["to_target"], found["link_mtu"]) == (1300, 11, True, 1500)
    assert (found["settled"], found["black_hole"]) == (True, None)
    expected = [1500, 1500, 1480, 1480, 1480, 1480, 1400, 1400, 1300, 1300, 1300]
    assert [hop["mtu"] for hop in run.report["hops"]] == expected
    assert run.report["errors"] == []
    assert [hop["lost"] for hop in run.report["hops"]] == [0] * 11
    assert [hop["sent"] for hop in run.report["hops"]] == [2] * 11


@each_family
@each_protocol
def test_the_raw_channel_finds_the_same(path: Chain, family: Family, protocol: str) -> None:
    target = path.target_address(family)
    arguments = ["--mtu", PROTOCOLS[protocol], "-m", "json", *QUICK, "--channel", "raw"]
    with links(path, STEPS):
        run = hopscope(path.source, target, *arguments, user=User.ROOT)
        plain = measured(path, family, protocol)
    assert run.report["channel"]["name"] == "raw"
    ours, theirs = ({**one.report["path_mtu"], "probes": 0} for one in (run, plain))
    assert ours == theirs
    assert run.report["errors"] == []


@each_protocol
@pytest.mark.parametrize("channel", ["errqueue", "raw"])
@each_family
def test_the_largest_packet_there_is_comes_back_over_loopback(
    path: Chain, family: Family, protocol: str, channel: str
) -> None:
    """An echo answer is as large as its probe, and has to be read whole."""
    own = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}[family]
    arguments = ["--mtu", PROTOCOLS[protocol], "-m", "json", *QUICK, "--channel", channel]
    run = hopscope(path.source, own, *arguments, user=User.ROOT)
    found = run.report["path_mtu"]
    assert (found["mtu"], found["settled"], found["black_hole"]) == (65_535, True, None)


@each_family
@each_protocol
def test_a_router_that_may_not_say_so_is_a_black_hole(path: Chain, family: Family, protocol: str) -> None:
    with links(path, {6: 1400}), path.routers[5].firewall(*UNSAID):
        run = measured(path, family, protocol, *MANY_ROUNDS)
    assert run.exit_code == 0, run
    found = run.report["path_mtu"]
    hole = found["black_hole"]
    assert (hole["ttl"], hole["passes"], hole["vanishes"], hole["echoed"]) == (6, 1400, 1401, False)
    assert (found["mtu"], found["settled"]) == (1400, True)
    verdict = run.report["path_verdict"]
    assert verdict["kind"] == "mtu_black_hole"
    assert "vanish behind hop 6" in verdict["evidence"]["sentence"]
    assert run.report["hops"][5]["verdict"]["kind"] == "mtu_black_hole"
    assert [hop["lost"] for hop in run.report["hops"]] == [0] * 11


@each_family
@each_protocol
def test_the_interface_s_own_limit_costs_no_packet_and_is_no_error(
    path: Chain, family: Family, protocol: str
) -> None:
    with links(path, {0: 1420}):
        run = measured(path, family, protocol)
    found = run.report["path_mtu"]
    assert (found["mtu"], found["link_mtu"], found["lowered_at"], found["probes"]) == (1420, 1420, [], 1)
    assert (run.report["errors"], run.report["health"]["send_errors"]) == ([], {})


@each_family
def test_what_the_kernel_remembers_of_the_path_does_not_get_in_the_way(path: Chain, family: Family) -> None:
    """Another program has met the limit before: its packets are cut down, ours are not."""
    with links(path, {5: 1400}):
        first = measured(path, family, "udp")
        remembered = path.source.run(["ip", "route", "get", path.target_address(family)]).stdout
        again = measured(path, family, "udp")
    assert "mtu 1400" in remembered
    assert steps_of(first) == steps_of(again) == [(5, 1500, 1400, path.responders(family)[4])]


LIARS = """
name = "liars"
[[hop]]
addresses = ["198.18.1.1"]
rtt = "1ms"
[[hop]]
addresses = ["198.18.2.1"]
rtt = "2ms"
mtu = 1399
reports_mtu = {says}
[target]
addresses = ["203.0.113.9"]
rtt = "3ms"
"""


@each_family
@each_protocol
@pytest.mark.parametrize("says", [0, 9000])
def test_what_a_router_says_wrongly_reaches_us_through_the_kernel_and_is_found_out(
    tmp_path: Path, family: Family, protocol: str, says: int
) -> None:
    """RFC 1191's old router that reports 0, and one that reports more than was sent."""
    where = tmp_path / "liars.toml"
    where.write_text(LIARS.format(says=says))
    with tun_lab(str(where)) as lab:
        arguments = ["--mtu", PROTOCOLS[protocol], "-m", "json", *MANY_ROUNDS]
        run = hopscope(lab.namespace, lab.target_address(family), *arguments)
    reporter = next(iter(lab.responders(family)[1]))
    assert steps_of(run) == [(2, 1500, 1399, reporter)], run
    assert run.report["path_mtu"]["settled"] is True


@each_family
def test_ordinary_probes_of_a_trace_that_was_not_asked_stay_alone(path: Chain, family: Family) -> None:
    with links(path, {5: 1400}):
        run = hopscope(path.source, path.target_address(family), "--udp", "-m", "json", "-C", "2")
    assert run.report["path_mtu"] is None
    assert [hop["mtu"] for hop in run.report["hops"]] == [None] * 11


@each_family
def test_tracepath_agrees(path: Chain, family: Family) -> None:
    """It reads the same error queue, and stops where the path MTU is."""
    if shutil.which("tracepath") is None:
        pytest.skip("tracepath is not installed")
    target = path.target_address(family)
    with links(path, STEPS):
        ours = measured(path, family, "udp").report["path_mtu"]
        _forget(path, family)
        theirs = path.source.run(["tracepath", family.flag, "-n", "-m", "20", target]).stdout
    (resume,) = re.findall(r"Resume: pmtu (\d+)", theirs)
    assert ours["mtu"] == int(resume)
    told = [int(mtu) for mtu in re.findall(r"pmtu (\d+)$", theirs, re.MULTILINE)]
    assert told == [ours["link_mtu"], *(step["mtu"] for step in ours["lowered_at"])]
    reporters = re.findall(r"^ *\d+: +(\S+) .*pmtu \d+$", theirs, re.MULTILINE)
    assert reporters[-3:] == [step["reported_by"] for step in ours["lowered_at"]]
