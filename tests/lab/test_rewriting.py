"""Real routers that rewrite packets, told from what the routers behind them quote.

Most probes go over raw sockets of this test, so that what they were is known apart from the product; then the
product does the same by its raw channel.
"""

from __future__ import annotations

import re
import select
import socket
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.lab.labkit.chain import SOURCE_DEVICE, Chain, chain
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import hopscope
from tracer.engine.lifecycle import ProbeInput
from tracer.engine.matching import TrackedProbe
from tracer.engine.ports import Ports
from tracer.engine.story import Story
from tracer.errors import DecodeError
from tracer.model import (
    Address,
    FlowId,
    PacketShape,
    Port,
    Probe,
    Protocol,
    Reply,
    RoundId,
    Sequence,
    SourceInfo,
    Stamp,
    StampClock,
    TargetInfo,
    TraceId,
    Ttl,
)
from tracer.stats.tracker import Tracker
from tracer.wire.build import probe_packet
from tracer.wire.decode import decode_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer.stats.snapshot import TraceSnapshot

ROUTERS = 4
REWRITES = 2
"""The router that rewrites; the one behind it is the first to see it."""
TOS = 46 << 2 | 2
ETH_P_ALL = 3
PATIENCE_S = 3.0
STAMP = Stamp(0, StampClock.USER)

ALIAS = {Family.IPV4: "198.18.0.77", Family.IPV6: "2001:db8:100::77"}
"""What the translator makes of the source; the way back to it is that of the source."""
WORD = {Family.IPV4: "ip", Family.IPV6: "ip6"}

each_protocol = pytest.mark.parametrize("protocol", Protocol)
each_family = pytest.mark.parametrize("family", Family)


@pytest.fixture(scope="module")
def path() -> Iterator[Chain]:
    with chain(ROUTERS) as built:
        yield built


class Wire(NamedTuple):
    """What goes out, and everything that passes the device."""

    out: socket.socket
    device: socket.socket


def trace(path: Chain, family: Family, protocol: Protocol, *, sees_probes: bool = True) -> TraceSnapshot:
    """One round over raw sockets; without ``sees_probes`` the product is not shown what left."""
    source, target = Address(path.source_address(family)), Address(path.target_address(family))
    story, tracker = (
        Story("x", SourceInfo(source, None)),
        Tracker(TargetInfo(label="x", query="x", address=target)),
    )
    with (
        path.source.entered(),
        socket.socket(family.af, socket.SOCK_RAW, socket.IPPROTO_RAW) as out,
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as device,
    ):
        device.bind((SOURCE_DEVICE, ETH_P_ALL))
        for ttl in range(1, ROUTERS + 2):
            probe = _probe(target, protocol, ttl)
            tracked = TrackedProbe(probe, Ports(probe.source_port, probe.target_port))
            reply = _answer(Wire(out, device), tracked, source, sees_probes=sees_probes)
            story.sent(tracked, STAMP, ttl)
            was = tracked.move(ProbeInput.LEFT)
            was = tracked.move(ProbeInput.ANSWERED)
            story.answered(tracked, reply, target, was, ttl)
    for event in story.take():
        tracker.apply(event)
    return tracker.snapshot()


def _probe(target: Address, protocol: Protocol, ttl: int) -> Probe:
    return Probe(
        trace=TraceId(0),
        target=target,
        protocol=protocol,
        round=RoundId(0),
        ttl=Ttl(ttl),
        flow=FlowId(0),
        sequence=Sequence(33_000 + ttl),
        source_port=Port(40_000),
        target_port=Port(80 if protocol is Protocol.TCP else 33_434 + ttl),
        shape=PacketShape(size=84, pattern=0x5A, tos=TOS),
    )


def _answer(wire: Wire, tracked: TrackedProbe, source: Address, *, sees_probes: bool) -> Reply:
    probe = tracked.probe
    wire.out.sendto(probe_packet(probe, source), (probe.target, 0))
    deadline = time.monotonic() + PATIENCE_S
    while select.select([wire.device], [], [], max(deadline - time.monotonic(), 0))[0]:
        packet, (_, _, kind, *_) = wire.device.recvfrom(2048)
        if kind == socket.PACKET_OUTGOING:
            if sees_probes:
                tracked.packet = tracked.packet or packet
            continue
        try:
            reply = decode_reply(packet, STAMP)
        except DecodeError:
            continue
        if isinstance(reply, Reply) and reply.quoted.identity == probe.identity:
            return reply
    raise TimeoutError(f"no answer at TTL {probe.ttl}")


def kinds(snapshot: TraceSnapshot) -> dict[str, int]:
    """By kind of finding, the hop that first shows it."""
    return {finding.kind.value: finding.ttl for finding in snapshot.findings}


