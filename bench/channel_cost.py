"""What a probe costs each channel: ``python -m bench.channel_cost [PROBES]``. Needs root.

Bursts of one probe to each of ten routers and the target, sent and read back over a path of kernel routers;
the CPU time of this process, kernel work on its behalf included, divided by the probes, best of three. Prints
a table; judges nothing.
"""

from __future__ import annotations

import select
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from tests.lab.labkit.chain import SOURCE_DEVICE, Chain, chain
from tests.lab.labkit.families import Family as LabFamily
from tests.net.loopback import probe, route
from tracer.clock import SystemClock
from tracer.interfaces import Channel, SendProbe, Sent
from tracer.model import Address, Family, PortPlanKind, Protocol, Reply, Route, SourceInfo, Ttl
from tracer.net.errqueue import ErrqueueChannel
from tracer.net.raw import RawChannel
from tracer.net.raw_sockets import RawSockets

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTERS = 10
FIRST_PORT = 20_000
MOST_PORTS = 8_000
PROBES = 11_000


def cpu_us(path: Chain, of: Route, opened: Callable[[SystemClock], Channel], probes: int) -> float:
    """CPU microseconds a probe, over so many probes in bursts."""
    clock = SystemClock()
    with path.source.entered():
        channel = opened(clock)
        channel.open_trace(of)
        begun, answered = time.process_time(), 0
        for first in range(0, probes, ROUTERS + 1):
            answered += _burst(channel, clock, of, first)
        spent = time.process_time() - begun
        channel.close()
    return spent / answered * 1e6


def _burst(channel: Channel, clock: SystemClock, of: Route, first: int) -> int:
    """Send one probe a TTL, read until all are answered, release all."""
    sent = []
    for ttl in range(1, ROUTERS + 2):
        number = first + ttl
        asked = msgspec.structs.replace(
            probe(of, 80 if of.protocol is Protocol.TCP else 33434 + number % 100, number & 0xFFFF),
            ttl=Ttl(ttl),
            source_port=FIRST_PORT + number % MOST_PORTS if of.protocol is Protocol.TCP else 0,
        )
        result = channel.send(SendProbe(asked))
        if isinstance(result, Sent):
            sent.append(msgspec.structs.replace(asked, source_port=result.source_port))
    waiting = select.poll()
    waiting.register(channel.fileno() or -1, select.POLLIN)
    answers = 0
    while answers < len(sent) and waiting.poll(1000):
        answers += sum(isinstance(item, Reply) for item in channel.receive(clock.now_ns()))
    for one in sent:
        channel.release(one)
    return answers


def main(probes: int) -> None:
    """Measure and print."""
    print(f"{'CPU per probe, ' + str(probes) + ' probes':34} {'errqueue':>9} {'raw':>9}")
    with chain(ROUTERS) as path, path.source.sysctls({"net.ipv4.ping_group_range": "0 65534"}):
        for family in LabFamily:
            for protocol in Protocol:
                plan = PortPlanKind.FIXED_TARGET if protocol is Protocol.TCP else PortPlanKind.FIXED_SOURCE
                of = route(
                    Family(family.value),
                    protocol,
                    target=Address(path.target_address(family)),
                    source=SourceInfo(Address(path.source_address(family)), SOURCE_DEVICE),
                    plan=plan,
                )

                def errqueue(clock: SystemClock, protocol: Protocol = protocol) -> Channel:
                    return ErrqueueChannel(clock, protocol, "measured")

                def raw(clock: SystemClock, protocol: Protocol = protocol) -> Channel:
                    return RawChannel(clock, RawSockets(), protocol, "measured")

                costs = [
                    min(cpu_us(path, of, opened, probes) for _ in range(3)) for opened in (errqueue, raw)
                ]
                print(f"{protocol} over {family.value:26} {costs[0]:6.0f} µs {costs[1]:6.0f} µs", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PROBES)
