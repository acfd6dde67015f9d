"""Kernel stamps on the session's clock: steps of the wall clock, disturbed readings, frames, warm-up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from tracer.model import Stamp, StampClock
from tracer.net import linux, timestamps
from tracer.net.timestamps import (
    READINGS,
    STEP_NS,
    TIGHT_NS,
    KernelClock,
    StampingHeld,
    packet_in,
    transmit_flags,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scapy.packet import Packet

HOUR_NS = 3_600_000_000_000
EPOCH_NS = 1_800_000_000_000_000_000


class TwoClocks:
    """A session clock and a wall clock that a test sets; every reading of the first takes ``reading_ns``."""

    def __init__(self) -> None:
        self.session_ns = 1_000
        self.ahead_ns = EPOCH_NS
        self.reading_ns = 100
        self.readings = 0

    def now_ns(self) -> int:
        self.readings += 1
        self.session_ns += self.reading_ns
        return self.session_ns

    def realtime_ns(self) -> int:
        return self.session_ns + self.reading_ns // 2 + self.ahead_ns

    def utc(self) -> str:
        raise AssertionError("nobody asks for the date")

    async def wait(self, deadline_ns: int | None, fileno: int | None) -> None:
        raise AssertionError(f"nobody waits for {deadline_ns} or {fileno}")

    def wake(self) -> None:
        raise AssertionError("nobody wakes")


@pytest.fixture
def clocks() -> TwoClocks:
    return TwoClocks()


@pytest.fixture
def kernel_clock(clocks: TwoClocks) -> KernelClock:
    return KernelClock(clocks, clocks.realtime_ns)


def test_a_kernel_stamp_is_moved_onto_the_session(kernel_clock: KernelClock) -> None:
    assert kernel_clock.stamp(EPOCH_NS + 5_000) == Stamp(5_000, StampClock.KERNEL)


def test_what_this_process_sees_is_marked_as_such(kernel_clock: KernelClock, clocks: TwoClocks) -> None:
    assert kernel_clock.now() == Stamp(clocks.session_ns, StampClock.USER)


def test_two_stamps_differ_by_exactly_what_the_kernel_saw(
    kernel_clock: KernelClock, clocks: TwoClocks
) -> None:
    """No reading of a clock enters a round-trip time, though the clocks are read in between."""
    sent = kernel_clock.stamp(EPOCH_NS + 1_000_000)
    clocks.ahead_ns += STEP_NS - 1
    assert not kernel_clock.stepped()
    assert kernel_clock.stamp(EPOCH_NS + 1_000_113).ns - sent.ns == 113


@pytest.mark.fault(
    "wall clock stepped by an hour", "takes the stamps of that batch itself (`health.clock_steps`)"
)
@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS, STEP_NS + 1, -STEP_NS - 1])
def test_a_step_is_noticed_once_and_later_stamps_follow_it(
    kernel_clock: KernelClock, clocks: TwoClocks, step_ns: int
) -> None:
    clocks.ahead_ns += step_ns
    assert kernel_clock.stepped()
    assert not kernel_clock.stepped()
    assert kernel_clock.stamp(EPOCH_NS + step_ns + 7_000).ns == 7_000


@pytest.mark.parametrize("noise_ns", [0, 300, -300, STEP_NS, -STEP_NS])
def test_noise_is_no_step_and_changes_nothing(
    kernel_clock: KernelClock, clocks: TwoClocks, noise_ns: int
) -> None:
    clocks.ahead_ns += noise_ns
    assert not kernel_clock.stepped()
    assert kernel_clock.stamp(EPOCH_NS + 7_000).ns == 7_000


def test_small_changes_add_up_to_a_step(kernel_clock: KernelClock, clocks: TwoClocks) -> None:
    """Slewing moves both clocks alike; a difference that creeps is followed before stamps are 0.1 ms off."""
    steps = 0
    for _ in range(10):
        clocks.ahead_ns += STEP_NS // 2
        steps += kernel_clock.stepped()
    assert steps == 3
    assert abs(kernel_clock.stamp(clocks.ahead_ns).ns) <= STEP_NS


def test_a_disturbed_reading_is_never_believed(kernel_clock: KernelClock, clocks: TwoClocks) -> None:
    clocks.reading_ns = TIGHT_NS + 1
    clocks.ahead_ns += HOUR_NS
    before = clocks.readings
    assert not kernel_clock.stepped()
    assert clocks.readings - before == 2 * READINGS, "it tries again, and gives up"
    clocks.reading_ns = 100
    assert kernel_clock.stepped(), "the next quiet moment tells"


def test_a_clock_that_is_always_disturbed_still_has_a_difference(clocks: TwoClocks) -> None:
    clocks.reading_ns = TIGHT_NS * 20
    found = KernelClock(clocks, clocks.realtime_ns).stamp(EPOCH_NS)
    assert abs(found.ns) <= clocks.reading_ns


def test_the_kernels_own_measurement_counts_as_the_kernels() -> None:
    assert KernelClock.kernel_moment(42) == Stamp(42, StampClock.KERNEL)


PACKETS = {
    "udp4": IP(src="192.0.2.1", dst="198.51.100.1") / UDP(sport=1, dport=2) / Raw(b"abc"),
    "ping4": IP(src="192.0.2.1", dst="198.51.100.1") / ICMP(),
    "udp6": IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=1, dport=2),
    "ping6": IPv6(src="2001:db8::1", dst="2001:db8::2") / ICMPv6EchoRequest(data=b"x" * 20),
}
LINKS: dict[str, tuple[Packet, ...]] = {
    "tun": (),
    "ethernet": (Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02"),),
    "vlan": (Ether(src="02:00:00:00:00:01", dst="45:00:00:00:00:02"), Dot1Q(vlan=7)),
}


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("packet", PACKETS)
def test_the_packet_is_found_behind_every_link_header(link: str, packet: str) -> None:
    wanted = bytes(PACKETS[packet])
    frame = PACKETS[packet]
    for header in reversed(LINKS[link]):
        frame = header / frame
    assert packet_in(bytes(frame)) == wanted


@pytest.mark.parametrize("packet", PACKETS)
def test_a_frame_cut_short_holds_no_packet(packet: str) -> None:
    assert packet_in(bytes(Ether() / PACKETS[packet])[:-1]) is None


@given(st.binary(max_size=80))
def test_any_bytes_hold_a_whole_packet_or_none(frame: bytes) -> None:
    found = packet_in(frame)
    assert found is None or (frame.endswith(found) and found[0] >> 4 in (4, 6))


def test_stamping_is_held_on_loopback_until_it_is_let_go() -> None:
    held = StampingHeld()
    try:
        assert held.works
        assert held._socket.fileno() >= 0
    finally:
        held.close()
    assert held._socket.fileno() == -1


def test_a_host_that_never_stamps_is_given_up_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: Iterable[float] = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: next(iter(ticks)) * 0.004)
    monkeypatch.setattr(timestamps, "RECEIVE_FLAGS", 0)
    held = StampingHeld()
    held.close()
    assert not held.works


@pytest.mark.parametrize(("shown", "counts"), [("1", False), ("0", True)])
def test_send_stamps_are_counted_only_where_frames_are_hidden(
    monkeypatch: pytest.MonkeyPatch, shown: str, *, counts: bool
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"{shown}\n")
    flags = transmit_flags()
    assert bool(flags & linux.OPT_TSONLY) is counts
    assert flags & linux.TX_SOFTWARE
    assert flags & linux.RX_SOFTWARE
    assert flags & linux.OPT_ID


@pytest.mark.fault("machine suspended", "fails what was under way, counts no loss and no step of the clock")
@pytest.mark.parametrize("slept_ns", [8_000_000_000, HOUR_NS])
def test_a_suspended_machine_is_told_from_a_stepped_clock(clocks: TwoClocks, slept_ns: int) -> None:
    """Suspended, the boot clock and the wall clock go on and the monotonic one does not."""
    asleep = 0

    def boottime_ns() -> int:
        return clocks.session_ns + clocks.reading_ns // 2 + asleep

    watching = KernelClock(clocks, clocks.realtime_ns, boottime_ns)
    assert watching.slept_ns() == 0
    asleep += slept_ns
    clocks.ahead_ns += slept_ns
    assert abs(watching.slept_ns() - slept_ns) <= TIGHT_NS
    assert not watching.stepped()
    assert watching.slept_ns() == 0
    clocks.ahead_ns += HOUR_NS
    assert watching.slept_ns() == 0
    assert watching.stepped()
