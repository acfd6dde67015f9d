"""Flows from real sockets over the simulated internet: the scenario's own hash says where each has to go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Raw

from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import hopscope
from tests.lab.labkit.tun import TunLab, tun_lab
from tracer import ndjson
from tracer.events import ReplyReceived
from tracer.model import Address, Protocol, ReplyKind
from tracer.report.fold import Fold
from tracer.report.json import render
from tracer.sim.path import flow_key, phases, router

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracer.events import Event

ECMP = Path(__file__).parents[1] / "scenarios" / "ecmp.toml"
FLOWS = 16
SIZE = 84
EACH = [
    ("icmp-unprivileged", User.NOBODY, ["--icmp", "-R", "paris"], Protocol.ICMP),
    ("icmp", User.ROOT, ["--icmp", "-R", "paris"], Protocol.ICMP),
    ("udp", User.ROOT, ["--udp", "-R", "paris"], Protocol.UDP),
    ("udp-dublin", User.ROOT, ["--udp", "-R", "dublin"], Protocol.UDP),
    ("tcp", User.ROOT, ["--tcp", "-R", "paris"], Protocol.TCP),
]


@pytest.fixture(scope="module")
def ecmp() -> Iterator[TunLab]:
    with tun_lab(str(ECMP)) as lab:
        yield lab


def word_of(events: Sequence[Event]) -> bytes:
    """Four bytes that nobody can guess, behind the two that compensate the sequence: from an echo reply."""
    header = {True: 48, False: 28}
    return next(
        event.reply_bytes[header[":" in event.responder] - SIZE :][2:6]
        for event in events
        if isinstance(event, ReplyReceived) and event.kind is ReplyKind.ECHO_REPLY and event.reply_bytes
    )


def first_four_bytes(flow: dict[str, Any], source: str, target: str, word: bytes) -> bytes:
    """What a load balancer sees of a flow behind the IP header; the checksum of an echo is Scapy's."""
    if flow["dport"]:
        return bytes.fromhex(f"{flow['sport']:04x}{flow['dport']:04x}")
    opposite_of_sequence_1 = Raw(b"\xff\xfe" + word + bytes(SIZE))
    if ":" in target:
        payload = bytes(opposite_of_sequence_1)[: SIZE - 48]
        echo = IPv6(src=source, dst=target) / ICMPv6EchoRequest(id=flow["sport"], seq=1, data=payload)
        return bytes(echo)[40:44]
    payload = bytes(opposite_of_sequence_1)[: SIZE - 28]
    return bytes(IP(src=source, dst=target) / ICMP(id=flow["sport"], seq=1) / payload)[20:24]


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize(
    ("user", "options", "protocol"), [one[1:] for one in EACH], ids=[one[0] for one in EACH]
)
def test_each_flow_goes_where_the_scenarios_hash_sends_it(
    ecmp: TunLab, family: Family, user: User, options: list[str], protocol: Protocol
) -> None:
    target = ecmp.target_address(family)
    run = hopscope(
        ecmp.namespace, target, *options, *("--flows", str(FLOWS), "-m", "stream", "-C", "2"), user=user
    )
    assert run.exit_code == 0, run
    events = [ndjson.decode(line.encode()) for line in run.stdout.splitlines()]
    fold = Fold()
    fold.apply(events)
    (report,) = json.loads(f"[{render(fold.reports()).decode()}]")
    word = word_of(events) if protocol is Protocol.ICMP else b""
    path = phases(ecmp.scenario)[0].path
    source = report["source"]["address"]
    assert len(report["flows"]) == FLOWS
    for flow in report["flows"]:
        hashed = first_four_bytes(flow, source, target, word)
        numbers = (int.from_bytes(hashed[:2], "big"), int.from_bytes(hashed[2:], "big"))
        key = flow_key(Address(source), Address(target), protocol, *numbers)
        assert flow["path"] == [*(router(path, ttl, key) for ttl in range(1, 7)), target]
    assert len({tuple(flow["path"]) for flow in report["flows"]}) > 3
    assert report["health"]["foreign"] == 0


@pytest.mark.parametrize(
    "options", [["--udp", "-R", "paris"], ["--tcp", "-R", "paris"], ["--udp", "-R", "dublin"]]
)
def test_without_privileges_a_constant_flow_over_ports_is_refused_before_anything_is_sent(
    ecmp: TunLab, options: list[str]
) -> None:
    run = hopscope(ecmp.namespace, ecmp.target_address(Family.IPV4), *options, "-m", "json")
    assert run.exit_code == 3, run
    assert "needs raw sockets" in run.stderr
    assert "--icmp -R paris" in run.stderr
    assert run.stdout == ""
