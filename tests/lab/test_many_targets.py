"""64 targets, each behind 15 routers, over one channel in one process that may open few files."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.traced import over_the_kernel
from tests.lab.labkit.tun import DEVICE, TunLab, tun_lab
from tracer.config import ChannelChoice, ProtocolChoice, TraceConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENARIO = Path(__file__).parents[1] / "scenarios" / "many.toml"
TARGETS = [f"203.0.113.{number}" for number in range(101, 165)]
FILES = 128
"""Fewer than the TCP probes of one round take, one descriptor each."""
TARGET_TTL = 16
QUEUE = 10_000
"""Packets that may wait in the device: all targets begin at once."""


@pytest.fixture(scope="module")
def internet() -> Iterator[TunLab]:
    with tun_lab(str(SCENARIO)) as lab:
        lab.namespace.ip(f"link set {DEVICE} txqueuelen {QUEUE}")
        yield lab


@pytest.fixture
def few_files() -> Iterator[None]:
    """A low soft limit, as a login shell has it; children inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_files")
@pytest.mark.parametrize(
    ("channel", "protocol", "user"),
    [("raw", "icmp", User.ROOT), ("raw", "tcp", User.ROOT), ("errqueue", "udp", User.NOBODY),
     ("errqueue", "tcp", User.NOBODY)],
)  # fmt: skip
def test_sixty_four_targets_are_all_traced_to_their_end(
    internet: TunLab, channel: str, protocol: str, user: User
) -> None:
    config = TraceConfig(
        channel=ChannelChoice(channel), protocol=ProtocolChoice(protocol), report_cycles=1, max_inflight=16
    )
    traced = over_the_kernel(internet.namespace, TARGETS, config, user)
    assert len(traced.reports) == len(TARGETS)
    assert {report["channel"]["name"] for report in traced.reports} == {channel}
    routers = internet.responders(Family.IPV4)[:-1]
    for report, target in zip(traced.reports, TARGETS, strict=True):
        assert report["target"]["address"] == target
        outcome = report["outcome"]
        assert (outcome["reason"], outcome["target_ttl"]) == ("target_reached", TARGET_TTL)
        assert report["errors"] == []
        assert [report["health"][key] for key in ("foreign", "malformed", "kernel_drops")] == [0, 0, 0]
        found = [{one["address"] for one in hop["responders"]} for hop in report["hops"]]
        assert found == [*routers, {target}]
