"""``--mtu`` over simulated internets, in virtual time: what is found, when, and what it leaves alone."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.session_driver import Run, simulation
from tracer.config import MS, SECOND, AddressFamily, ProtocolChoice, TraceConfig
from tracer.errors import ConfigError
from tracer.events import PathMtuFound, ProbeSent, SizeProbed
from tracer.interfaces import NotSent, SendProbe
from tracer.model import Failure, FailureKind, PathMtu, SizeOutcome, Strategy
from tracer.report.document import Report
from tracer.sim.scenario import derived

PLAIN = 'addresses = ["198.18.{ttl}.1"]\nrtt = "{ttl}ms"\n'


def scenario(folder: Path, *hops: str, target: str = "", top: str = "") -> Path:
    """As many hops as there are texts, each with these properties beside address and time."""
    text = f'name = "sizes"\n{top}\n'
    for ttl, properties in enumerate(hops, 1):
        text += f"[[hop]]\n{PLAIN.format(ttl=ttl)}{properties}\n"
    text += f'[target]\naddresses = ["203.0.113.9"]\nrtt = "{len(hops) + 1}ms"\n{target}\n'
    path = folder / "sizes.toml"
    path.write_text(text)
    return path


def traced(where: str | Path, **options: Any) -> Run:
    return asyncio.run(simulation(where, mtu=True, **{"report_cycles": 10, **options}).to_its_end())


def found(run: Run) -> PathMtu:
    path_mtu = run.report.path_mtu
    assert path_mtu is not None
    return path_mtu


def mtus(report: Report) -> list[int | None]:
    return [hop.mtu for hop in report.hops]


def steps(path_mtu: PathMtu) -> list[tuple[int, int, int, str | None]]:
    return [(step.ttl, step.before, step.mtu, step.reported_by) for step in path_mtu.lowered_at]


BOTH = pytest.mark.parametrize("family", [AddressFamily.IPV4, AddressFamily.IPV6])
EACH = pytest.mark.parametrize("protocol", [ProtocolChoice.ICMP, ProtocolChoice.UDP])
STAIRS = ("", "mtu = 1480", "", "", "mtu = 1400", "", "mtu = 1300", "")


@BOTH
@EACH
def test_every_step_is_at_its_hop_with_its_size_and_who_says_so(
    tmp_path: Path, family: AddressFamily, protocol: ProtocolChoice
) -> None:
    run = traced(scenario(tmp_path, *STAIRS), addr_family=family, protocol=protocol)
    result = found(run)

    def who(ttl: int) -> str:
        address = f"198.18.{ttl}.1"
        return derived(address) if family is AddressFamily.IPV6 else address  # type: ignore[arg-type]

    assert steps(result) == [(2, 1500, 1480, who(2)), (5, 1480, 1400, who(5)), (7, 1400, 1300, who(7))]
    assert (result.mtu, result.ttl, result.to_target, result.link_mtu) == (1300, 9, True, 1500)
    assert (result.settled, result.black_hole) == (True, None)
    assert mtus(run.report) == [1500, 1480, 1480, 1480, 1400, 1400, 1300, 1300, 1300]


def test_the_ordinary_numbers_are_those_of_a_trace_without_it(tmp_path: Path) -> None:
    """Same probes, same answers, same losses: sizes are in no number of a hop."""
    where = scenario(tmp_path, "", "mtu = 1400", 'mtu = 1300\ntoo_big = "drop"', "")
    with_sizes = traced(where).report
    without = asyncio.run(simulation(where, report_cycles=10).to_its_end()).report
    for hop, plain in zip(with_sizes.hops, without.hops, strict=True):
        assert (hop.sent, hop.received, hop.lost, hop.failed, hop.duplicates) == (10, 10, 0, 0, 0)
        assert (hop.rtt_ms, hop.icmp, hop.loss_pct) == (plain.rtt_ms, plain.icmp, plain.loss_pct)
        assert [one.received for one in hop.responders] == [one.received for one in plain.responders]
    assert with_sizes.health == without.health
    assert with_sizes.errors == without.errors == ()
    assert without.path_mtu is None
    assert mtus(without) == [None] * 5


def test_without_the_option_only_ordinary_sizes_leave(tmp_path: Path) -> None:
    run = asyncio.run(simulation(scenario(tmp_path, *STAIRS), report_cycles=3).to_its_end())
    assert (run.told(SizeProbed), run.told(PathMtuFound)) == ([], [])


@EACH
def test_blackhole_says_where_large_packets_vanish(protocol: ProtocolChoice) -> None:
    run = traced("blackhole", protocol=protocol)
    hole = found(run).black_hole
    assert hole is not None
    assert (hole.ttl, hole.passes, hole.vanishes, hole.echoed) == (6, 1400, 1401, False)
    assert hole.probes >= 6
    verdict = run.report.path_verdict
    assert verdict is not None
    assert verdict.kind == "mtu_black_hole"
    assert verdict.sentence == (
        "MTU black hole: packets of 1401 bytes vanish behind hop 6 and nobody says so, 1400 bytes come "
        "through. Not reached: hop 7 is the last to answer; one end cannot tell whether what follows is cut "
        "off or silent."
    )
    assert verdict.evidence["also"] == ["not_reached"]
    sixth = run.report.hops[5].verdict
    assert sixth is not None
    assert sixth.kind == "mtu_black_hole"


def test_the_black_hole_is_told_within_ten_rounds_of_a_second() -> None:
    run = traced("blackhole")
    told = [event.at_ns for event in run.told(PathMtuFound) if event.found.black_hole is not None]
    assert told[0] < 9 * SECOND


def test_an_echo_that_vanishes_may_have_vanished_on_the_way_back(tmp_path: Path) -> None:
    """The target's answer is as large as the probe; a closed UDP port answers in a few bytes."""
    where = scenario(tmp_path, "", "", 'mtu = 1400\ntoo_big = "drop"')
    for protocol, echoed in ((ProtocolChoice.ICMP, True), (ProtocolChoice.UDP, False)):
        report = traced(where, protocol=protocol).report
        assert report.path_mtu is not None
        assert report.path_mtu.black_hole is not None
        assert report.path_mtu.black_hole.echoed is echoed
        assert report.path_verdict is not None
        assert ("Echo answers are as large" in report.path_verdict.sentence) is echoed


