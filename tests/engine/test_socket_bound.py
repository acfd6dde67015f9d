"""Where each probe has a socket of its own, silence must not pile them up."""

from __future__ import annotations

from tests.engine.engine_driver import Driven
from tracer.config import MS, SECOND, ProtocolChoice
from tracer.events import ProbeLost


def test_lost_probes_keep_at_most_a_window_of_sockets_beside_those_outstanding() -> None:
    window = 8
    run = Driven(
        protocol=ProtocolChoice.TCP,
        report_cycles=60,
        max_inflight=window,
        min_round_duration_ns=100 * MS,
        max_round_duration_ns=100 * MS,
        timeout_ns=SECOND,
    )
    most_lost = 0
    for now in range(0, 6 * SECOND, 10 * MS):
        run.tick(now)
        released = {probe.sequence for probe in run.released}
        timed_out = [event.sequence for event in run.told(ProbeLost)]
        most_lost = max(most_lost, sum(1 for sequence in timed_out if sequence not in released))
    assert len(run.sent) > 10 * window, "silence went on for long enough to tell"
    assert most_lost <= window
