"""The ``hopscope`` command as nobody on real routers: what it reports when the path is well."""

from __future__ import annotations

import signal
import statistics
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.labkit.capture import Capture, capture, round_trips_ns
from tests.lab.labkit.chain import SOURCE_DEVICE, chain
from tests.lab.labkit.families import Family
from tests.lab.labkit.packets import Key
from tests.lab.labkit.product import EventStream, hopscope, hopscope_stream, responders
from tests.lab.labkit.sockets import OPTIONS
from tests.lab.labkit.tun import DEVICE, TunLab, tun_lab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.labkit.chain import Chain
    from tests.lab.labkit.namespace import Namespace

ROUNDS = 3
PROTOCOLS = {"udp": ["--udp"], "tcp": ["--tcp", "-P", "80"], "icmp": ["--icmp"]}
PINGS = "net.ipv4.ping_group_range"

each_family = pytest.mark.parametrize("family", Family)
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)


@pytest.fixture(scope="module")
def path(ten_routers: Chain) -> Iterator[Chain]:
    with ten_routers.source.sysctls({PINGS: "0 65534"}):
        yield ten_routers


@pytest.fixture(scope="module")
def wan() -> Iterator[TunLab]:
    with tun_lab("wan") as lab:
        yield lab


@each_family
@each_protocol
def test_nobody_sees_all_ten_routers_and_the_target(path: Chain, family: Family, protocol: str) -> None:
    run = hopscope(
        path.source,
        path.target_address(family),
        *("-m", "json", "-C", str(ROUNDS), "-i", "100ms", "-T", "100ms", *PROTOCOLS[protocol]),
    )
    assert run.exit_code == 0, run
    report = run.report
    assert responders(report) == [{address} for address in path.responders(family)]
    assert report["outcome"] == {
        "reached": True,
        "reason": "target_reached",
        "target_ttl": 11,
        "rounds": ROUNDS,
    }
    assert [report["channel"][key] for key in ("name", "protocol", "privileged")] == [
        "errqueue",
        protocol,
        False,
    ]
    assert report["errors"] == []
    for hop in report["hops"]:
        assert [hop[key] for key in ("sent", "received", "lost", "failed", "skipped")] == [
            ROUNDS,
            ROUNDS,
            0,
            0,
            0,
        ]
        assert hop["clock"] == {"kernel": ROUNDS, "user": 0}
        assert 0 < hop["rtt_ms"]["best"] <= hop["rtt_ms"]["worst"] < 1000


@each_family
def test_a_closed_tcp_port_is_reached_and_its_user_clock_marked(path: Chain, family: Family) -> None:
    run = hopscope(path.source, path.target_address(family), "-m", "json", "-C", "1", "--tcp", "-P", "81")
    assert run.exit_code == 0, run
    *routers, target = run.report["hops"]
    assert [hop["clock"] for hop in routers] == [{"kernel": 1, "user": 0}] * 10
    assert target["clock"] == {"kernel": 0, "user": 1}


@each_family
def test_a_target_that_rejects_a_syn_with_an_icmp_error_has_answered_once(family: Family) -> None:
    """Port unreachable is in the error queue and fails the connect with ECONNREFUSED, as a reset does."""
    with chain(2) as built, built.target.firewall("tcp dport 81 reject", hook="input"):
        run = hopscope(
            built.source, built.target_address(family), "-m", "json", "-C", "2", "--tcp", "-P", "81"
        )
    assert run.exit_code == 0, run
    target = run.report["hops"][-1]
    assert (target["received"], target["duplicates"]) == (2, 0)
    assert target["clock"] == {"kernel": 2, "user": 0}
    assert target["icmp"] is not None


@each_protocol
def test_a_link_local_target_is_traced_on_the_link_it_names(path: Chain, protocol: str) -> None:
    neighbour = _link_local_address(path.routers[0], "near")
    target = f"{neighbour}%{SOURCE_DEVICE}"
    run = hopscope(path.source, target, "-m", "json", "-C", "1", *PROTOCOLS[protocol])
    assert run.exit_code == 0, run
    assert responders(run.report) == [{neighbour}]
    assert run.report["source"] == {
        "address": _link_local_address(path.source, SOURCE_DEVICE),
        "interface": SOURCE_DEVICE,
    }


def _link_local_address(node: Namespace, device: str) -> str:
    shown = node.run(["ip", "-6", "-o", "address", "show", "dev", device, "scope", "link"]).stdout
    return str(shown.split("inet6 ")[1].split("/")[0])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["fe80::1"], "link-local"),
        (["0.0.0.0"], "no host"),  # noqa: S104 - a target, bound by nobody
        (["::"], "no host"),
        (["198.18.1.2", "198.18.2.2", "--udp", "-S", "5000"], "share"),
        (["198.18.1.2", "198.18.2.2", "--tcp", "-S", "5000", "-P", "80"], "share"),
    ],
)
def test_targets_that_cannot_be_traced_are_refused_with_a_reason(
    path: Chain, arguments: list[str], reason: str
) -> None:
    run = hopscope(path.source, *arguments, "-m", "json", "-C", "1")
    assert (run.exit_code, run.stdout) == (2, ""), run
    assert reason in run.stderr


