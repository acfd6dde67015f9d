"""The laboratory itself: what later tests lean on must hold, or their results mean nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.labkit.capture import capture, round_trips_ns
from tests.lab.labkit.chain import SOURCE_DEVICE, chain
from tests.lab.labkit.families import Family
from tests.lab.labkit.hog import KINDS, PORT_RANGE, port_hog
from tests.lab.labkit.namespace import (
    MOUNTS,
    PREFIX,
    CallError,
    Namespace,
    User,
    namespaces,
    remove_leftovers,
)
from tests.lab.labkit.product import ENVIRONMENT, ROOT
from tests.lab.labkit.sockets import errno_of
from tests.lab.labkit.tun import tun_lab

if TYPE_CHECKING:
    from tests.lab.labkit.chain import Chain

NO_CAPABILITIES = {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapAmb": 0}


def _capabilities(status: str) -> dict[str, int]:
    pairs = (line.split(":") for line in status.splitlines() if line.startswith("Cap"))
    return {name: int(mask, 16) for name, mask in pairs if name != "CapBnd"}


def _uids(status: str) -> list[str]:
    return next(line for line in status.splitlines() if line.startswith("Uid")).split()[1:]


def _own_status() -> str:
    return Path("/proc/self/status").read_text()


def test_nobody_has_no_capability_left_in_a_program(two_routers: Chain) -> None:
    status = two_routers.source.run(["cat", "/proc/self/status"], user=User.NOBODY).stdout
    assert _capabilities(status) == NO_CAPABILITIES
    assert _uids(status) == ["65534"] * 4


def test_nobody_has_no_capability_left_in_a_called_function(two_routers: Chain) -> None:
    status = two_routers.source.call(_own_status)
    assert _capabilities(status) == NO_CAPABILITIES
    assert _uids(status) == ["65534"] * 4


def test_nobody_can_run_this_interpreter_with_its_packages(two_routers: Chain) -> None:
    arguments = [sys.executable, "-c", "import msgspec, sys; print(sys.version_info[:2] >= (3, 11))"]
    done = two_routers.source.run(arguments, user=User.NOBODY, environment=ENVIRONMENT)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_entering_a_namespace_leaves_it_again() -> None:
    before = Path("/proc/thread-self/ns/net").readlink()
    with namespaces("alone") as [alone]:
        with alone.entered():
            inside = Path("/proc/thread-self/ns/net").readlink()
        assert inside != before
        assert Path("/proc/thread-self/ns/net").readlink() == before


def test_a_namespace_has_no_way_out() -> None:
    with namespaces("alone") as [alone]:
        devices = alone.call(socket.if_nameindex)
    assert [name for _, name in devices] == ["lo"]


def test_a_function_that_hangs_is_ended() -> None:
    reading, writing = os.pipe()
    with namespaces("alone") as [alone], pytest.raises(CallError, match="no answer within"):
        alone.call(lambda: os.read(reading, 1), seconds=0.2)
    os.close(reading)
    os.close(writing)


def test_a_function_that_raises_tells_why() -> None:
    with namespaces("alone") as [alone], pytest.raises(CallError, match="ZeroDivisionError"):
        alone.call(lambda: 1 // 0)


def test_a_started_program_ends_with_its_block(two_routers: Chain) -> None:
    with two_routers.source.start(["sleep", "60"]) as process:
        assert process.poll() is None
    assert process.returncode == -15


def test_namespaces_are_deleted_when_a_test_fails() -> None:
    with pytest.raises(RuntimeError, match="the test"), namespaces("alone") as [alone]:
        raise RuntimeError("the test")
    assert not (MOUNTS / alone.name).exists()


def test_leftovers_of_a_dead_process_are_removed_and_others_kept() -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait(timeout=5)
    with namespaces("alive") as [alive]:
        name = f"{PREFIX}-{gone.pid}-0-source"
        subprocess.run(["ip", "netns", "add", name], check=True, timeout=5)
        assert remove_leftovers() == [name]
        assert not (MOUNTS / name).exists()
        assert (MOUNTS / alive.name).exists()


def test_sysctls_and_rules_are_put_back(two_routers: Chain) -> None:
    source = two_routers.source
    key = "net.ipv4.ping_group_range"
    before = source.read_sysctl(key)
    with source.sysctls({key: "0 65534"}), source.firewall("udp dport 7 drop"):
        assert source.read_sysctl(key).split() == ["0", "65534"]
        assert "dport 7 drop" in source.run(["nft", "list", "ruleset"]).stdout
    assert source.read_sysctl(key) == before
    assert source.run(["nft", "list", "ruleset"]).stdout == ""


def test_ten_routers_stand_within_three_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with chain(10) as built:
        with capsys.disabled():
            print(f"\nten routers and a target, both families answering: {built.built_in_s:.3f} s")  # noqa: T201 -- a measurement
        assert built.built_in_s < 3


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("method", [(), ("-I",), ("-T", "-p", "80")], ids=["udp", "icmp", "tcp"])
def test_traceroute_sees_the_chain_as_it_was_built(
    ten_routers: Chain, family: Family, method: tuple[str, ...]
) -> None:
    target = ten_routers.target_address(family)
    done = ten_routers.source.run(["traceroute", family.flag, "-n", "-q", "1", *method, target])
    assert [line.split()[1] for line in done.stdout.splitlines()[1:]] == ten_routers.responders(family)


@pytest.mark.parametrize("family", Family)
def test_traceroute_sees_the_scenario_behind_the_tun_device(family: Family) -> None:
    with tun_lab("wan") as lab:
        done = lab.namespace.run(
            ["traceroute", family.flag, "-n", "-q", "1", "-w", "1", lab.target_address(family)]
        )
        expected = lab.responders(family)
    seen = [{line.split()[1]} - {"*"} for line in done.stdout.splitlines()[1:]]
    assert len(seen) == len(expected)
    assert all(answered <= possible for answered, possible in zip(seen, expected, strict=True))
    assert sum(map(bool, seen)) == sum(map(bool, expected))


def _refusals(source: Namespace, ports: range) -> set[tuple[str, int, int, str]]:
    """What binding each of these ports says where it does not succeed, per family and kind."""

    def bind(family: Family, kind: int, port: int) -> str:
        with socket.socket(family.af, kind) as sock:
            return errno_of(lambda: sock.bind((family.any_address, port)))

    def ask() -> set[tuple[str, int, int, str]]:
        tried = {(family.value, int(kind), port) for family in Family for kind in KINDS for port in ports}
        return {(*one, bind(Family(one[0]), one[1], one[2])) for one in tried}

    return {answer for answer in source.call(ask) if answer[3] != "none"}


def test_the_port_hog_holds_every_port_and_frees_them(two_routers: Chain) -> None:
    with port_hog(two_routers.source) as hog:
        held = _refusals(two_routers.source, PORT_RANGE)
        hog.free()
        freed = _refusals(two_routers.source, PORT_RANGE)
    assert len(held) == len(Family) * len(KINDS) * len(PORT_RANGE)
    assert {errno for *_, errno in held} == {"EADDRINUSE"}
    assert freed == set()


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("method", ["-U", "-I", "-T"])
def test_capture_pairs_every_probe_with_its_answer(ten_routers: Chain, family: Family, method: str) -> None:
    with capture(ten_routers.source, SOURCE_DEVICE) as tap:
        ten_routers.source.run(
            [
                "traceroute",
                family.flag,
                "-n",
                "-q",
                "1",
                "-m",
                "8",
                method,
                ten_routers.target_address(family),
            ]
        )
        times = round_trips_ns(tap.packets())
    assert len(times) == 8
    assert all(0 < rtt_ns < 100_000_000 for rtt_ns in times.values())


NEEDS_LAB = "tests/lab/test_labkit.py::test_a_namespace_has_no_way_out"


@pytest.mark.parametrize(
    ("ci", "exit_code", "outcome"),
    [({}, pytest.ExitCode.OK, "1 skipped"), ({"CI": "true"}, pytest.ExitCode.TESTS_FAILED, "1 error")],
)
def test_without_root_the_lab_skips_and_under_ci_that_is_a_failure(
    two_routers: Chain, ci: dict[str, str], exit_code: int, outcome: str
) -> None:
    done = two_routers.source.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", NEEDS_LAB],
        user=User.NOBODY,
        environment={**ENVIRONMENT, **ci},
        directory=ROOT,
    )
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert outcome in done.stdout
    assert "the lab needs root" in done.stdout
