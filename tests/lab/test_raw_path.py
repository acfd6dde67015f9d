"""The ``hopscope`` command over raw sockets on real routers: as root, and with CAP_NET_RAW alone."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import statistics
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.labkit.capture import Capture, capture, round_trips_ns
from tests.lab.labkit.chain import SOURCE_DEVICE, TCP_PORT, chain
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import NOBODY_ID, Namespace, User
from tests.lab.labkit.packets import Key
from tests.lab.labkit.product import (
    ENVIRONMENT,
    ROOT,
    EventStream,
    error_kinds,
    hopscope,
    hopscope_command,
    hopscope_stream,
    responders,
)
from tests.lab.labkit.sockets import OPTIONS
from tests.lab.labkit.tun import DEVICE, TunLab, tun_lab
from tests.net.loopback import probe, replies, route
from tests.net.raw_loopback import RawWire, raw_sockets, raw_wire
from tests.tui.pseudo_terminal import PASTE, terminal
from tracer.interfaces import NotSent, SendProbe, Sent, TransmitStamp
from tracer.model import Address, FailureKind, PortPlanKind, Protocol, SourceInfo
from tracer.model import Family as ModelFamily
from tracer.net.privileges import keep_nothing
from tracer.wire.build import icmp_error, probe_packet
from tracer.wire.icmp import IcmpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.labkit.chain import Chain

ROUNDS = 3
PROTOCOLS = {"udp": ["--udp"], "tcp": ["--tcp", "-P", "80"], "icmp": ["--icmp"]}
QUICK = ("-i", "100ms", "-T", "100ms")
PRIVILEGED = pytest.mark.parametrize("user", [User.ROOT, User.NET_RAW])

each_family = pytest.mark.parametrize("family", Family)
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)


@pytest.fixture(scope="module")
def wan() -> Iterator[TunLab]:
    with tun_lab("wan") as lab:
        yield lab


@PRIVILEGED
@each_family
@each_protocol
def test_all_ten_routers_and_the_target_are_seen(
    ten_routers: Chain, family: Family, protocol: str, user: User
) -> None:
    run = hopscope(
        ten_routers.source,
        ten_routers.target_address(family),
        *("-m", "json", "-C", str(ROUNDS), *QUICK, *PROTOCOLS[protocol]),
        user=user,
    )
    assert run.exit_code == 0, run
    report = run.report
    assert responders(report) == [{address} for address in ten_routers.responders(family)]
    assert [report["channel"][key] for key in ("name", "protocol", "privileged")] == ["raw", protocol, True]
    assert report["errors"] == []
    for hop in report["hops"]:
        assert [hop[key] for key in ("sent", "received", "lost", "duplicates")] == [ROUNDS, ROUNDS, 0, 0]
        assert hop["clock"] == {"kernel": ROUNDS, "user": 0}, "a reset as well"
        assert 0 < hop["rtt_ms"]["best"] <= hop["rtt_ms"]["worst"] < 1000
    assert [report["health"][key] for key in ("foreign", "malformed", "anomalies", "kernel_drops")] == [0] * 4


@PRIVILEGED
@each_family
@each_protocol
def test_the_wide_area_path_is_the_one_the_scenario_describes(
    wan: TunLab, family: Family, protocol: str, user: User
) -> None:
    target = wan.target_address(family)
    run = hopscope(wan.namespace, target, "-m", "json", "-C", "1", *PROTOCOLS[protocol], user=user)
    assert run.exit_code == 0, run
    seen, possible = responders(run.report), wan.responders(family)
    assert len(seen) == len(possible)
    for answered, known in zip(seen, possible, strict=True):
        assert answered <= known
        assert bool(answered) == bool(known)


@each_family
def test_a_closed_tcp_port_is_timed_by_the_kernel(ten_routers: Chain, family: Family) -> None:
    target = ten_routers.target_address(family)
    run = hopscope(
        ten_routers.source, target, "-m", "json", "-C", "1", "--tcp", "-P", "81", user=User.NET_RAW
    )
    assert run.exit_code == 0, run
    assert run.report["hops"][-1]["clock"] == {"kernel": 1, "user": 0}


# Numbers


def _reported_rtts_ns(stream: EventStream, protocol: int, target: str) -> dict[Key, int]:
    second = "sequence" if protocol in {1, 58} else "target_port"
    answered: list[dict[str, Any]] = [event for event in stream.events if event["event"] == "reply"]
    return {
        Key(protocol, target, event["source_port"], event[second]): event["rtt_ns"]
        for event in answered
        if event["rtt_ns"] is not None
    }


def _biases_ns(stream: EventStream, tap: Capture, protocol: int, target: str) -> list[int]:
    captured = round_trips_ns(tap.packets())
    reported = _reported_rtts_ns(stream, protocol, target)
    assert reported.keys() <= captured.keys()
    return [rtt_ns - captured[key] for key, rtt_ns in reported.items()]


@each_family
@each_protocol
def test_reported_round_trips_are_those_on_the_device(
    wan: TunLab, family: Family, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    number = {"udp": 17, "tcp": 6, "icmp": OPTIONS[family].icmp_protocol}[protocol]
    target = wan.target_address(family)
    rounds = ["-C", str(ROUNDS), "-i", "200ms", "-T", "200ms"]
    with capture(wan.namespace, DEVICE) as tap:
        with hopscope_stream(
            wan.namespace, target, *PROTOCOLS[protocol], *rounds, user=User.NET_RAW
        ) as stream:
            stream.until(lambda event: event["event"] == "trace_ended")
        biases = _biases_ns(stream, tap, number, target)
    with capsys.disabled():
        spread = (
            f"median {statistics.median(biases) / 1000:+.1f} µs, worst {max(map(abs, biases)) / 1000:.1f} µs"
        )
        print(f"\nraw: reported - captured, {protocol} {family}, {len(biases)} probes: {spread}")  # noqa: T201 -- a measurement
    answering = sum(map(bool, wan.responders(family)))
    assert len(biases) >= ROUNDS * answering
    assert abs(statistics.median(biases)) < 10_000


# Half-open


@each_family
def test_a_half_open_syn_leaves_nothing_in_the_servers_accept_queue(family: Family) -> None:
    with chain(2) as built:
        target = built.target_address(family)
        run = hopscope(
            built.source,
            target,
            "-m",
            "json",
            "-C",
            "20",
            "-i",
            "10ms",
            "-T",
            "10ms",
            "--tcp",
            user=User.ROOT,
        )
        listed = built.target.run(["ss", "-Htan", f"sport = :{TCP_PORT}"]).stdout
    assert run.exit_code == 0, run
    assert run.report["hops"][-1]["received"] == 20
    states = [line.split()[:2] for line in listed.splitlines()]
    assert states
    assert {tuple(state) for state in states} == {("LISTEN", "0")}, listed


# Privileges

CAPABILITIES = re.compile(r"^Cap(Inh|Prm|Eff|Amb|Bnd):\s*([0-9a-f]+)$", re.MULTILINE)


def _status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def _line(status: str, name: str) -> list[str]:
    [found] = [line for line in status.splitlines() if line.startswith(f"{name}:")]
    return found.split()[1:]


@pytest.mark.parametrize("user", [User.ROOT, User.NET_RAW])
def test_a_running_trace_has_no_capability_left(ten_routers: Chain, user: User) -> None:
    target = ten_routers.target_address(Family.IPV4)
    with hopscope_stream(ten_routers.source, target, "--icmp", "-C", "100", *QUICK, user=user) as stream:
        header = stream.until(lambda event: event["event"] == "trace_started")
        assert header["channel"]["name"] == "raw"
        stream.until(lambda event: event["event"] == "reply")
        status = _status(stream.process.pid)
        held = {name: int(value, 16) for name, value in CAPABILITIES.findall(status)}
        assert [held[name] for name in ("Inh", "Prm", "Eff", "Amb")] == [0, 0, 0, 0]
        if user is User.ROOT:  # dropping from the bounding set takes CAP_SETPCAP
            assert held["Bnd"] == 0
        assert _line(status, "NoNewPrivs") == ["1"]
        assert _line(status, "Uid") == [str(0 if user is User.ROOT else NOBODY_ID)] * 4
        later = stream.events[-1]["at_ns"] + 300_000_000
        stream.until(lambda event: event["event"] == "reply" and event["at_ns"] > later)


@pytest.mark.parametrize("user", [User.ROOT, User.NET_RAW])
def test_a_screen_has_no_capability_left(ten_routers: Chain, user: User) -> None:
    target = ten_routers.target_address(Family.IPV4)
    command = [sys.executable, "-c", _SAYS_WHO, target, "--icmp"]
    with terminal(
        ten_routers.source.command(command, user),
        environment={**ENVIRONMENT, "TERM": "xterm-256color"},
        directory=ROOT,
        size=(160, 40),
    ) as opened:
        opened.read_until(lambda _: b"pid " in opened.heard)
        opened.read_until(lambda screen: PASTE in screen.modes)
        [pid] = re.findall(rb"pid (\d+)\.", opened.heard)
        opened.see("ICMP by raw")
        opened.read_until(lambda screen: screen.text.count(target) > 1)
        status = _status(int(pid))
        held = {name: int(value, 16) for name, value in CAPABILITIES.findall(status)}
        assert [held[name] for name in ("Inh", "Prm", "Eff", "Amb")] == [0, 0, 0, 0]
        if user is User.ROOT:
            assert held["Bnd"] == 0
        assert _line(status, "NoNewPrivs") == ["1"]
        opened.read_until(lambda screen: "round 3" in screen.text)  # and it goes on tracing
        opened.press("q")
        assert opened.end() == 0


_SAYS_WHO = """
import os
print(f"pid {os.getpid()}.", flush=True)
from tui.__main__ import main
main()
"""


@pytest.fixture
def python_for_everybody() -> str:
    """An interpreter that another user may read; the one of the tests may be root's own."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for path in (sys.executable, f"/usr/bin/python{version}"):
        homes = [Path(path).resolve(), *Path(path).resolve().parents]
        if Path(path).exists() and all(home.stat().st_mode & 0o5 == 0o5 for home in homes):
            return path
    pytest.skip(f"Python {version} is installed where only root may read it")


