"""Names of a real path, asked of a real name server by the system's resolver and by our own."""

from __future__ import annotations

import ipaddress
import json
import os
import select
import sys
from typing import TYPE_CHECKING

import pytest

from tests.lab.labkit.chain import Chain, chain
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import ENVIRONMENT, ROOT, hopscope
from tests.lab.labkit.system_resolver import SERVER, resolv_conf

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator


class Names:
    """A chain whose every address has a name, and the questions about them."""

    def __init__(self, built: Chain, process: subprocess.Popen[str]) -> None:
        self.chain = built
        self._process = process

    def questions(self) -> list[str]:
        """What was asked since the last time: a question is printed before it is answered."""
        assert self._process.stdout is not None
        fd, told = self._process.stdout.fileno(), b""
        while select.select([fd], [], [], 0)[0]:
            told += os.read(fd, 65536)
        return told.decode().splitlines()


def name_of(address: str) -> str:
    return f"host-{address.replace('.', '-').replace(':', '-')}.lab.example"


def pointers(built: Chain) -> dict[str, str]:
    addresses = [address for family in Family for address in built.responders(family)]
    zone = {
        f"{ipaddress.ip_address(address).reverse_pointer}. PTR": f"{name_of(address)}."
        for address in addresses
    }
    return {**zone, "end.lab.example. A": built.target_address(Family.IPV4)}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Names]:
    zone = tmp_path_factory.mktemp("names") / "zone.json"
    with chain(2) as built:
        zone.write_text(json.dumps(pointers(built)))
        built.source.ip("link set lo up")
        command = [sys.executable, "-m", "tests.lab.labkit.nameserver", str(zone), SERVER, "53"]
        with (
            resolv_conf(built.source, f"nameserver {SERVER}\noptions timeout:1 attempts:1\n"),
            built.source.start(command, environment=ENVIRONMENT, directory=ROOT) as process,
        ):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield Names(built, process)


@pytest.mark.parametrize("family", Family)
def test_people_read_the_names_the_system_knows(names: Names, family: Family) -> None:
    target = names.chain.target_address(family)
    run = hopscope(names.chain.source, target, "--udp", "-m", "pretty", "-C", "1")
    assert run.exit_code == 0, str(run)
    for address in names.chain.responders(family):
        assert f"{name_of(address)} ({address})" in run.stdout
    asked = {line.split()[1] for line in names.questions()}
    assert asked == {
        f"{ipaddress.ip_address(address).reverse_pointer}." for address in names.chain.responders(family)
    }


def test_programs_ask_nobody_unless_they_are_told_to(names: Names) -> None:
    target = names.chain.target_address(Family.IPV4)
    names.questions()
    for mode in ("json", "stream"):
        assert hopscope(names.chain.source, target, "--udp", "-m", mode, "-C", "1").exit_code == 0
    assert hopscope(names.chain.source, target, "--udp", "-m", "pretty", "-n", "-C", "1").exit_code == 0
    assert names.questions() == []


@pytest.mark.parametrize(
    "options", [("-r", "system"), ("-r", "resolv"), ("-y",), ("--dns-server", SERVER)], ids=lambda one: one[0]
)
def test_every_way_to_ask_gives_the_same_names(names: Names, options: tuple[str, ...]) -> None:
    target = names.chain.target_address(Family.IPV4)
    run = hopscope(names.chain.source, target, "--udp", "-m", "json", "-C", "1", *options)
    found = {one["address"]: one["hostname"] for hop in run.report["hops"] for one in hop["responders"]}
    assert found == {address: name_of(address) for address in names.chain.responders(Family.IPV4)}


@pytest.mark.parametrize("method", ["system", "resolv"])
def test_a_target_is_found_by_either_resolver(names: Names, method: str) -> None:
    run = hopscope(
        names.chain.source, "end.lab.example", "--udp", "-m", "json", "-C", "1", "-4", "-r", method
    )
    assert run.report["target"] == {
        "query": "end.lab.example",
        "address": names.chain.target_address(Family.IPV4),
        "hostname": "end.lab.example",
    }


@pytest.mark.parametrize("method", ["system", "resolv"])
def test_servers_that_do_not_answer_change_nothing_but_the_names(names: Names, method: str) -> None:
    source, target = names.chain.source, names.chain.target_address(Family.IPV4)
    with source.firewall("udp dport 53 drop", "tcp dport 53 drop"):
        run = hopscope(
            source,
            target,
            "--udp",
            "-m",
            "json",
            "-C",
            "1",
            "-r",
            method,
            "--dns-timeout",
            "1s",
            user=User.NOBODY,
        )
    assert run.exit_code == 0, str(run)
    assert [one["hostname"] for hop in run.report["hops"] for one in hop["responders"]] == [None] * 3
    assert run.report["health"]["sent"] == run.report["health"]["received"]
    assert run.seconds < 8