@pytest.mark.parametrize("says", [0, 1400, 1500, 9000, 600])
def test_a_router_that_lies_is_found_out(tmp_path: Path, says: int) -> None:
    result = found(traced(scenario(tmp_path, "", f"mtu = 1399\nreports_mtu = {says}", "")))
    assert steps(result) == [(2, 1500, 1399, "198.18.2.1")]
    assert result.settled


def test_loss_is_not_taken_for_a_black_hole(tmp_path: Path) -> None:
    """Silence has to be rarer than one in a thousand by the path's own losses."""
    where = scenario(tmp_path, "", "loss_out = 0.2\nloss_back = 0.1", "", "mtu = 1450", "")
    result = found(traced(where, report_cycles=30))
    assert result.black_hole is None
    assert steps(result) == [(4, 1500, 1450, "198.18.4.1")]


def test_a_hop_that_keeps_its_answers_to_itself_is_not_asked(tmp_path: Path) -> None:
    where = scenario(
        tmp_path, "", "silent = true", "rate_limit = { rate = 0.2, burst = 1 }", "mtu = 1400", ""
    )
    run = traced(where, report_cycles=20)
    assert steps(found(run)) == [(4, 1500, 1400, "198.18.4.1")]
    assert {event.ttl for event in run.told(SizeProbed)} <= {1, 3, 4, 5, 6}
    assert found(run).black_hole is None