def _sudo() -> dict[str, str]:
    modules = f"{ROOT}:{sysconfig.get_path('purelib')}"
    return {**ENVIRONMENT, "PYTHONPATH": modules, "SUDO_UID": str(NOBODY_ID), "SUDO_GID": str(NOBODY_ID)}


def test_under_sudo_the_process_and_its_files_become_the_users(
    ten_routers: Chain, open_folder: Path, python_for_everybody: str
) -> None:
    record = open_folder / "trace.ndjson"
    arguments = (ten_routers.target_address(Family.IPV4), "-C", "100", *QUICK, "--record", str(record))
    command = [python_for_everybody, "-m", "tui.cli", "-m", "stream", *arguments]
    with ten_routers.source.start(command, environment=_sudo(), directory=ROOT) as process:
        stream = EventStream(process)
        stream.until(lambda event: event["event"] == "reply")
        status = _status(stream.process.pid)
        assert _line(status, "Uid") == _line(status, "Gid") == [str(NOBODY_ID)] * 4
        assert set(_line(status, "Groups")) <= {str(NOBODY_ID)}
        assert {int(value, 16) for _, value in CAPABILITIES.findall(status)} == {0}
    assert (record.stat().st_uid, record.stat().st_gid) == (NOBODY_ID, NOBODY_ID)


