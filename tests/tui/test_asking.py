"""Who is asked for names, by mode and options; and the command with a real name server on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab.labkit.nameserver import Answer, Zone, name_server
from tests.lookup import databases
from tracer.config import TraceConfig
from tracer.names import DnsMethod
from tui.asking import decided, sought, with_columns
from tui.scene import Look
from tui.view.columns import DEFAULT
from tui.view.facts import Fact

ROOT = Path(__file__).resolve().parents[2]
SYSTEM, OFF, GOOGLE = DnsMethod.SYSTEM, DnsMethod.OFF, DnsMethod.GOOGLE


@pytest.mark.parametrize(
    ("mode", "method"),
    [("tui", SYSTEM), ("pretty", SYSTEM), ("markdown", SYSTEM), ("json", OFF), ("csv", OFF), ("stream", OFF)],
)
def test_people_get_names_and_programs_what_they_ask_for(mode: str, method: DnsMethod) -> None:
    assert decided(TraceConfig(), mode, None).dns_resolve_method is method
    assert decided(TraceConfig(dns_resolve_all=True), mode, None).dns_resolve_method is SYSTEM
    assert decided(TraceConfig(dns_resolve_method=GOOGLE), mode, None).dns_resolve_method is GOOGLE
    assert decided(TraceConfig(dns_resolve_method=OFF), mode, None).dns_resolve_method is OFF
    assert decided(TraceConfig(), mode, "wan").dns_resolve_method is OFF


def test_what_is_sought_follows_from_the_options() -> None:
    off: dict[str, Any] = {"dns_resolve_method": OFF}
    assert sought(TraceConfig(**off)) == set()
    assert sought(TraceConfig(dns_server="192.0.2.53")) == {Fact.NAMES}
    assert sought(TraceConfig(**off, dns_lookup_as_info=True)) == {Fact.ASN}
    assert sought(TraceConfig(**off, asn_mmdb_file="x")) == {Fact.ASN}
    assert sought(TraceConfig(**off, geoip_mmdb_file="x")) == {Fact.PLACES}


def test_who_asks_for_systems_and_places_sees_their_columns() -> None:
    assert with_columns(Look(), frozenset()).columns == DEFAULT
    both = with_columns(Look(), frozenset({Fact.ASN, Fact.PLACES})).columns
    assert both == DEFAULT.replace("o", "oAy")
    assert with_columns(Look(columns="Ah"), frozenset({Fact.ASN})).columns == "Ah"


# The command


def hopscope(*arguments: str, config: Path = Path("/nonexistent")) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(config)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


GATEWAY = "1.20.18.198.in-addr.arpa."
LAN = ("--sim", "lan", "-C", "2")


def hostnames(done: subprocess.CompletedProcess[str]) -> list[str | None]:
    return [one["hostname"] for hop in json.loads(done.stdout)["hops"] for one in hop["responders"]]


def test_a_report_has_the_names_that_a_server_gave() -> None:
    with name_server({(GATEWAY, "PTR"): Answer(("gateway.example.",))}) as server:
        done = hopscope(*LAN, "-m", "json", "--dns-server", server.where)
        assert done.returncode == 0, done.stderr
        assert hostnames(done)[0] == "gateway.example"
        assert set(hostnames(done)[1:]) == {None}
        assert {kind for _, _, kind in server.asked} == {"PTR"}
        asked = len(server.asked)
        assert set(hostnames(hopscope(*LAN, "-m", "json", "--dns-server", server.where, "-n"))) == {None}
        assert len(server.asked) == asked, "-n asks nobody"


@pytest.mark.parametrize("mode", ["pretty", "stream", "json"])
def test_hostile_names_reach_no_output_as_they_are(mode: str) -> None:
    with name_server({(GATEWAY, "PTR"): Answer((r"\027[2J\155\008.[bold]example.",))}) as server:
        done = hopscope(*LAN, "-m", mode, "--dns-server", server.where)
    assert "[bold]example" in done.stdout
    assert "\x1b" not in done.stdout
    assert "\x9b" not in done.stdout


def test_a_silent_server_costs_a_report_no_more_than_the_timeout() -> None:
    zone: Zone = {}
    with name_server(zone) as server:
        for hop in ("1.20.18.198", "1.21.18.198", "10.24.18.198"):
            zone[f"{hop}.in-addr.arpa.", "PTR"] = Answer(silent=True)
        quick = time.monotonic()
        hopscope(*LAN, "-m", "json")
        quick = time.monotonic() - quick
        begun = time.monotonic()
        done = hopscope(*LAN, "-m", "json", "--dns-server", server.where, "--dns-timeout", "1s")
        took = time.monotonic() - begun
    assert done.returncode == 0
    assert took < quick + 4


def test_a_recording_with_names_replays_to_the_same_report_in_every_mode(tmp_path: Path) -> None:
    file = str(tmp_path / "trace.ndjson")
    city = databases.write(tmp_path / "city.mmdb", {"198.18.0.0/15": databases.MAXMIND_CITY})
    with name_server({(GATEWAY, "PTR"): Answer(("gateway.example.",))}) as server:
        options = (*LAN, "--dns-server", server.where, "-G", city)
        live = hopscope(*options, "-m", "json", "--record", file)
    assert "Somewhere" in live.stdout
    assert hopscope("--replay", file, "-m", "json").stdout == live.stdout
    assert "gateway.example (198.18.20.1)" in hopscope("--replay", file, "-m", "pretty").stdout
    assert hopscope("--replay", file, "-m", "stream").stdout == Path(file).read_text()


def test_every_address_of_a_name_is_a_target() -> None:
    zone: Zone = {
        ("many.example.", "A"): Answer(("127.0.0.3", "127.0.0.2")),
        ("many.example.", "AAAA"): Answer(),
    }
    with name_server(zone) as server:
        options = ("many.example.", "-m", "json", "-C", "1", "--udp", "--dns-server", server.where)
        one, every = json.loads(hopscope(*options).stdout), json.loads(hopscope(*options, "-y").stdout)
    assert one["target"]["address"] == "127.0.0.2"
    assert [report["target"]["address"] for report in every] == ["127.0.0.2", "127.0.0.3"]
    assert {report["target"]["query"] for report in every} == {"many.example."}
    assert all(report["outcome"]["reached"] for report in every)


def test_a_switch_can_be_turned_off_again(tmp_path: Path) -> None:
    (tmp_path / "hopscope").mkdir()
    (tmp_path / "hopscope" / "config.toml").write_text("[trace]\ndns-lookup-as-info = true\n")
    told = [
        json.loads(hopscope(*LAN, "-m", "json", *flags, config=tmp_path).stdout)["config"][
            "dns_lookup_as_info"
        ]
        for flags in (("--no-dns-lookup-as-info",), ("-z", "--no-dns-lookup-as-info"))
    ]
    assert told == [False, False]


def test_a_target_that_the_chosen_server_does_not_know_is_4() -> None:
    with name_server({}) as server:
        done = hopscope("nowhere.example", "-m", "json", "--dns-server", server.where)
    assert done.returncode == 4
    assert json.loads(done.stdout)["outcome"]["reason"] == "error"


def test_what_cannot_work_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "odd.mmdb").write_bytes(b"odd")
    for options, named in (
        (("--dns-server", "dns.example"), "--dns-server"),
        (("--dns-server", "192.0.2.53", "-r", "google"), "--dns-server"),
        (("-r", "google", "-n"), "--dns-resolve-method"),
        (("-G", str(tmp_path / "odd.mmdb")), "--geoip-mmdb-file"),
        (("--asn-mmdb-file", str(tmp_path / "missing")), "--asn-mmdb-file"),
    ):
        done = hopscope(*LAN, "-m", "json", *options)
        assert (done.returncode, done.stdout) == (2, ""), options
        [line] = done.stderr.splitlines()
        assert named in line
