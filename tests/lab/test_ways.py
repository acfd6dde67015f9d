"""Which way each flow took through diamonds: the scenario's own hash and other tracers agree with us."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import Run, hopscope
from tests.lab.labkit.requirements import needs
from tests.lab.labkit.tun import DEVICE, TunLab, tun_lab
from tracer.model import Address, Protocol
from tracer.sim.channel import SOURCE_ADDRESSES
from tracer.sim.load import load
from tracer.sim.path import Path as SimPath
from tracer.sim.path import Timetable, flow_key, router

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SCENARIO = Path(__file__).parents[1] / "scenarios" / "diamonds.toml"
SILENT = 4
QUICK = ("-C", "2", "-i", "20ms", "-T", "20ms")
SOURCE_PORT, TARGET_PORT = 40_001, 33_434
SIXTEEN = ("--flows", "16", "-S", str(SOURCE_PORT))
"""Chosen at random, sixteen ports miss one of four branches in one run of twenty-five; these take all."""

each_family = pytest.mark.parametrize("family", Family)


@pytest.fixture(scope="module")
def internet() -> Iterator[TunLab]:
    with tun_lab(str(SCENARIO)) as lab:
        yield lab


def traced(internet: TunLab, family: Family, *arguments: str) -> Run:
    run = hopscope(internet.namespace, internet.target_address(family), *QUICK, *arguments, user=User.NET_RAW)
    assert run.exit_code == 0, run
    return run


def path_of() -> SimPath:
    return Timetable(load(str(SCENARIO))).at(0)


def way(family: Family, protocol: Protocol, sport: int, dport: int) -> list[str | None]:
    """Where the scenario sends a flow; position n is TTL n + 1, None the router that never answers."""
    path, target = path_of(), path_of().target.addresses_of(family.of_the_model)[0]
    key = flow_key(SOURCE_ADDRESSES[family.of_the_model], target, protocol, sport, dport)
    routers = range(1, len(path.hops) + 1)
    return [*(None if ttl == SILENT else router(path, ttl, key) for ttl in routers), target]


@each_family
@pytest.mark.parametrize("protocol", [Protocol.UDP, Protocol.TCP])
def test_each_of_sixteen_flows_took_the_way_its_hash_names(
    internet: TunLab, family: Family, protocol: Protocol
) -> None:
    run = traced(internet, family, f"--{protocol}", "-R", "paris", *SIXTEEN, "-m", "json")
    flows = run.report["flows"]
    assert len(flows) == len({(flow["sport"], flow["dport"]) for flow in flows}) == 16
    for flow in flows:
        assert flow["path"] == way(family, protocol, flow["sport"], flow["dport"])
    for hop, possible in zip(run.report["hops"], internet.responders(family), strict=True):
        assert {one["address"] for one in hop["responders"]} == possible, "every branch is named"
        for one in hop["responders"]:
            took_it = [flow["id"] for flow in flows if flow["path"][hop["ttl"] - 1] == one["address"]]
            assert one["flows"] == took_it


def links(drawn: bytes, near: Sequence[Address], far: Sequence[Address]) -> set[tuple[int, int]]:
    """Which of the near routers Graphviz joins with which of the far ones, by their numbers."""
    done = subprocess.run(["dot", "-Tjson"], input=drawn, capture_output=True, check=True)
    assert done.stderr == b""
    graph: dict[str, Any] = json.loads(done.stdout)
    names = {one["_gvid"]: one.get("label", "").split("\\n")[0] for one in graph["objects"]}
    joined = [(names[edge["tail"]], names[edge["head"]]) for edge in graph["edges"]]
    return {(near.index(a), far.index(b)) for a, b in joined if a in near and b in far}


@each_family
def test_paris_draws_every_link_and_no_false_one_and_classic_draws_false_ones(
    internet: TunLab, family: Family
) -> None:
    needs("dot")
    ends = [hop.addresses_of(family.of_the_model) for hop in path_of().hops[1:3]]
    drawn = {
        strategy: links(
            traced(internet, family, "--udp", "-R", strategy, *SIXTEEN, "-m", "dot").stdout.encode(),
            *ends,
        )
        for strategy in ("paris", "dublin", "classic")
    }
    true = {(number, number) for number in range(len(ends[0]))}
    assert drawn["paris"] == drawn["dublin"] == true
    assert drawn["classic"] - true


# Other tracers


def ours(internet: TunLab, family: Family, *arguments: str) -> list[str | None]:
    run = traced(internet, family, "--udp", "-m", "json", *arguments)
    [flow] = run.report["flows"]
    path: list[str | None] = flow["path"]
    return path


@each_family
@pytest.mark.parametrize("source_port", [SOURCE_PORT, SOURCE_PORT + 1])
def test_scampers_paris_trace_agrees(internet: TunLab, family: Family, source_port: int) -> None:
    needs("scamper")
    target = internet.target_address(family)
    command = f"trace -P udp-paris -s {source_port} -d {TARGET_PORT} -q 1 -w 1 -W 2"
    done = internet.namespace.run(["scamper", "-O", "json", "-c", command, "-i", target])
    theirs = next(json.loads(line) for line in done.stdout.splitlines() if '"type":"trace"' in line)
    found: list[str | None] = [None] * theirs["hop_count"]
    for hop in theirs["hops"]:
        found[hop["probe_ttl"] - 1] = hop["addr"]
    fixed = ("-R", "paris", "-S", str(source_port), "-P", str(TARGET_PORT))
    assert ours(internet, family, *fixed) == found


def test_dublin_traceroute_agrees(internet: TunLab, tmp_path: Path) -> None:
    """It asks for the default route, and for the names of what it finds, which nobody here knows."""
    needs("dublin-traceroute")
    target = internet.target_address(Family.IPV4)
    flows = 3
    asked = ("-s", str(SOURCE_PORT), "-d", str(TARGET_PORT), "-n", str(flows), "-T", "7")
    node = internet.namespace
    with (
        node.routes(f"default dev {DEVICE}"),
        node.firewall("udp dport 53 reject"),
        # Its capture ends with the first packet after its patience: somebody has to send one.
        node.start(["ping", "-n", "-t", "1", "-i", "0.2", target]),
    ):
        done = node.run(["dublin-traceroute", *asked, target], directory=tmp_path)
    assert done.returncode == 0, done
    theirs = json.loads((tmp_path / "trace.json").read_text())["flows"]
    assert len(theirs) == flows
    for port, hops in theirs.items():
        found = [hop["received"]["ip"]["src"] if hop["received"] else None for hop in hops]
        fixed = ("-R", "dublin", "-S", str(SOURCE_PORT), "-P", port)
        own = ours(internet, Family.IPV4, *fixed)
        # Its capture may begin after its first answers: what it does not tell it has not seen.
        assert [told for told in found if told is not None] == [
            one for one, told in zip(own, found, strict=True) if told is not None
        ]
        assert found[-1] == own[-1] == target
