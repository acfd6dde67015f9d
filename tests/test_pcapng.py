"""Captures are read back by Scapy, which knows nothing of how they were written."""

from __future__ import annotations

import errno
import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.utils import PcapNgReader

import tracer
from tracer.errors import RecordingError
from tracer.events import SizeProbed
from tracer.model import Stamp, StampClock
from tracer.pcapng import CaptureWriter

PROBE = re.compile(r"^probe (\d+) of round (\d+) → hop (\d+)")
ANSWER = re.compile(r"answer to probe (\d+) of round (\d+) → hop (\d+): .*?([\d.]+) ms")


async def traced(path: Path, **options: Any) -> list[tracer.Event]:
    """Two rounds through the simulated wan, written to ``path``; returns what happened."""
    config = tracer.TraceConfig(report_cycles=2, **options)
    writer = CaptureWriter(path)
    async with tracer.trace(sim="wan", config=config, clock=tracer.VirtualClock()) as trace:
        events = [event async for event in trace]
    writer.write(events)
    writer.close()
    assert writer.failure is None
    return events


def packets(path: Path) -> list[tuple[Any, str]]:
    with PcapNgReader(str(path)) as reader:
        return [(packet, packet.comment.decode()) for packet in reader]


@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
async def test_every_probe_and_answer_is_in_the_file_with_what_became_of_it(
    tmp_path: Path, protocol: str, family: str
) -> None:
    path = tmp_path / "trace.pcapng"
    choices = {"protocol": tracer.ProtocolChoice(protocol), "addr_family": tracer.AddressFamily(family)}
    events = await traced(path, **choices)
    written = packets(path)
    told = Counter(type(event).__name__ for event in events)
    probes = [packet for packet, comment in written if PROBE.match(comment)]
    answers = [packet for packet, comment in written if ANSWER.search(comment)]
    assert len(probes) == told["ProbeSent"] == told["ReplyReceived"] + told["ProbeLost"]
    assert len(answers) == told["ReplyReceived"] + told["LateReply"] + told["DuplicateReply"]
    layer = {"ipv4": IP, "ipv6": IPv6}[family]
    transport = {"icmp": ICMP if family == "ipv4" else IPv6, "udp": UDP, "tcp": TCP}[protocol]
    assert all(probe.haslayer(layer) and probe.haslayer(transport) for probe in probes)


async def test_the_stamps_of_probe_and_answer_are_a_round_trip_time_apart(tmp_path: Path) -> None:
    path = tmp_path / "trace.pcapng"
    await traced(path)
    left = {}
    compared = 0
    for packet, comment in packets(path):
        if probe := PROBE.match(comment):
            left[probe[1], probe[2]] = packet.time
        elif answer := ANSWER.search(comment):
            apart_ns = round((packet.time - left[answer[1], answer[2]]) * 1_000_000_000)
            assert apart_ns == round(float(answer[4]) * 1_000_000)
            compared += 1
    assert compared > 20


async def test_a_probe_shows_the_ttl_it_left_with(tmp_path: Path) -> None:
    path = tmp_path / "trace.pcapng"
    await traced(path)
    for packet, comment in packets(path):
        if probe := PROBE.match(comment):
            assert packet[IP].ttl == int(probe[3])


async def test_lost_probes_say_so_and_have_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "trace.pcapng"
    events = await traced(path)
    lost = {str(event.sequence) for event in events if isinstance(event, tracer.ProbeLost)}
    said = {PROBE.match(comment)[1] for _, comment in packets(path) if ", lost: " in comment}  # type: ignore[index]  # all of them match
    assert said == lost
    assert lost


def rewritten(path: Path, events: list[tracer.Event], **fields: Any) -> list[tuple[Any, str]]:
    """The capture of these answers where they had other fields."""
    writer = CaptureWriter(path)
    writer.write(events[:1])
    for event in events:
        if isinstance(event, tracer.ReplyReceived):
            writer.write([msgspec.structs.replace(event, **fields)])
    writer.close()
    return packets(path)


async def test_a_stamp_of_this_process_is_marked(tmp_path: Path) -> None:
    events = await traced(tmp_path / "kernel.pcapng")
    written = rewritten(tmp_path / "user.pcapng", events, rx=Stamp(0, StampClock.USER))
    marked = [comment.endswith("(stamped by this process)") for _, comment in written]
    assert marked == [ANSWER.search(comment) is not None for _, comment in written]
    assert any(marked)


@pytest.mark.parametrize("seen", [b"", b"E", b"E" * 19, b"`" * 30, bytes(28) + b"payload", b"E" * 84])
async def test_an_answer_that_was_seen_in_part_is_left_out(tmp_path: Path, seen: bytes) -> None:
    events = await traced(tmp_path / "whole.pcapng")
    written = rewritten(tmp_path / "part.pcapng", events, reply_bytes=seen)
    assert written
    assert all(PROBE.match(comment) for _, comment in written)


async def test_a_full_disk_ends_the_capture_and_not_the_trace(tmp_path: Path) -> None:
    events = await traced(tmp_path / "trace.pcapng")
    full = CaptureWriter(Path("/dev/full"))
    for _ in range(2):
        full.write(events)
    full.close()
    assert full.failure is not None
    assert full.failure.errno == errno.ENOSPC


def test_a_file_that_cannot_be_made_is_told_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be written"):
        CaptureWriter(tmp_path)


async def test_probes_for_mtus_are_there_with_their_sizes_and_what_came_of_them(tmp_path: Path) -> None:
    path = tmp_path / "trace.pcapng"
    events = await traced(path, mtu=True)
    sized = [event for event in events if isinstance(event, SizeProbed) and event.tx is not None]
    assert sized
    found = [(len(packet), comment) for packet, comment in packets(path) if " bytes → hop " in comment]
    for event in sized:
        name = f"probe {event.sequence} of {event.size} bytes → hop {event.ttl}"
        assert (event.size, f"{name}: {event.outcome}") in found
        assert f"answer to {name}: {event.outcome}" in {comment for _, comment in found}
