"""What is said before the first probe, and how little it costs."""

from __future__ import annotations

import time

import pytest

from tests.lab.labkit.fault_notes import FaultNotes
from tracer.config import ProtocolChoice, TraceConfig
from tracer.model import Protocol
from tracer.net.needs import Needs, needs_of
from tracer.net.preflight import Glance, glance, preflight, warnings

WELL = Glance(ports=28_232, ports_held=40, open_files_limit=1024, open_files=12)
TCP = needs_of(TraceConfig(protocol=ProtocolChoice.TCP), 4)


def test_a_host_in_order_is_told_nothing() -> None:
    assert list(warnings(WELL, TCP)) == []


@pytest.mark.fault("few ports or descriptors at the start", "says so before the first probe, goes on")
@pytest.mark.parametrize(
    ("seen", "word"),
    [
        ({"ports": 100}, "ip_local_port_range"),
        ({"ports_held": 28_200}, "--doctor"),
        ({"open_files_limit": 100}, "ulimit -n"),
        ({"open_files": 1_000}, "ulimit -n"),
    ],
)
def test_what_is_short_is_one_sentence_with_its_remedy(
    seen: dict[str, int], word: str, notes: FaultNotes
) -> None:
    fields = {field: getattr(WELL, field) for field in WELL.__struct_fields__}
    [warning] = warnings(Glance(**{**fields, **seen}), TCP)
    assert word in warning
    assert warning.endswith(".")
    assert "\n" not in warning
    notes.says("stderr", warning)


@pytest.mark.parametrize("protocol", Protocol)
def test_it_costs_no_time_anybody_notices(protocol: Protocol) -> None:
    """The processor's own time, and the best of some: the machine may be busy."""
    config = TraceConfig(protocol=ProtocolChoice(protocol.value))
    spent = []
    for _ in range(20):
        begun = time.process_time_ns()
        preflight(config, protocol, 1)
        spent.append(time.process_time_ns() - begun)
    assert min(spent) < 2_000_000


def test_a_glance_sees_this_process() -> None:
    seen = glance(Protocol.UDP)
    assert 3 <= seen.open_files < seen.open_files_limit
    assert seen.ports > 0


@pytest.mark.parametrize(
    ("options", "ports"),
    [
        ({"protocol": ProtocolChoice.TCP}, 2 * 24),
        ({"protocol": ProtocolChoice.TCP, "source_port": 5000}, 1),
        ({"protocol": ProtocolChoice.UDP}, 1),
        ({"protocol": ProtocolChoice.UDP, "target_port": 53}, 2 * 24),
        ({"protocol": ProtocolChoice.ICMP}, 1),
    ],
)
def test_ports_are_needed_where_each_probe_has_its_own(options: dict[str, object], ports: int) -> None:
    needs: Needs = needs_of(TraceConfig(**options), 1)  # type: ignore[arg-type] # a table of options
    assert needs.ports == ports
