"""The simulated internet behind a TUN device of Linux: real sockets meet simulated routers.

    python -m tracer.sim.tun --scenario NAME --device tun0 [--seed N] [--ready-fd N] [--log FILE]

Run it as root inside a network namespace without an uplink, set up by ``setup_commands``. It answers every
packet that the kernel routes to the device, at its due time, until SIGTERM or SIGINT. The scenario's time
begins when the device is attached; a line on ``--ready-fd`` says so. ``--log`` gets one line of
JSON for each packet received and each answer sent, with times on CLOCK_MONOTONIC.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import fcntl
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from ipaddress import ip_address, ip_network
from itertools import count
from typing import BinaryIO

import msgspec

from tracer.errors import HopscopeError, LocalError, NotPermittedError, ScenarioError
from tracer.model import Address, Failure, FailureKind, Family
from tracer.sim.channel import SOURCE_ADDRESSES
from tracer.sim.internet import Internet
from tracer.sim.journey import Fate
from tracer.sim.load import load
from tracer.sim.path import phases
from tracer.sim.scenario import Scenario

NETWORKS = {
    Family.IPV4: ("198.18.0.0/15", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),
    Family.IPV6: ("2001:db8::/32",),
}
"""What is routed to the device: RFC 2544, RFC 5737, RFC 3849. Nobody on the real internet is in them."""

_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_BURST = 256
"""Packets read in a row before answers get their turn."""
_LARGEST = 65535
_SPIN_NS = 60_000
"""The timer rings this much early and the rest is waited out awake: a wake-up takes some 50 µs."""


class Schedule:
    """Answers by due time."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, bytes]] = []
        self._order = count()

    def add(self, due_ns: int, packet: bytes) -> None:
        """Queue an answer."""
        heappush(self._heap, (due_ns, next(self._order), packet))

    @property
    def next_ns(self) -> int | None:
        """When the next answer is due."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now_ns: int) -> Iterator[tuple[int, bytes]]:
        """The answers that are due, with their due times, earliest first."""
        while self._heap and self._heap[0][0] <= now_ns:
            due_ns, _, packet = heappop(self._heap)
            yield due_ns, packet


class Timer:
    """A timerfd on CLOCK_MONOTONIC; Python has none before 3.13."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self._checked(
            self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC), "timerfd_create"
        )
        self._set_ns: int | None = None

    def set(self, at_ns: int | None) -> None:
        """Become readable at this monotonic time, or never."""
        if at_ns == self._set_ns:
            return
        # All zeros stop the timer, so the start of time is one nanosecond late.
        seconds, nanoseconds = divmod(max(at_ns, 1), 10**9) if at_ns is not None else (0, 0)
        spec = struct.pack("@4q", 0, 0, seconds, nanoseconds)
        self._checked(self._libc.timerfd_settime(self.fd, 1, spec, None), "timerfd_settime")
        self._set_ns = at_ns

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)

    @staticmethod
    def _checked(result: int, call: str) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{call}: {os.strerror(number)}")
        return result


class PacketIn(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="in"):
    """Line of the log: a packet came from the kernel."""

    at_ns: int
    fate: Fate
    ttl: int | None
    responder: Address | None
    packet: bytes


class PacketOut(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="out"):
    """Line of the log: an answer was given to the kernel."""

    due_ns: int
    at_ns: int
    packet: bytes
    error: str | None
    """Name of the error number, where the kernel refused it."""


LogLine = PacketIn | PacketOut


class Attachment:
    """An ``Internet`` and the descriptor of the device it answers on."""

    def __init__(self, device: int, internet: Internet, log: BinaryIO | None) -> None:
        self._device = device
        self._internet = internet
        self._log = log
        self._schedule = Schedule()
        self._start_ns = time.monotonic_ns()

    def serve(self, stop: int) -> None:
        """Answer until the descriptor ``stop`` is readable. Raises OSError when the device goes away."""
        timer = Timer()
        with select.epoll() as poller:
            for fd in (self._device, timer.fd, stop):
                poller.register(fd, select.EPOLLIN)
            ready: set[int] = set()
            while stop not in ready:
                if self._device in ready:
                    self._answer_burst()
                self._send_due()
                ready = {fd for fd, _ in poller.poll(self._pause(timer))}
        timer.close()

    def _pause(self, timer: Timer) -> float:
        """Seconds to poll for: 0 just before an answer is due, else until the timer rings."""
        next_ns = self._schedule.next_ns
        if next_ns is not None and next_ns - time.monotonic_ns() <= _SPIN_NS:
            return 0
        timer.set(None if next_ns is None else next_ns - _SPIN_NS)
        if next_ns is None and self._log is not None:
            self._log.flush()
        return -1

    def _answer_burst(self) -> None:
        # All packets are taken, and stamped, before the first one is looked at: work on one must not delay
        # the arrival of the next.
        for at_ns, packet in list(self._waiting()):
            for delay_ns, answer in self._internet.respond(packet, at_ns - self._start_ns):
                self._schedule.add(at_ns + delay_ns, answer)
            record = self._internet.log[-1]
            self._write_log(
                PacketIn(
                    at_ns=at_ns,
                    fate=record.fate,
                    ttl=record.ttl,
                    responder=record.responder,
                    packet=packet,
                )
            )
            self._send_due()

    def _waiting(self) -> Iterator[tuple[int, bytes]]:
        for _ in range(_BURST):
            try:
                packet = os.read(self._device, _LARGEST)
            except BlockingIOError:
                return
            yield time.monotonic_ns(), packet

    def _send_due(self) -> None:
        for due_ns, packet in self._schedule.pop_due(time.monotonic_ns()):
            error = None
            try:
                os.write(self._device, packet)
            except OSError as failure:
                # The kernel refuses it while the device is down: lost, as on any other wire.
                error = errno.errorcode.get(failure.errno or 0, str(failure))
            self._write_log(PacketOut(due_ns=due_ns, at_ns=time.monotonic_ns(), packet=packet, error=error))

    def _write_log(self, line: LogLine) -> None:
        if self._log is not None:
            self._log.write(msgspec.json.encode(line) + b"\n")


