"""What the check-up concludes from what it finds."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from tracer.config import ProtocolChoice, TraceConfig
from tracer.model import CheckResult, CheckState, Family, Protocol
from tracer.net import doctor
from tracer.net.facts import Facts, count_output_drops, read
from tracer.net.needs import needs_of

WELL = Facts(
    raw_sockets=True,
    capable=True,
    ping_sockets=dict.fromkeys(Family, True),
    families=frozenset(Family),
    settings_shown=True,
    ping_groups=(0, 2147483647),
    groups=frozenset({1000}),
    port_range=(32768, 60999),
    reserved_ports=0,
    ports_held=10,
    open_files_soft=1024,
    open_files_hard=4096,
    receive_buffer_max=4 << 20,
    stamps_show_packets=True,
    icmp_per_second=1000,
    conntrack=(10, 1000),
    clock_synchronised=True,
    firewall_drops=0,
)
TCP = TraceConfig(protocol=ProtocolChoice.TCP)
ICMP = TraceConfig(protocol=ProtocolChoice.ICMP)


def found(check: str, config: TraceConfig = ICMP, targets: int = 1, **facts: Any) -> CheckResult:
    needs = needs_of(config, targets)
    changed = msgspec.structs.replace(WELL, **facts)
    [finding] = [one for one in (look(changed, needs) for look in doctor.CHECKS) if one.check == check]
    return finding


def test_a_host_in_order_has_nothing_to_mend() -> None:
    findings = [check(WELL, needs_of(TCP, 4)) for check in doctor.CHECKS]
    assert {finding.state for finding in findings} == {CheckState.OK}
    assert all(finding.remedy is None for finding in findings)
    assert len({finding.check for finding in findings}) == len(doctor.CHECKS)


@pytest.mark.parametrize(
    ("check", "facts", "state", "remedy"),
    [
        ("raw sockets", {"raw_sockets": False}, CheckState.NOTICE, "setpriv"),
        ("address families", {"families": frozenset({Family.IPV4})}, CheckState.NOTICE, "disable_ipv6=0"),
        ("open files", {"open_files_hard": 20}, CheckState.TROUBLE, "--nofile="),
        ("receive buffer", {"receive_buffer_max": 212992}, CheckState.NOTICE, "net.core.rmem_max=1048576"),
        ("receive buffer", {"receive_buffer_max": None}, CheckState.NOTICE, "rmem_max"),
        ("kernel stamps", {"stamps_show_packets": False}, CheckState.NOTICE, "tstamp_allow_data=1"),
        ("ICMP rate limit", {"icmp_per_second": 5}, CheckState.NOTICE, "icmp_msgs_per_sec=24"),
        ("connection tracking", {"conntrack": (950, 1000)}, CheckState.TROUBLE, "nf_conntrack_max=2000"),
        ("wall clock", {"clock_synchronised": False}, CheckState.NOTICE, "set-ntp true"),
        ("local firewall", {"firewall_drops": 2}, CheckState.NOTICE, "nft list ruleset"),
        ("local firewall", {"firewall_drops": None}, CheckState.NOTICE, "nft list ruleset"),
    ],
)
def test_what_is_not_right_comes_with_the_command_that_mends_it(
    check: str, facts: dict[str, Any], state: CheckState, remedy: str
) -> None:
    finding = found(check, **facts)
    assert finding.state is state
    assert remedy in (finding.remedy or "")


def test_what_cannot_be_read_is_unknown_and_never_fine() -> None:
    hidden: dict[str, Any] = {
        "settings_shown": False,
        "port_range": None,
        "receive_buffer_max": None,
        "stamps_show_packets": None,
        "icmp_per_second": None,
        "conntrack": None,
        "clock_synchronised": None,
        "firewall_drops": None,
    }
    checks = ("source ports", "receive buffer", "kernel stamps", "ICMP rate limit", "connection tracking",
              "wall clock", "local firewall")  # fmt: skip
    for check in checks:
        finding = found(check, **hidden)
        assert (finding.state, "unknown" in finding.found) == (CheckState.NOTICE, True), check
        assert finding.remedy
    assert "cannot be read" in found("ping sockets", ping_groups=None).found
    assert "unknown" in found("source ports", ports_held=None).found
    assert found("source ports", TCP, ports_held=None, port_range=(1, 4)).state is CheckState.TROUBLE
    assert found("connection tracking", conntrack=None).found == "not loaded"


def test_ping_sockets_are_missed_only_by_who_asks_for_icmp_and_has_no_raw_socket() -> None:
    without: dict[str, Any] = {"ping_sockets": dict.fromkeys(Family, False), "ping_groups": (1, 0)}
    assert found("ping sockets", **without).state is CheckState.NOTICE
    assert found("ping sockets", **without, raw_sockets=False).state is CheckState.TROUBLE
    assert found("ping sockets", TCP, **without, raw_sockets=False).state is CheckState.NOTICE


def test_a_range_too_small_for_a_tcp_window_is_trouble_and_a_wider_one_is_not() -> None:
    window = 2 * TCP.max_inflight
    assert found("source ports", TCP, port_range=(40000, 40000 + window - 1)).state is CheckState.TROUBLE
    assert found("source ports", TCP, port_range=(40000, 40000 + window + 9)).state is CheckState.OK
    assert found("source ports", TCP, targets=2, port_range=(40000, 40060)).state is CheckState.TROUBLE
    assert found("source ports", ICMP, port_range=(40000, 40020)).state is CheckState.OK


def test_reserved_and_held_ports_are_not_free() -> None:
    room: dict[str, Any] = {"port_range": (40000, 40099)}
    assert found("source ports", TCP, **room, reserved_ports=60).state is CheckState.TROUBLE
    assert found("source ports", TCP, **room, ports_held=60).state is CheckState.TROUBLE
    assert "32 free" in found("source ports", TCP, **room, ports_held=60, reserved_ports=8).found


def test_what_is_read_is_what_this_host_says() -> None:
    facts = read(Protocol.TCP)
    assert (facts.open_files_soft, facts.open_files_hard) == resource.getrlimit(resource.RLIMIT_NOFILE)
    assert facts.groups >= {os.getegid()}
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
        raw = True
    except OSError:
        raw = False
    assert facts.raw_sockets is raw


def rule(verdict: str, chain: str = "out") -> dict[str, Any]:
    return {
        "rule": {"family": "inet", "table": "t", "chain": chain, "expr": [{"match": {}}, {verdict: None}]}
    }


def chain(name: str, **fields: Any) -> dict[str, Any]:
    return {"chain": {"family": "inet", "table": "t", "name": name, **fields}}


def test_only_rules_and_policies_on_output_that_drop_or_reject_count() -> None:
    output, other = chain("out", hook="output", policy="accept"), chain("in", hook="input", policy="drop")
    rules = [rule("drop"), rule("reject"), rule("accept"), rule("drop", "in"), rule("drop", "elsewhere")]
    assert count_output_drops({"nftables": [{"metainfo": {}}, output, other, *rules]}) == 2
    assert count_output_drops({"nftables": [chain("out", hook="output", policy="drop")]}) == 1
    assert count_output_drops({}) == 0


@pytest.mark.parametrize("arguments", [["--doctor"], ["--doctor", "203.0.113.1", "--tcp", "-m", "json"]])
def test_the_command_says_every_check_and_sends_nothing(arguments: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tui.cli", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode in (0, 1), ended.stderr) == (True, "")
    names = [check(WELL, needs_of(ICMP, 1)).check for check in doctor.CHECKS]
    if "json" in arguments:
        document = json.loads(ended.stdout)
        assert document["schema"] == "hopscope.doctor/1"
        assert [check["check"] for check in document["checks"]] == names
        troubled = any(check["state"] == "trouble" for check in document["checks"])
        assert ended.returncode == int(troubled)
    else:
        assert all(name in ended.stdout for name in names)