def test_few_probes_leave_in_a_second_and_never_beyond_the_rate(tmp_path: Path) -> None:
    where = scenario(tmp_path, "", 'mtu = 1400\ntoo_big = "drop"', "", "")
    run = traced(where)
    sent = sorted(event.tx.ns for event in run.told(SizeProbed) if event.tx is not None)
    assert all(later - earlier >= 100 * MS for earlier, later in itertools.pairwise(sent))
    assert len(sent) == found(run).probes
    slow = traced(where, max_rate=4, report_cycles=6)
    left = [event.tx for event in slow.told(SizeProbed)] + [event.tx for event in slow.told(ProbeSent)]
    rate = Counter(tx.ns // SECOND for tx in left if tx is not None)
    assert max(count for second, count in rate.items() if second > 2) <= 5


def test_a_report_of_one_round_waits_for_the_answer_but_not_for_ever(tmp_path: Path) -> None:
    run = traced(scenario(tmp_path, *STAIRS), report_cycles=1)
    assert found(run).settled
    assert [hop.sent for hop in run.report.hops] == [1] * 9
    lossy = scenario(tmp_path, "", 'mtu = 1400\ntoo_big = "drop"', "", target="loss_back = 0.45")
    ended = traced(lossy, report_cycles=1, timeout_ns=2 * SECOND).events[-1].at_ns
    assert ended < 20 * SECOND


def test_a_path_that_changes_is_measured_again(tmp_path: Path) -> None:
    change = """
[[change]]
at = "40s"
from_ttl = 2
to_ttl = 2
hop = [{ addresses = ["198.18.77.1"], rtt = "2ms", mtu = 1400 }]
"""
    where = scenario(tmp_path, "", "", "")
    where.write_text(where.read_text() + change)
    run = traced(where, report_cycles=70)
    told = [event.found.mtu for event in run.told(PathMtuFound) if event.found.settled]
    assert told == [1500, 1400]
    assert steps(found(run)) == [(2, 1500, 1400, "198.18.77.1")]


def test_a_limit_that_falls_without_any_other_change_is_noticed_by_the_check(tmp_path: Path) -> None:
    """The same routers, the same times: only the largest size, tried again, tells."""
    change = '\n[[change]]\nat = "20s"\nfrom_ttl = 2\nto_ttl = 2\n'
    change += 'hop = [{ addresses = ["198.18.2.1"], rtt = "2ms", mtu = 1400 }]\n'
    where = scenario(tmp_path, "", "", "")
    where.write_text(where.read_text() + change)
    told = traced(where, report_cycles=60).told(PathMtuFound)
    settled = [(event.found.mtu, event.at_ns) for event in told if event.found.settled]
    assert [mtu for mtu, _ in settled] == [1500, 1400]
    assert settled[1][1] < 40 * SECOND


def test_a_limit_that_rises_is_noticed_too(tmp_path: Path) -> None:
    change = '\n[[change]]\nat = "20s"\nfrom_ttl = 2\nto_ttl = 2\n'
    change += 'hop = [{ addresses = ["198.18.2.1"], rtt = "2ms" }]\n'
    where = scenario(tmp_path, "", "mtu = 1400", "")
    where.write_text(where.read_text() + change)
    told = traced(where, report_cycles=60).told(PathMtuFound)
    assert [event.found.mtu for event in told if event.found.settled] == [1400, 1500]


def test_the_interface_s_own_limit_is_knowledge_and_no_failure(tmp_path: Path) -> None:
    run = traced(scenario(tmp_path, "", "", top="link_mtu = 1420"))
    assert found(run).link_mtu == found(run).mtu == 1420
    assert run.report.errors == ()
    assert run.report.health.send_errors == {}
    outcomes = Counter(event.outcome for event in run.told(SizeProbed))
    assert outcomes == {SizeOutcome.TOO_BIG_HERE: 1, SizeOutcome.PASSED: 1}


def test_a_host_that_cannot_send_large_packets_for_another_reason_goes_on_tracing(tmp_path: Path) -> None:
    run = simulation(scenario(tmp_path, "", ""), mtu=True, report_cycles=4)
    channel = run.prepared.channel
    send = channel.send
    full = Failure(kind=FailureKind.QUEUE_FULL, message="Full.", remedy="Wait.", errno="ENOBUFS")

    def refusing(command: SendProbe) -> Any:
        return NotSent(full) if command.probe.shape.size > 1000 else send(command)

    channel.send = refusing  # type: ignore[method-assign]
    report = asyncio.run(run.to_its_end()).report
    assert [hop.received for hop in report.hops] == [4, 4, 4]
    assert (report.errors, report.health.send_errors) == ((), {})
    assert report.path_mtu is None or report.path_mtu.mtu is None
    assert {event.outcome for event in run.told(SizeProbed)} == {SizeOutcome.NOT_SENT}
    assert len(run.told(SizeProbed)) <= 20


def test_one_pair_of_ports_still_measures(tmp_path: Path) -> None:
    """One probe at a time: ordinary ones and larger ones take turns."""
    options = {"protocol": ProtocolChoice.UDP, "source_port": 40_000, "target_port": 50_000}
    run = traced(scenario(tmp_path, "", "mtu = 1400", ""), report_cycles=6, **options)
    assert found(run).mtu == 1400


@EACH
def test_a_constant_flow_is_measured_too(tmp_path: Path, protocol: ProtocolChoice) -> None:
    where = scenario(tmp_path, *STAIRS)
    run = traced(where, protocol=protocol, multipath_strategy=Strategy.PARIS)
    assert [step.mtu for step in found(run).lowered_at] == [1480, 1400, 1300]
    assert {event.flow for event in run.told(SizeProbed)} == {0}


def test_of_several_flows_the_first_is_measured(tmp_path: Path) -> None:
    where = scenario(tmp_path, *STAIRS)
    run = traced(where, protocol=ProtocolChoice.UDP, multipath_strategy=Strategy.PARIS, flows=4)
    assert [step.mtu for step in found(run).lowered_at] == [1480, 1400, 1300]
    assert [hop.sent for hop in run.report.hops] == [40] * 9


@pytest.mark.parametrize(
    ("options", "instead"),
    [
        ({"protocol": ProtocolChoice.TCP}, "--udp or --icmp"),
        ({"protocol": ProtocolChoice.UDP, "multipath_strategy": Strategy.DUBLIN}, "paris"),
        ({"dont_fragment": False}, "--no-dont-fragment"),
    ],
)
def test_what_cannot_measure_is_refused_with_what_to_use_instead(
    options: dict[str, Any], instead: str
) -> None:
    with pytest.raises(ConfigError, match=instead) as caught:
        TraceConfig(mtu=True, **options)
    assert caught.value.option == "--mtu"
