"""What a new probe says: its number, and everything the trace, its flow and its ports give it."""

from __future__ import annotations

from tracer.engine.lane import Lane
from tracer.engine.matching import ProbeMemory
from tracer.engine.ports import Ports
from tracer.engine.spec import TraceSpec
from tracer.model import PacketShape, Probe, Sequence, Strategy, Ttl


class Drafting:
    """Numbers the probes of a trace; no number is given twice while its probe can be answered."""

    def __init__(self, spec: TraceSpec, strategy: Strategy, memory: ProbeMemory) -> None:
        self._spec = spec
        self._strategy = strategy
        self._memory = memory
        self._next_sequence = spec.first_sequence

    def probe(self, lane: Lane, ttl: Ttl, shape: PacketShape, ports: Ports) -> Probe:
        """The next probe of a flow."""
        spec = self._spec
        return Probe(
            trace=spec.trace,
            target=spec.target,
            protocol=spec.protocol,
            round=lane.round.id,
            ttl=ttl,
            flow=lane.flow,
            sequence=self._take_sequence(),
            source_port=ports.source,
            target_port=ports.target,
            shape=shape,
            strategy=self._strategy,
            mark=ports.mark,
        )

    def _take_sequence(self) -> Sequence:
        while True:
            sequence = Sequence(self._next_sequence)
            self._next_sequence = (self._next_sequence + 1) & 0xFFFF
            if not self._memory.knows(sequence):
                return sequence
