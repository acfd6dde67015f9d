"""The channel with CAP_NET_RAW: every byte of a probe is ours, and every byte of an answer is read.

Whole packets leave one socket a family. ICMP comes back over one socket a family for all targets, direct
answers over one a protocol, each behind a filter of the kernel. See raw_sockets for what needs the privilege,
raw_filter for what wakes us, raw_ports for what is reserved, raw_source for where probes leave from.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Sequence

import msgspec

from tracer.errors import DecodeError, LocalError
from tracer.interfaces import (
    Clock,
    Malformed,
    NotSent,
    PortInUse,
    Received,
    SendProbe,
    SendResult,
    Sent,
    SourceMoved,
)
from tracer.model import (
    Address,
    ChannelInfo,
    ClockInfo,
    Family,
    Probe,
    Protocol,
    Route,
    StampClock,
    TraceId,
)
from tracer.net import binding
from tracer.net.failures import Phase, no_family
from tracer.net.raw_filter import Interest, answer_filters, icmp_filters
from tracer.net.raw_ports import SourcePorts
from tracer.net.raw_sockets import Datagram, Leaving, RawSockets, Receiver
from tracer.net.raw_source import SourceAddress
from tracer.net.watch import Watch
from tracer.net.whole_packets import is_about_us, judged
from tracer.wire.build import probe_packet
from tracer.wire.decode import Irrelevant, decode_reply
from tracer.wire.ip import PROTOCOL_NUMBERS, IpPacket

POLLS_AT_ONCE = 16
"""How often receive looks again after draining, before it lets the rest of the program run."""

ANSWERS_AT_ONCE = 256
"""It does not look again after so many: the queue keeps the rest."""


class RawChannel:
    """Implements interfaces.Channel over sockets that outlive it."""

    def __init__(self, clock: Clock, sockets: RawSockets, protocol: Protocol, reason: str) -> None:
        self._watch = Watch(clock)
        self._clock = clock
        self._sockets = sockets
        self._protocol = protocol
        self._reason = reason
        self._ports = SourcePorts()
        self._routes: dict[TraceId, Route] = {}
        self._sources: dict[TraceId, SourceAddress] = {}
        self._targets: dict[Address, Route] = {}
        self._listening: dict[int, Receiver] = {}

    @property
    def info(self) -> ChannelInfo:
        return ChannelInfo(name="raw", protocol=self._protocol, privileged=True, reason=self._reason)

    @property
    def clock_info(self) -> ClockInfo:
        return ClockInfo(tx=StampClock.KERNEL, rx=self._watch.rx_clock, note=self._watch.rx_note)

    def open_trace(self, route: Route) -> None:
        if route.family not in self._sockets.senders:
            raise LocalError(no_family(route.family))
        self._routes[route.trace] = route
        self._watch.network.watch(route)
        self._sources[route.trace] = SourceAddress(route)
        self._targets[route.target] = route
        self._ports.unfiltered.add(route.family)

    def close_trace(self, trace: TraceId) -> None:
        self._ports.close_trace(trace)
        self._sources.pop(trace, None)
        self._watch.network.forget(trace)
        route = self._routes.pop(trace, None)
        if route is None:
            return
        self._targets = {one.target: one for one in self._routes.values()}
        if any(one.family is route.family for one in self._routes.values()):
            self._ports.unfiltered.add(route.family)
        else:
            self._rest(route.family)

    def _rest(self, family: Family) -> None:
        for fileno, receiver in list(self._listening.items()):
            if receiver.family is family:
                self._watch.epoll.unregister(fileno)
                del self._listening[fileno]
                receiver.rest()

    def _filter(self, family: Family) -> None:
        """Tell the kernel which answers are ours, before the first one can come."""
        routes = [route for route in self._routes.values() if route.family is family]
        interest = Interest(
            protocols=frozenset(route.protocol for route in routes),
            targets=frozenset(route.target for route in routes),
            ports=self._ports.staying(family),
            port_blocks=self._ports.blocks(family),
            identifiers=self._ports.identifiers(family),
        )
        self._listen(family, Protocol.ICMP, icmp_filters(family, interest))
        for protocol in interest.protocols - {Protocol.ICMP}:
            self._listen(family, protocol, answer_filters(family, protocol, interest))
        self._ports.unfiltered.discard(family)

    def _listen(self, family: Family, protocol: Protocol, programs: Sequence[bytes]) -> None:
        receiver = self._sockets.receivers[family, protocol]
        receiver.admit(programs)
        if receiver.fileno() not in self._listening:
            self._listening[receiver.fileno()] = receiver
            self._watch.epoll.register(receiver.fileno(), select.EPOLLIN)

    def send(self, command: SendProbe) -> SendResult:
        probe = command.probe
        route = self._routes[probe.trace]
        port = self._ports.take(route, probe, lap_ends=command.lap_ends)
        if isinstance(port, (PortInUse, NotSent)):
            return port
        if route.family in self._ports.unfiltered:
            self._filter(route.family)
        from_port = msgspec.structs.replace(probe, source_port=port) if port != probe.source_port else probe
        result = self._leave(route, from_port)
        if isinstance(result, NotSent):
            self._ports.release(probe)
        return result

    def _leave(self, route: Route, probe: Probe) -> Sent | NotSent:
        """Send from the source that was known; if that fails, from where the route leads now."""
        source = self._sources[probe.trace]
        leaving = source.find(probe, self._clock.now_ns())
        if isinstance(leaving, NotSent):
            return leaving
        try:
            return self._hand_over(route.family, probe, leaving)
        except OSError as error:
            now = source.find(probe, self._clock.now_ns(), anew=True)
            if isinstance(now, NotSent):
                return now
            if now == leaving:
                return self._refused(route, probe, error)
        try:
            return self._hand_over(route.family, probe, now)
        except OSError as error:
            return self._refused(route, probe, error)

    def _hand_over(self, family: Family, probe: Probe, leaving: Leaving) -> Sent:
        """Raises OSError."""
        packet = probe_packet(probe, leaving.source)
        before = self._watch.clock.now()
        self._sockets.senders[family].send(packet, probe, leaving)
        return Sent(before, probe.source_port)

    @staticmethod
    def _refused(route: Route, probe: Probe, error: OSError) -> NotSent:
        result = binding.refusal(binding.attempt_of(route, probe, Phase.SEND), error)
        if isinstance(result, PortInUse):
            raise TypeError("a send never finds a port in use")
        return result

    def release(self, probe: Probe) -> None:
        self._ports.release(probe)

    def receive(self, now_ns: int) -> list[Received]:
        disturbance = self._watch.disturbance()
        answers: list[Received] = []
        for _ in range(POLLS_AT_ONCE):
            ready = self._watch.epoll.poll(0)
            if not ready:
                break
            for fileno, _ in ready:
                if (receiver := self._listening.get(fileno)) is not None:
                    answers.extend(self._answers(receiver))
                else:
                    self._watch.network.heard()
            if len(answers) >= ANSWERS_AT_ONCE:
                break
        # Read after the answers, told before them: the stamp of an answered probe is there by now.
        found: list[Received] = [*self._stamps(), *answers]
        drops = 0
        for receiver in self._listening.values():
            drops += receiver.take_drops()
        found = self._watch.told(found, drops, disturbance, self._routes.values())
        return [*found, *self._moved(now_ns), *self._watch.network.rerouted()]

    def _moved(self, now_ns: int) -> list[SourceMoved]:
        """What was known of a source is void: raw IPv4 sockets send from any address, ours or not."""
        moved = self._watch.network.moved(now_ns)
        for item in moved:
            route = self._routes[item.trace]
            if route.bind_source and item.source is not None:
                route = self._routes[item.trace] = msgspec.structs.replace(route, source=item.source)
            self._sources[item.trace] = SourceAddress(route)
        return moved

    def _stamps(self) -> Iterator[Received]:
        for sender in self._sockets.senders.values():
            yield from sender.stamps(self._watch.clock)

    def _answers(self, receiver: Receiver) -> Iterator[Received]:
        clock = self._watch.clock
        for datagram in receiver.datagrams():
            at_ns = datagram.ancillary.stamp_ns
            rx = clock.now() if at_ns is None else clock.stamp(at_ns)
            try:
                reply = decode_reply(_packet(receiver, datagram), rx)
            except DecodeError as error:
                yield Malformed(destination=None, reason=str(error), raw=datagram.data)
                continue
            if isinstance(reply, Irrelevant):
                continue
            if is_about_us(reply, receiver.family, self._targets, self._ports):
                yield judged(reply, self._targets)

    def deadline(self) -> int | None:
        return self._watch.network.deadline()

    def fileno(self) -> int | None:
        return self._watch.epoll.fileno()

    def close(self) -> None:
        for family in Family:
            self._rest(family)
        self._ports.close()
        self._routes.clear()
        for sender in self._sockets.senders.values():
            sender.forget()
        self._watch.close()


def _packet(receiver: Receiver, datagram: Datagram) -> bytes:
    """The packet that came in. Raises DecodeError.

    A raw IPv6 socket shows no header: it is put together from what the kernel tells beside the packet. The
    flow label and extension headers are not among it.
    """
    if receiver.family is Family.IPV4:
        return datagram.data
    if datagram.destination is None or datagram.ancillary.ttl is None:
        raise DecodeError("ipv6", 0, "the kernel told neither its destination nor its hop limit")
    return IpPacket(
        source=datagram.source,
        destination=datagram.destination,
        ttl=datagram.ancillary.ttl,
        tos=datagram.ancillary.tos or 0,
        protocol=PROTOCOL_NUMBERS[Family.IPV6][receiver.protocol],
        payload=datagram.data,
    ).encode()
