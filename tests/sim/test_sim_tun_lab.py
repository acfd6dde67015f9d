"""Real sockets of a real kernel against the simulated internet on a TUN device."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from scapy.layers.inet import IP, UDP

from tracer.errors import ScenarioError
from tracer.model import Address, Family
from tracer.sim.journey import Fate
from tracer.sim.load import load
from tracer.sim.scenario import Scenario, Target
from tracer.sim.tun import LogLine, PacketIn, PacketOut, main, setup_commands

ROOT = Path(__file__).parents[2]
NAMESPACE = f"hopscope-sim-{os.getpid()}"
SCENARIO = "wan"


def why_not() -> str | None:
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("ip") is None or shutil.which("traceroute") is None:
        return "needs ip and traceroute"
    return None if Path("/dev/net/tun").exists() else "needs /dev/net/tun"


def inside(*command: str) -> str:
    """What a command prints in the namespace."""
    whole = ("ip", "netns", "exec", NAMESPACE, *command)
    return subprocess.run(whole, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The log of a simulator that runs in a namespace; it is stopped by SIGTERM and ends with 0."""
    reason = why_not()
    if reason is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    path = tmp_path_factory.mktemp("tun") / "log.ndjson"
    subprocess.run(("ip", "netns", "add", NAMESPACE), check=True)
    try:
        for command in setup_commands(load(SCENARIO)):
            inside(*command)
        ready, told = os.pipe()
        arguments = ("--scenario", SCENARIO, "--seed", "1", "--ready-fd", str(told), "--log", str(path))
        process = subprocess.Popen(
            ("ip", "netns", "exec", NAMESPACE, sys.executable, "-m", "tracer.sim.tun", *arguments),
            pass_fds=(told,),
            cwd=ROOT,
        )
        os.close(told)
        try:
            assert os.read(ready, 16) == b"ready\n"
            yield path
        finally:
            os.close(ready)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0
    finally:
        subprocess.run(("ip", "netns", "del", NAMESPACE), check=True)


def path_of(output: str) -> list[list[str]]:
    """The answers in a traceroute, hop by hop."""
    return [line.split()[1:] for line in output.splitlines()[1:]]


def routers(family: Family) -> list[tuple[Address, ...]]:
    scenario = load(SCENARIO)
    stations = (*scenario.hops, scenario.target)
    return [station.addresses_of(family) for station in stations]


@pytest.mark.lab
@pytest.mark.parametrize("method", [("-U",), ("-I",), ("-T", "-p", "443")], ids=["udp", "icmp", "tcp"])
@pytest.mark.parametrize("family", list(Family))
def test_traceroute_sees_the_path_of_the_scenario(log: Path, method: tuple[str, ...], family: Family) -> None:
    assert log.exists()
    target = load(SCENARIO).target.addresses_of(family)[0]
    found = path_of(inside("traceroute", "-n", "-q", "1", "-w", "1", *method, target))
    expected = routers(family)
    assert len(found) == len(expected)
    for hop, addresses, station in zip(found, expected, (*load(SCENARIO).hops, None), strict=True):
        if not addresses:
            assert hop == ["*"]
            continue
        assert hop[0] in addresses
        if station is not None:
            assert float(hop[1]) * 1e6 >= station.rtt_ns
    assert float(found[-1][1]) >= 100


@pytest.mark.lab
def test_traceroute_sees_the_mpls_labels(log: Path) -> None:
    assert log.exists()
    target = load(SCENARIO).target.addresses[0]
    found = path_of(inside("traceroute", "-n", "-e", "-q", "1", "-w", "1", target))
    assert found[7][1] == "<MPLS:L=24017,E=0,S=1,T=1>"
    assert found[8][1] == "<MPLS:L=24105,E=0,S=0,T=1/L=16,E=2,S=1,T=7>"


@pytest.mark.lab
@pytest.mark.skipif(shutil.which("ping") is None, reason="needs ping")
@pytest.mark.parametrize("family", list(Family))
def test_ping_is_answered_by_the_target_and_by_a_router(log: Path, family: Family) -> None:
    assert log.exists()
    for address in (load(SCENARIO).target.addresses_of(family)[0], routers(family)[2][0]):
        assert " 0% packet loss" in inside("ping", "-n", "-c", "2", "-i", "0.2", address)


BURST = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    for port in range(33500, 33564):
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1 + port % 3)
        probe.sendto(b"burst", ("203.0.113.80", port))
"""


@pytest.mark.lab
def test_a_burst_of_64_is_answered_whole_and_nothing_before_its_time(log: Path) -> None:
    inside(sys.executable, "-c", BURST)
    # The traces wait for the last answers, and the log is written whenever the simulator has nothing to do.
    inside("traceroute", "-n", "-q", "1", "-w", "1", "-f", "3", "-m", "3", "203.0.113.80")
    lines = [msgspec.json.decode(line, type=LogLine) for line in log.read_bytes().splitlines()]
    asked = [line for line in lines if isinstance(line, PacketIn) and line.packet.endswith(b"burst")]
    ports = {IP(line.packet)[UDP].dport for line in asked}
    assert ports == set(range(33500, 33564))
    assert {line.fate for line in asked} == {Fate.ANSWERED}
    given = [line for line in lines if isinstance(line, PacketOut)]
    answered = [line for line in given if line.packet.endswith(b"burst")]
    assert len(answered) == 64
    assert all(line.at_ns >= line.due_ns and line.error is None for line in given)


def test_a_scenario_with_addresses_that_are_not_routed_is_refused() -> None:
    elsewhere = Target(addresses=(Address("10.0.0.1"),), rtt_ns=load("clean").target.rtt_ns)
    with pytest.raises(ScenarioError, match=r"10\.0\.0\.1"):
        setup_commands(Scenario(name="elsewhere", target=elsewhere))


def test_an_unknown_scenario_ends_the_program_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scenario", "nowhere"]) == 2
    assert "There is no scenario 'nowhere'" in capsys.readouterr().err