def test_root_without_sudo_still_writes_where_only_root_may(ten_routers: Chain, tmp_path: Path) -> None:
    """The folder is another user's; writing there takes CAP_DAC_OVERRIDE, which a running trace lacks."""
    os.chown(tmp_path, NOBODY_ID, NOBODY_ID)
    tmp_path.chmod(0o755)
    record = tmp_path / "trace.ndjson"
    target = ten_routers.target_address(Family.IPV4)
    run = hopscope(
        ten_routers.source, target, "-m", "json", "-C", "1", "--record", str(record), user=User.ROOT
    )
    assert run.exit_code == 0, run
    assert record.read_text().startswith('{"event":"trace_started"')


def test_a_file_of_root_is_not_opened_for_whoever_calls_sudo(
    ten_routers: Chain, tmp_path: Path, python_for_everybody: str
) -> None:
    forbidden = tmp_path / "root.txt"
    forbidden.write_text("root's")
    forbidden.chmod(0o600)
    target = ten_routers.target_address(Family.IPV4)
    done = ten_routers.source.run(
        [python_for_everybody, "-m", "tui.cli", "-m", "json", "-C", "1", "--record", str(forbidden), target],
        environment=_sudo(),
        directory=ROOT,
    )
    assert (done.returncode, done.stdout) == (2, ""), done
    assert forbidden.read_text() == "root's"