def test_icmp_without_the_ping_group_is_refused_with_the_sysctl_as_remedy(path: Chain) -> None:
    with path.source.sysctls({PINGS: "1 0"}):
        run = hopscope(path.source, path.target_address(Family.IPV4), "-m", "json", "-C", "1", "--icmp")
    assert run.exit_code == 3, run
    assert PINGS in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(("group_range", "protocol"), [("0 65534", "icmp"), ("1 0", "udp")])
def test_auto_takes_icmp_where_it_is_permitted_else_udp(path: Chain, group_range: str, protocol: str) -> None:
    with path.source.sysctls({PINGS: group_range}):
        run = hopscope(path.source, path.target_address(Family.IPV4), "-m", "json", "-C", "1")
    assert run.exit_code == 0, run
    assert run.report["channel"]["protocol"] == protocol
    assert run.report["channel"]["reason"]


@each_family
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_an_unreachable_network_ends_the_path_at_the_router_that_says_so(
    family: Family, protocol: str
) -> None:
    with chain(3) as built:  # of its own: the kernel gives five such answers and then one a second
        target = built.unreachable_address(family)
        run = hopscope(built.source, target, "-m", "json", "-C", "1", *PROTOCOLS[protocol])
        expected = [{address} for address in built.responders(family)[:2]]
    assert run.exit_code == 1, run
    assert run.report["outcome"]["reason"] == "unreachable"
    assert run.report["outcome"]["reached"] is False
    assert responders(run.report) == expected
    assert (
        run.report["hops"][1]["icmp"]
        == {
            Family.IPV4: {"type": 3, "code": 1, "name": "host unreachable", "mark": "!H"},
            Family.IPV6: {"type": 1, "code": 0, "name": "no route to destination", "mark": "!N"},
        }[family]
    )


@each_family
@each_protocol
def test_a_silent_target_ends_at_the_gap_limit(path: Chain, family: Family, protocol: str) -> None:
    run = hopscope(
        path.source,
        path.silent_address(family),
        *("-m", "json", "-C", "1", "--gap-limit", "3", "--timeout", "300ms", *PROTOCOLS[protocol]),
    )
    assert run.exit_code == 1, run
    assert run.report["outcome"]["reason"] == "gap_limit"
    assert responders(run.report)[:1] == [{path.responders(family)[0]}]
    assert not any(responders(run.report)[2:])


def test_an_interrupt_ends_the_stream_with_its_reason(path: Chain) -> None:
    with hopscope_stream(path.source, path.target_address(Family.IPV4), "--udp", "-C", "1000") as stream:
        stream.until(lambda event: event["event"] == "reply")
        stream.process.send_signal(signal.SIGINT)
        ended = stream.until(lambda event: event["event"] == "trace_ended")
        assert ended["reason"] == "interrupted"
        assert stream.process.wait(timeout=5) == 130


@each_family
@each_protocol
def test_the_wide_area_path_is_the_one_the_scenario_describes(
    wan: TunLab, family: Family, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = hopscope(wan.namespace, wan.target_address(family), "-m", "json", "-C", "1", *PROTOCOLS[protocol])
    assert run.exit_code == 0, run
    with capsys.disabled():
        print(f"\none round of wan, {protocol} {family}: {run.seconds:.2f} s")  # noqa: T201 -- a measurement
    seen, possible = responders(run.report), wan.responders(family)
    assert len(seen) == len(possible)
    for answered, known in zip(seen, possible, strict=True):
        assert answered <= known
        assert bool(answered) == bool(known)


def _reported_rtts_ns(stream: EventStream, protocol: int, target: str) -> dict[Key, int]:
    second = {17: "target_port", 1: "sequence", 58: "sequence"}[protocol]
    replies: list[dict[str, Any]] = [event for event in stream.events if event["event"] == "reply"]
    return {
        Key(protocol, target, event["source_port"], event[second]): event["rtt_ns"]
        for event in replies
        if event["rtt_ns"] is not None
    }


def _biases_ns(stream: EventStream, tap: Capture, protocol: int, target: str) -> list[int]:
    captured = round_trips_ns(tap.packets())
    reported = _reported_rtts_ns(stream, protocol, target)
    assert reported.keys() <= captured.keys()
    return [rtt_ns - captured[key] for key, rtt_ns in reported.items()]


@each_family
@pytest.mark.parametrize("protocol", ["udp", "icmp"])
def test_reported_round_trips_are_those_on_the_device(
    wan: TunLab, family: Family, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    number = {"udp": 17, "icmp": OPTIONS[family].icmp_protocol}[protocol]
    target = wan.target_address(family)
    rounds = ["-C", str(ROUNDS), "-i", "200ms", "-T", "200ms"]
    with capture(wan.namespace, DEVICE) as tap:
        with hopscope_stream(wan.namespace, target, *PROTOCOLS[protocol], *rounds) as stream:
            stream.until(lambda event: event["event"] == "trace_ended")
        biases = _biases_ns(stream, tap, number, target)
    with capsys.disabled():
        spread = (
            f"median {statistics.median(biases) / 1000:+.1f} µs, worst {max(map(abs, biases)) / 1000:.1f} µs"
        )
        print(f"\nreported - captured, {protocol} {family}, {len(biases)} probes: {spread}")  # noqa: T201 -- a measurement
    answering = sum(map(bool, wan.responders(family)))
    assert len(biases) >= ROUNDS * answering, "and what the first burst sent beyond the target"
    assert abs(statistics.median(biases)) < 10_000
