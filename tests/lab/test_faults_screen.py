"""While a fault lasts the screen says what is wrong, and when it is over it stops saying so."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.lab.labkit.chain import SOURCE_DEVICE, chain
from tests.lab.labkit.families import Family
from tests.lab.labkit.fault_notes import FaultNotes
from tests.lab.labkit.hog import port_hog
from tests.lab.labkit.nameserver import Answer
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import ENVIRONMENT, ROOT, hopscope_command
from tests.lab.labkit.system_resolver import resolving
from tests.lab.labkit.vpn import FAR, vpn
from tests.tui.pseudo_terminal import Terminal, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.lab.labkit.chain import Chain
    from tests.lab.labkit.namespace import Namespace

PACE = ("-i", "250ms", "-T", "250ms", "--timeout", "500ms", "--udp", "--channel", "errqueue")
NAME = "end.lab.example"


@pytest.fixture(scope="module")
def path() -> Iterator[Chain]:
    with chain(2) as built:
        yield built


@contextlib.contextmanager
def screen(path: Chain, *arguments: str) -> Iterator[Terminal]:
    """The screen as nobody; wide, so that no sentence is cut."""
    command = path.source.command(hopscope_command(*arguments, *PACE), User.NOBODY)
    environment = {**ENVIRONMENT, "TERM": "xterm-256color"}
    with terminal(command, environment=environment, directory=ROOT, size=(240, 36)) as opened:
        yield opened
        opened.press("q")
        opened.end()


def line_with(opened: Terminal, words: str) -> str:
    """The line of the screen that says this, once it does."""
    opened.see(words)
    return next(line for line in opened.screen.lines if words in line).strip()


def _interface_down(source: Namespace) -> AbstractContextManager[None]:
    return _undone(source, f"link set {SOURCE_DEVICE} down", f"link set {SOURCE_DEVICE} up", ROUTE)


ROUTE = "route add 198.18.0.0/15 via 198.18.0.2"


@contextlib.contextmanager
def _undone(source: Namespace, broken: str, *mended: str) -> Iterator[None]:
    source.ip(broken)
    try:
        yield
    finally:
        source.ip(*mended)


def _firewall(source: Namespace) -> AbstractContextManager[None]:
    return source.firewall("udp dport 33434-33534 drop")


@contextlib.contextmanager
def _full_queue(source: Namespace) -> Iterator[None]:
    shaped = ["root", "tbf", "rate", "1kbit", "burst", "100", "limit", "100"]
    assert source.run(["tc", "qdisc", "add", "dev", SOURCE_DEVICE, *shaped]).returncode == 0
    try:
        yield
    finally:
        source.run(["tc", "qdisc", "delete", "dev", SOURCE_DEVICE, "root"])


FAULTS: dict[str, tuple[Callable[[Namespace], AbstractContextManager[None]], str]] = {
    "interface down and up": (_interface_down, "no address or no route to send from"),
    "firewall: drop on output": (_firewall, "nft list ruleset"),
    "send queue full (ENOBUFS)": (_full_queue, "queue of this host is full: sending"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.fault("{fault}", "shows it on the screen until it is over", way="udp")
def test_the_screen_says_what_is_wrong_for_as_long_as_it_lasts(
    path: Chain, fault: str, notes: FaultNotes
) -> None:
    broken, words = FAULTS[fault]
    target = path.target_address(Family.IPV4)
    with screen(path, target) as opened:
        _shown_while(opened, target, broken(path.source), words, notes)


@pytest.mark.fault("source ports exhausted", "shows it on the screen until it is over", way="udp")
def test_the_screen_says_that_there_are_no_ports_until_there_are_some(path: Chain, notes: FaultNotes) -> None:
    target, words = path.target_address(Family.IPV4), "net.ipv4.ip_local_port_range"
    with port_hog(path.source) as hog, screen(path, target, "-P", "33434") as opened:
        notes.says("screen", f"screen: {line_with(opened, words)}")
        hog.free()
        opened.read_until(lambda seen: words not in seen.text and seen.text.count(target) > 1)


def _shown_while(
    opened: Terminal, target: str, broken: AbstractContextManager[None], words: str, notes: FaultNotes
) -> None:
    """The words stand on the screen of a trace that runs while it is broken, not before and not after."""
    opened.read_until(lambda seen: seen.text.count(target) > 1)
    assert words not in opened.screen.text
    with broken:
        notes.says("screen", f"screen: {line_with(opened, words)}")
    opened.read_until(lambda seen: words not in seen.text)
    opened.read_until(lambda seen: seen.text.count(target) > 1)


def _add(opened: Terminal, name: str) -> None:
    opened.press("a")
    opened.see("host name or address to trace")
    opened.press(f"{name}\r")


@pytest.mark.fault(
    "no DNS: the screen",
    "says so for some seconds and traces the others; the name can be added again",
    way="udp",
)
def test_a_name_that_nobody_resolves_is_told_on_the_screen_and_found_when_there_is_dns(
    path: Chain, notes: FaultNotes
) -> None:
    target = path.target_address(Family.IPV4)
    dead = {(f"{NAME}.", kind): Answer(rcode="SERVFAIL") for kind in ("A", "AAAA")}
    with resolving(path.source, dead), screen(path, target) as opened:
        opened.read_until(lambda seen: seen.text.count(target) > 1)
        _add(opened, NAME)
        words = "The name servers give no answer about"
        opened.see(words)
        opened.see(NAME)
        told = " ".join(line.strip(" ▌") for line in opened.screen.lines if "▌" in line)
        notes.says("screen", f"screen: {told}")
        dead.update({(f"{NAME}.", "A"): Answer((target,)), (f"{NAME}.", "AAAA"): Answer()})
        opened.read_until(lambda seen: words not in seen.text)
        _add(opened, NAME)
        opened.read_until(lambda seen: f"{NAME} ({target})" in seen.text or seen.text.count(NAME) > 1)
        assert words not in opened.screen.text


@pytest.mark.fault(
    "VPN whose name servers know another address", "looks the name up anew and says so; traces on", way="udp"
)
def test_a_name_with_another_address_is_on_the_screen_until_it_is_over(
    path: Chain, notes: FaultNotes
) -> None:
    outside, inside = path.target_address(Family.IPV4), FAR[Family.IPV4]
    zone = {(f"{NAME}.", "A"): Answer((outside,)), (f"{NAME}.", "AAAA"): Answer()}
    with resolving(path.source, zone), screen(path, NAME, "-4") as opened:
        opened.read_until(lambda seen: seen.text.count(outside) > 1)
        with vpn(path):
            zone[f"{NAME}.", "A"] = Answer((inside,))
            words = f"{NAME} is now {inside}"
            notes.says("screen", f"screen: {line_with(opened, words)}")
        zone[f"{NAME}.", "A"] = Answer((outside,))
        opened.read_until(lambda seen: words not in seen.text)