def setup_commands(scenario: Scenario, device: str = "tun0") -> tuple[tuple[str, ...], ...]:
    """The commands that make a network namespace ready for ``--device``, to run in this order as root in it.

    They create the device, give it the source addresses and route ``NETWORKS`` to it. Raises ScenarioError
    for a scenario with an address outside them: probes to it would not come to the device.
    """
    networks = [ip_network(network) for family in Family for network in NETWORKS[family]]
    for phase in phases(scenario):
        for address in phase.path.positions:
            if not any(ip_address(address) in network for network in networks):
                raise ScenarioError(
                    f"{address} of the scenario {scenario.name} is not routed to a TUN device.",
                    f"Use addresses of {', '.join(str(network) for network in networks)}.",
                )
    commands = [
        "ip link set lo up",
        f"ip tuntap add dev {device} mode tun",
        f"ip link set {device} up",
        f"ip addr add {SOURCE_ADDRESSES[Family.IPV4]}/32 dev {device}",
        f"ip -6 addr add {SOURCE_ADDRESSES[Family.IPV6]}/128 dev {device} nodad",
        *(f"ip route add {network} dev {device}" for network in NETWORKS[Family.IPV4]),
        *(f"ip -6 route add {network} dev {device}" for network in NETWORKS[Family.IPV6]),
    ]
    return tuple(tuple(command.split()) for command in commands)


def attach(device: str) -> int:
    """A non-blocking descriptor of the TUN device, which is made if there is none.

    Raises NotPermittedError without CAP_NET_ADMIN, LocalError where there are no TUN devices.
    """
    request = struct.pack("16sH22x", device.encode(), _IFF_TUN | _IFF_NO_PI)
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(fd, _TUNSETIFF, request)
    except PermissionError as error:
        raise NotPermittedError(
            f"The device {device} cannot be attached: {error.strerror}.",
            "Run it as root inside a network namespace.",
        ) from error
    except OSError as error:
        failure = Failure(
            kind=FailureKind.OTHER,
            message=f"The device {device} cannot be attached: {error.strerror}.",
            remedy="Load the kernel module tun, and see that no other program holds the device.",
            errno=errno.errorcode.get(error.errno or 0),
        )
        raise LocalError(failure) from error
    return fd


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tracer.sim.tun", description="Answer on a TUN device.")
    parser.add_argument("--scenario", required=True, help="name of a shipped scenario, or path of a file")
    parser.add_argument("--device", default="tun0", help="TUN device, made if there is none")
    parser.add_argument("--seed", type=int, default=0, help="decides everything that is left to chance")
    parser.add_argument("--ready-fd", type=int, help="descriptor that gets a line once packets are answered")
    parser.add_argument("--log", type=argparse.FileType("wb"), help="file that gets a line for each packet")
    options = parser.parse_args(arguments)
    try:
        internet = Internet(load(options.scenario), options.seed, log_length=1)
        device = attach(options.device)
    except HopscopeError as error:
        sys.stderr.write(f"{error}\n")
        return _EXIT_CODES.get(type(error), 2)
    stop = _stop_descriptor()
    attachment = Attachment(device, internet, options.log)
    if options.ready_fd is not None:
        os.write(options.ready_fd, b"ready\n")
        os.close(options.ready_fd)
    try:
        attachment.serve(stop)
    finally:
        if options.log is not None:
            options.log.close()
    return 0


def _stop_descriptor() -> int:
    """A descriptor that becomes readable at SIGTERM or SIGINT."""
    readable, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writable)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return readable


_EXIT_CODES = {NotPermittedError: 3, LocalError: 5}

if __name__ == "__main__":
    sys.exit(main())