def nat(snapshot: TraceSnapshot) -> list[int]:
    """The TTLs whose quotes show another source."""
    return [
        hop.ttl
        for hop in snapshot.hops
        if hop.quoted is not None and "source" in {diff.field for diff in hop.quoted.diff or ()}
    ]


def stateless(path: Chain, family: Family) -> dict[str, list[str]]:
    """Source address there and back, without looking into ICMP errors."""
    word, source = WORD[family], path.source_address(family)
    return {
        "postrouting": [f"{word} saddr {source} {word} saddr set {ALIAS[family]}"],
        "prerouting": [f"{word} daddr {ALIAS[family]} {word} daddr set {source}"],
    }


@each_family
@each_protocol
def test_routers_that_rewrite_nothing_show_nothing(path: Chain, family: Family, protocol: Protocol) -> None:
    snapshot = trace(path, family, protocol)
    quotes = [hop.quoted for hop in snapshot.hops[:ROUTERS]]
    assert [quoted and (quoted.ttl, quoted.dscp, quoted.ecn, quoted.diff) for quoted in quotes] == [
        (1, 46, 2, ())
    ] * ROUTERS
    assert kinds(snapshot) == {}


@each_family
@each_protocol
@pytest.mark.parametrize("sees_probes", [True, False], ids=["seen", "rebuilt"])
def test_a_translator_shows_at_the_hop_behind_it(
    path: Chain, family: Family, protocol: Protocol, *, sees_probes: bool
) -> None:
    with path.routers[REWRITES - 1].rewriting(stateless(path, family)):
        snapshot = trace(path, family, protocol, sees_probes=sees_probes)
    last = ROUTERS + (protocol is Protocol.UDP)
    assert nat(snapshot) == list(range(REWRITES + 1, last + 1))
    assert kinds(snapshot) == {"nat": REWRITES + 1}
    (finding,) = snapshot.findings
    assert finding.after_ttl == REWRITES


@each_family
@each_protocol
def test_bleaching_shows_at_the_hop_behind_it(path: Chain, family: Family, protocol: Protocol) -> None:
    bleach = {"postrouting": [f"{WORD[family]} dscp set cs0"]}
    with path.routers[REWRITES - 1].rewriting(bleach):
        snapshot = trace(path, family, protocol)
    assert [hop.quoted and hop.quoted.dscp for hop in snapshot.hops[:ROUTERS]] == [46, 46, 0, 0]
    assert kinds(snapshot) == {"dscp_rewritten": REWRITES + 1}


@each_family
@each_protocol
def test_a_translator_that_follows_connections_restores_what_is_quoted(
    path: Chain, family: Family, protocol: Protocol
) -> None:
    """Linux translates the packet inside an ICMP error too, so that nothing is left to see."""
    translate = {
        "postrouting": [f"{WORD[family]} saddr {path.source_address(family)} counter snat to {ALIAS[family]}"]
    }
    with path.routers[REWRITES - 1].rewriting(translate, kind="nat"):
        snapshot = trace(path, family, protocol)
        rules = path.routers[REWRITES - 1].run(["nft", "list", "table", "inet", "labrewriting"]).stdout
    translated = re.search(r"counter packets (\d+)", rules)
    assert translated is not None
    assert int(translated[1]) > 0
    assert nat(snapshot) == []
    assert kinds(snapshot) == {}


@each_family
@each_protocol
def test_the_raw_channel_tells_it_in_the_report(path: Chain, family: Family, protocol: Protocol) -> None:
    with path.routers[REWRITES - 1].rewriting(stateless(path, family)):
        run = hopscope(
            path.source,
            path.target_address(family),
            f"--{protocol.value}",
            *("--channel", "raw", "-m", "json", "-C", "2", "-Q", str(TOS)),
            user=User.ROOT,
        )
    assert run.exit_code == 0, run
    report = run.report
    at_the_target = True if protocol is Protocol.UDP else None
    assert [hop["nat"] for hop in report["hops"]] == [False, False, True, True, at_the_target]
    assert [(one["kind"], one["ttl"], one["after_ttl"]) for one in report["findings"]] == [
        ("nat", REWRITES + 1, REWRITES)
    ]
    sources = [diff for hop in report["hops"] for diff in (hop["quoted"] or {"diff": []})["diff"]]
    told = [diff for diff in sources if diff["field"] == "source"]
    expected = {"field": "source", "sent": path.source_address(family), "quoted": ALIAS[family]}
    assert told == [expected] * len(told)
    assert len(told) == ROUTERS - REWRITES + (protocol is Protocol.UDP)
    assert [(hop["quoted"]["dscp"], hop["quoted"]["ecn"]) for hop in report["hops"][:ROUTERS]] == [
        (46, 2)
    ] * ROUTERS
