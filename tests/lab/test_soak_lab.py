"""The soak on the kernel lab in small, and what it calls unexplained."""

from __future__ import annotations

import json
import struct
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from soak.lab import Minute, Seen, Told, run
from soak.sizes import SMOKE
from tests.lab.labkit.capture import Captured

if TYPE_CHECKING:
    from subprocess import Popen

HEADER = {"event": "trace_started", "started_at": "2026-01-01T00:00:00.000000Z", "at_ns": 0}
START_S = 1767225600
PROBE = {"round": 0, "sequence": 5, "source_port": 40000, "target_port": 33434, "target": "198.18.2.2"}
SENT = {"event": "probe_sent", "tx": {"ns": 0}, **PROBE}


def ip(source: bytes, destination: bytes, protocol: int, body: bytes) -> bytes:
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, protocol, 0, source, destination) + body


HERE, ROUTER, THERE = bytes([198, 18, 0, 1]), bytes([198, 18, 0, 2]), bytes([198, 18, 2, 2])
LEFT = ip(HERE, THERE, 17, struct.pack("!HHHH", 40000, 33434, 8, 0))
ANSWER = ip(ROUTER, HERE, 1, struct.pack("!BBHI", 11, 0, 0, 0) + LEFT)


def judged(events: list[dict[str, Any]], packets: list[tuple[bool, bytes]]) -> Minute:
    told, seen, minute = Told("udp", cast("Popen[str]", SimpleNamespace())), Seen(), Minute()
    seen.take([Captured(START_S * 10**9, outgoing, packet) for outgoing, packet in packets], minute)
    for event in events:
        told.enter(json.loads(json.dumps(event)), minute)
    told.judge(seen, minute, everything=True)
    return minute


def test_a_loss_is_explained_by_what_the_capture_did_not_see() -> None:
    lost = [HEADER, SENT, {"event": "probe_lost", **PROBE}]
    assert judged(lost, []).count["never left"] == 1
    assert judged(lost, [(True, LEFT)]).count["never answered"] == 1
    assert judged(lost, [(True, LEFT)]).unexplained == []


def test_a_loss_whose_answer_came_is_unexplained_unless_it_is_told_late() -> None:
    both = [(True, LEFT), (False, ANSWER)]
    lost = [HEADER, SENT, {"event": "probe_lost", **PROBE}]
    assert len(judged(lost, both).unexplained) == 1
    assert judged([*lost, {"event": "late", **PROBE}], both).unexplained == []


def test_an_answer_nobody_saw_is_unexplained() -> None:
    replied = [HEADER, SENT, {"event": "reply", **PROBE}]
    assert judged(replied, [(True, LEFT), (False, ANSWER)]).unexplained == []
    assert len(judged(replied, [(True, LEFT)]).unexplained) == 1


def test_a_few_seconds_on_the_lab_lose_nothing_unexplained() -> None:
    minute = run(SMOKE)
    assert minute.unexplained == []
    assert minute.count["left"] == minute.count["probe_sent"] > 100
    assert minute.count["came"] == minute.count["reply"] > 100