@pytest.mark.parametrize("user", [User.ROOT, User.NOBODY])
def test_raw_where_it_is_not_permitted_is_refused_with_the_way_to_get_it(
    ten_routers: Chain, user: User
) -> None:
    command = hopscope_command(
        "--channel", "raw", "-m", "json", "-C", "1", ten_routers.target_address(Family.IPV4)
    )
    without = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", "--", *command]
    arguments = without if user is User.ROOT else command
    done = ten_routers.source.run(arguments, user=user, environment=ENVIRONMENT, directory=ROOT)
    assert (done.returncode, done.stdout) == (3, ""), done
    assert "CAP_NET_RAW" in done.stderr
    assert "setpriv" in done.stderr
    assert "--ambient-caps=+net_raw" in done.stderr
    assert "Traceback" not in done.stderr


def test_auto_is_errqueue_without_the_capability_and_errqueue_can_be_asked_for(ten_routers: Chain) -> None:
    target = ten_routers.target_address(Family.IPV4)
    quick = ("-m", "json", "-C", "1", "--udp")
    runs = [
        hopscope(ten_routers.source, target, *quick),
        hopscope(ten_routers.source, target, *quick, "--channel", "errqueue", user=User.NET_RAW),
    ]
    assert [(run.exit_code, run.report["channel"]["name"]) for run in runs] == [(0, "errqueue")] * 2


def test_raw_alone_is_icmp(ten_routers: Chain) -> None:
    target = ten_routers.target_address(Family.IPV4)
    run = hopscope(ten_routers.source, target, "-m", "json", "-C", "1", user=User.NET_RAW)
    assert run.report["channel"]["protocol"] == "icmp"


def _changes_after_the_drop(target: str, family: Family) -> list[tuple[str, str]]:
    """What a live change of protocol and interface gets once every privilege is gone."""
    of = ModelFamily(family.value)
    with raw_sockets() as sockets:
        keep_nothing({})
        seen = []
        for protocol in (Protocol.ICMP, Protocol.UDP, Protocol.TCP):
            for device in (None, SOURCE_DEVICE):
                chosen = route(
                    of,
                    protocol,
                    target=Address(target),
                    source=SourceInfo(Address(_near(family)), device),
                    bind_source=device is not None,
                    bind_device=device is not None,
                )
                with raw_wire(chosen, sockets) as lab:
                    asked = probe(lab.route, 80, 1, 21_234 if protocol is Protocol.TCP else 0)
                    assert isinstance(lab.channel.send(SendProbe(asked)), Sent)
                    seen.append((str(protocol), str(lab.reply().kind)))
        return seen


def _near(family: Family) -> str:
    return {Family.IPV4: "198.18.0.1", Family.IPV6: "2001:db8:100::1"}[family]


@each_family
def test_protocol_and_interface_change_without_any_privilege(ten_routers: Chain, family: Family) -> None:
    target = ten_routers.target_address(family)
    seen = ten_routers.source.call(lambda: _changes_after_the_drop(target, family), User.ROOT)
    answers = [("icmp", "echo_reply"), ("udp", "unreachable"), ("tcp", "syn_ack")]
    assert seen == [answer for answer in answers for _ in range(2)]


# Local trouble


