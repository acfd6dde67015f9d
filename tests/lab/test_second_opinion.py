"""mtr, traceroute and hopscope on the same ten routers: who answers at which TTL must be the same."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import hopscope, responders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.labkit.chain import Chain

PROTOCOLS = ("udp", "tcp", "icmp")
HOPSCOPE = {"udp": ["--udp"], "tcp": ["--tcp", "-P", "80"], "icmp": ["--icmp"]}
MTR = {"udp": ["--udp"], "tcp": ["--tcp", "--port", "80"], "icmp": []}
TRACEROUTE = {"udp": [], "tcp": ["-T", "-p", "80"], "icmp": ["-I"]}

each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)
each_family = pytest.mark.parametrize("family", Family)


@pytest.fixture(scope="module")
def path(ten_routers: Chain) -> Iterator[Chain]:
    with ten_routers.source.sysctls({"net.ipv4.ping_group_range": "0 65534"}):
        yield ten_routers


def _needs(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")


def _hopscope(path: Chain, family: Family, protocol: str) -> list[str]:
    """The one responder at each TTL; more than one, or none, on this path is a failure of its own."""
    run = hopscope(path.source, path.target_address(family), "-m", "json", "-C", "1", *HOPSCOPE[protocol])
    assert run.exit_code == 0, run
    return [", ".join(sorted(addresses)) for addresses in responders(run.report)]


@each_family
@each_protocol
def test_mtr_agrees(path: Chain, family: Family, protocol: str) -> None:
    _needs("mtr")
    quick = ["-n", "--json", "-c", "1", "-i", "0.1", "-G", "0.2", "--timeout", "1"]
    target = path.target_address(family)
    done = path.source.run(["mtr", family.flag, *quick, *MTR[protocol], target], user=User.ROOT)
    theirs = [hub["host"] for hub in json.loads(done.stdout)["report"]["hubs"]]
    assert _hopscope(path, family, protocol) == theirs


@each_family
@each_protocol
def test_traceroute_agrees(path: Chain, family: Family, protocol: str) -> None:
    _needs("traceroute")
    target = path.target_address(family)
    done = path.source.run(["traceroute", family.flag, "-n", "-q", "1", *TRACEROUTE[protocol], target])
    theirs = [line.split()[1] for line in done.stdout.splitlines()[1:]]
    assert _hopscope(path, family, protocol) == theirs