@each_family
@each_protocol
@pytest.mark.parametrize("verdict", ["drop", "reject"])
def test_a_local_firewall_is_named_for_every_protocol(
    two_routers: Chain, family: Family, protocol: str, verdict: str
) -> None:
    """Also for the SYN and the ICMPv6 echo, whose drop the unprivileged channel never learns of."""
    matches = {"udp": "meta l4proto udp", "tcp": "tcp flags syn", "icmp": "meta l4proto { icmp, ipv6-icmp }"}
    requests = {"icmp": {Family.IPV4: "icmp type echo-request", Family.IPV6: "icmpv6 type echo-request"}}
    match = requests.get(protocol, {}).get(family, matches[protocol])
    target = two_routers.target_address(family)
    with two_routers.source.firewall(f"{match} {verdict}"):
        run = hopscope(
            two_routers.source,
            target,
            *("-m", "json", "-C", "1", "--timeout", "300ms", *PROTOCOLS[protocol]),
            user=User.NET_RAW,
        )
    assert run.exit_code == 5, run
    assert error_kinds(run.report) == {"local_firewall"}
    assert run.report["health"]["foreign"] == 0


@each_family
@pytest.mark.parametrize("strategy", ["paris", "dublin"])
def test_a_reject_is_the_failure_of_the_marked_probe_it_quotes(
    two_routers: Chain, family: Family, strategy: str
) -> None:
    """All probes have the same ports; the mark alone tells which one the firewall stopped."""
    with two_routers.source.firewall("meta l4proto udp reject"):
        run = hopscope(
            two_routers.source,
            two_routers.target_address(family),
            *("-m", "json", "-C", "1", "--timeout", "300ms", "--udp", "-R", strategy),
            user=User.NET_RAW,
        )
    assert run.exit_code == 5, run
    assert error_kinds(run.report) == {"local_firewall"}


STRATEGIES = [
    *((protocol, "paris") for protocol in PROTOCOLS),
    ("udp", "dublin"),
]


@each_family
@pytest.mark.parametrize(("protocol", "strategy"), STRATEGIES)
def test_a_constant_flow_sees_every_router_with_all_probes_in_flight(
    ten_routers: Chain, family: Family, protocol: str, strategy: str
) -> None:
    run = hopscope(
        ten_routers.source,
        ten_routers.target_address(family),
        *("-m", "json", "-C", str(ROUNDS), *QUICK, *PROTOCOLS[protocol], "-R", strategy),
        user=User.NET_RAW,
    )
    assert run.exit_code == 0, run
    assert responders(run.report) == [{address} for address in ten_routers.responders(family)]
    assert {hop["received"] for hop in run.report["hops"]} == {ROUNDS}
    assert {hop["clock"]["kernel"] for hop in run.report["hops"]} == {ROUNDS}
    assert run.report["health"]["foreign"] == 0


@each_family
@each_protocol
def test_no_route_is_named_for_every_protocol(two_routers: Chain, family: Family, protocol: str) -> None:
    target = {Family.IPV4: "203.0.113.9", Family.IPV6: "2001:db8:ffff::9"}[family]
    run = hopscope(
        two_routers.source, target, "-m", "json", "-C", "1", *PROTOCOLS[protocol], user=User.NET_RAW
    )
    assert run.exit_code == 5, run
    assert error_kinds(run.report) == {"no_route"}


@each_family
def test_a_source_address_that_goes_away_is_replaced_by_the_one_that_came(family: Family) -> None:
    new = {Family.IPV4: "198.18.0.77/24", Family.IPV6: "2001:db8:100::77/64"}[family]
    old = {Family.IPV4: "198.18.0.1/24", Family.IPV6: "2001:db8:100::1/64"}[family]
    route_to = {
        Family.IPV4: "route add 198.18.0.0/15 via 198.18.0.2",
        Family.IPV6: "route replace 2001:db8::/33 via 2001:db8:100::2",
    }[family]
    with chain(2) as built:
        target = built.target_address(family)
        with hopscope_stream(built.source, target, "--udp", "-C", "200", *QUICK, user=User.NET_RAW) as stream:
            stream.until(lambda event: event["event"] == "reply")
            built.source.ip(f"address del {old} dev {SOURCE_DEVICE}")
            suffix = " nodad" if family is Family.IPV6 else ""
            built.source.ip(f"address add {new} dev {SOURCE_DEVICE}{suffix}")
            with contextlib.suppress(RuntimeError):  # IPv6 keeps its routes
                built.source.ip(route_to)
            gone_ns = stream.events[-1]["at_ns"]
            stream.until(lambda event: event["event"] == "reply" and event["at_ns"] > gone_ns + 1_500_000_000)


def test_stamps_counted_by_the_kernel_stay_in_step_when_sends_are_refused(two_routers: Chain) -> None:
    """An older kernel takes no number from us; a send that a firewall refuses has been counted by it."""
    target = Address(two_routers.target_address(Family.IPV4))
    source = SourceInfo(Address(_near(Family.IPV4)), None)
    chosen = route(ModelFamily.IPV4, Protocol.UDP, target=target, source=source)
    firewall = two_routers.source.firewall("udp dport 33435 drop")
    with two_routers.source.entered(), firewall, raw_wire(chosen) as lab:
        lab.sockets.senders[ModelFamily.IPV4]._gives_numbers = False
        results = [lab.send(33434 + number % 2, number) for number in range(8)]
        found = lab.receive(lambda items: len(items) >= 8)
    assert [type(result) for result in results] == [Sent, NotSent] * 4
    assert {result.failure.kind for result in results if isinstance(result, NotSent)} == {
        FailureKind.LOCAL_FIREWALL
    }
    stamps = [item for item in found if isinstance(item, TransmitStamp)]
    assert [stamp.identity[1] for stamp in stamps] == [33434] * 4


# Packets of others

BURST = 20_000


def _strangers(family: Family) -> list[bytes]:
    """An echo reply to somebody else, and an error about somebody else's probe."""
    source, router = (
        Address(_near(family)),
        Address("198.18.0.2" if family is Family.IPV4 else "2001:db8:100::2"),
    )
    elsewhere = Address("198.18.99.9" if family is Family.IPV4 else "2001:db8:163::9")
    stranger = probe(route(ModelFamily(family.value), Protocol.UDP, target=elsewhere), 53, 1, 1_234)
    return [icmp_error(IcmpError.TIME_EXCEEDED, router, source, probe_packet(stranger, source))]


def _flood(node: Namespace, family: Family, packets: list[bytes], count: int) -> None:
    with node.entered():
        sock = socket.socket(family.af, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with sock:
        for number in range(count):
            sock.sendto(packets[number % len(packets)], (_near(family), 0))


@each_family
def test_icmp_of_others_does_not_wake_the_process(two_routers: Chain, family: Family) -> None:
    target = Address(two_routers.target_address(family))
    chosen = route(
        ModelFamily(family.value),
        Protocol.UDP,
        target=target,
        source=SourceInfo(Address(_near(family)), SOURCE_DEVICE),
    )
    with contextlib.ExitStack() as opened:
        with two_routers.source.entered():
            lab: RawWire = opened.enter_context(raw_wire(chosen))
            ear = opened.enter_context(
                socket.socket(family.af, socket.SOCK_RAW, OPTIONS[family].icmp_protocol)
            )
            assert isinstance(lab.send(33434), Sent)
        lab.reply()
        while select.select([ear], [], [], 0)[0]:
            ear.recv(2048)
        _flood(two_routers.routers[0], family, _strangers(family), BURST)
        assert select.select([ear], [], [], 2)[0], "the packets do arrive"
        assert not lab.ready()
        assert lab.channel.receive(lab.clock.now_ns()) == []
        with two_routers.source.entered():
            assert isinstance(lab.send(33435, 2), Sent)
        answer = lab.reply()
        assert answer.quoted.identity[1] == 33435, "and ours still come"


@pytest.mark.parametrize("flooded", [False, True])
def test_a_flood_of_foreign_icmp_costs_the_running_process_nothing(
    two_routers: Chain, *, flooded: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    target = two_routers.target_address(Family.IPV4)
    slow = ("-C", "100", "-i", "1s", "-T", "1s")
    with hopscope_stream(two_routers.source, target, "--icmp", *slow, user=User.NET_RAW) as stream:
        stream.until(lambda event: event["event"] == "reply" and event["round"] >= 1)
        before = _ticks(stream.process.pid)
        if flooded:
            _flood(two_routers.routers[0], Family.IPV4, _strangers(Family.IPV4), BURST)
        ended = stream.until(lambda event: event["event"] == "reply" and event["round"] >= 3)
        spent = _ticks(stream.process.pid) - before
        health = [event for event in stream.events if event["event"] in {"foreign", "malformed"}]
    with capsys.disabled():
        print(f"\n{BURST if flooded else 0} foreign packets: {spent * 10} ms of CPU, two rounds")  # noqa: T201 -- a measurement
    assert ended["round"] == 3
    assert health == []
    assert spent <= 5, "hundredths of a second"


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@each_family
def test_forged_answers_are_foreign_with_a_reason_and_credited_to_no_probe(
    two_routers: Chain, family: Family
) -> None:
    target, us = Address(two_routers.target_address(family)), Address(_near(family))
    forger = Address("198.18.0.2" if family is Family.IPV4 else "2001:db8:100::2")
    with hopscope_stream(
        two_routers.source, target, "--icmp", "-C", "100", "-i", "1s", "-T", "1s", user=User.NET_RAW
    ) as stream:
        sent = stream.until(lambda event: event["event"] == "probe_sent")
        stream.until(lambda event: event["event"] == "reply")
        identifier = sent["source_port"]
        of = route(ModelFamily(family.value), Protocol.ICMP, target=target)
        other = route(ModelFamily(family.value), Protocol.ICMP, target=forger)
        never_sent = probe_packet(probe(of, 0, 9_999, identifier), us)
        wrong_identity = probe_packet(probe(of, 0, sent["sequence"], identifier ^ 1), us)
        wrong_place = probe_packet(probe(other, 0, sent["sequence"], identifier), us)
        errors = [
            icmp_error(IcmpError.TIME_EXCEEDED, forger, us, about)
            for about in (never_sent, wrong_identity, wrong_place)
        ]
        replies_of_another = [_echo_reply(family, forger, us, identifier, sent["sequence"])]
        _flood(two_routers.routers[0], family, errors + replies_of_another, 4)
        reasons = [stream.until(lambda event: event["event"] == "foreign")["reason"] for _ in range(4)]
        assert reasons == ["unknown_identity", "unknown_identity", "wrong_destination", "wrong_destination"]
        assert not [event for event in stream.events if event["event"] == "duplicate"]


def _echo_reply(family: Family, source: Address, to: Address, identifier: int, sequence: int) -> bytes:
    from tracer.wire.build import echo_reply  # noqa: PLC0415 - only here

    pinged = route(ModelFamily(family.value), Protocol.ICMP, target=source)
    return echo_reply(probe_packet(probe(pinged, 0, sequence, identifier), to), 64)


def test_a_port_plan_that_moves_takes_one_filter_for_a_block_of_ports(
    two_routers: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Address(two_routers.target_address(Family.IPV4))
    chosen = route(
        ModelFamily.IPV4,
        Protocol.TCP,
        target=target,
        plan=PortPlanKind.FIXED_TARGET,
        source=SourceInfo(Address(_near(Family.IPV4)), None),
    )
    with two_routers.source.entered(), raw_wire(chosen) as lab:
        filters: list[ModelFamily] = []
        filtered = lab.channel._filter

        def counted(family: ModelFamily) -> None:
            filters.append(family)
            filtered(family)

        monkeypatch.setattr(lab.channel, "_filter", counted)
        first = 256 * 80
        for number in range(300):
            asked = probe(lab.route, 80, number, first + number)
            assert isinstance(lab.channel.send(SendProbe(asked)), Sent)
        found = lab.receive(lambda items: len(replies(items)) == 300)
    assert len(filters) == 2
    assert {reply.kind.value for reply in replies(found)} == {"syn_ack"}
