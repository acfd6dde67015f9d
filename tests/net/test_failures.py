"""What an error number means: the measured table, row by row, and what a failure tells."""

from __future__ import annotations

import errno
import itertools
from typing import TYPE_CHECKING

import msgspec
import pytest

from tracer.model import Address, Failure, FailureKind, Family, Port, Protocol
from tracer.net import addresses, failures, host
from tracer.net.failures import SKIP, Attempt, Phase, PortChoice, Skip, explain, meaning
from tracer.net.reuseport import Platform

if TYPE_CHECKING:
    from collections.abc import Iterable

K = FailureKind
MOVING, FIXED, KERNEL = PortChoice.MOVING, PortChoice.FIXED, PortChoice.KERNEL
ALL_CHOICES = tuple(PortChoice)
ALL_PROTOCOLS = tuple(Protocol)
LEAVING = (Phase.CONNECT, Phase.SEND)


def attempt(
    phase: Phase, choice: PortChoice = MOVING, protocol: Protocol = Protocol.UDP, *, lap_ends: bool = False
) -> Attempt:
    return Attempt(
        phase=phase,
        protocol=protocol,
        family=Family.IPV4,
        choice=choice,
        source=Address("127.0.0.1"),
        source_port=Port(0 if choice is KERNEL else 40000),
        target=Address("127.0.0.1"),
        target_port=Port(33434),
        lap_ends=lap_ends,
    )


Expected = tuple[Phase, int, PortChoice, Protocol, "FailureKind | Skip"]


def rows(
    phases: Iterable[Phase],
    errors: Iterable[int],
    choices: Iterable[PortChoice],
    protocols: Iterable[Protocol],
    meant: FailureKind | Skip,
) -> list[Expected]:
    return [(*row, meant) for row in itertools.product(phases, errors, choices, protocols)]


BIND, CONNECT, SEND, SOCKET = (Phase.BIND,), (Phase.CONNECT,), (Phase.SEND,), (Phase.SOCKET,)
MEASURED: list[Expected] = [
    *rows(BIND, [errno.EADDRINUSE], [MOVING], ALL_PROTOCOLS, SKIP),
    *rows(BIND, [errno.EADDRINUSE], [FIXED], ALL_PROTOCOLS, K.PORT_IN_USE),
    *rows(BIND, [errno.EADDRINUSE], [KERNEL], ALL_PROTOCOLS, K.PORTS_EXHAUSTED),
    *rows(BIND, [errno.EADDRNOTAVAIL], ALL_CHOICES, ALL_PROTOCOLS, K.SOURCE_UNAVAILABLE),
    *rows(BIND, [errno.EACCES], [MOVING, FIXED], ALL_PROTOCOLS, K.NOT_PERMITTED),
    *rows(CONNECT, [errno.EADDRINUSE], [MOVING], [Protocol.TCP], SKIP),
    *rows(CONNECT, [errno.EADDRINUSE], [FIXED], [Protocol.TCP], K.PORT_IN_USE),
    *rows(CONNECT, [errno.EADDRNOTAVAIL], ALL_CHOICES, [Protocol.TCP], K.PORTS_EXHAUSTED),
    *rows(LEAVING, [errno.EAGAIN], [KERNEL], [Protocol.UDP], K.PORTS_EXHAUSTED),
    *rows(SEND, [errno.EAGAIN], [MOVING, FIXED], ALL_PROTOCOLS, K.QUEUE_FULL),
    *rows(SEND, [errno.ENOBUFS, errno.ENOMEM], ALL_CHOICES, ALL_PROTOCOLS, K.QUEUE_FULL),
    *rows(SEND, [errno.EPERM], ALL_CHOICES, ALL_PROTOCOLS, K.LOCAL_FIREWALL),
    *rows(
        LEAVING,
        [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ECONNREFUSED],
        ALL_CHOICES,
        ALL_PROTOCOLS,
        K.NO_ROUTE,
    ),
    *rows(LEAVING, [errno.EACCES, errno.EINVAL], ALL_CHOICES, ALL_PROTOCOLS, K.NO_ROUTE),
    *rows(SEND, [errno.EMSGSIZE], ALL_CHOICES, ALL_PROTOCOLS, K.MESSAGE_TOO_LONG),
    *rows(SOCKET, [errno.EMFILE, errno.ENFILE], ALL_CHOICES, ALL_PROTOCOLS, K.TOO_MANY_FILES),
]
"""The kernel's behaviour as it was measured, written out here a second time and independently."""


def _name(value: object) -> str:
    return errno.errorcode[value] if isinstance(value, int) else str(getattr(value, "value", "skip"))


@pytest.mark.parametrize(("phase", "number", "choice", "protocol", "meant"), MEASURED, ids=_name)
def test_an_error_means_what_was_measured(
    phase: Phase, number: int, choice: PortChoice, protocol: Protocol, meant: FailureKind | Skip
) -> None:
    assert meaning(attempt(phase, choice, protocol), number, Platform.LINUX) is meant


@pytest.mark.parametrize("protocol", Protocol)
def test_macos_tells_an_exhausted_range_as_an_unavailable_address(protocol: Protocol) -> None:
    from_kernel = attempt(Phase.BIND, KERNEL, protocol)
    assert meaning(from_kernel, errno.EADDRNOTAVAIL, Platform.MACOS) is K.PORTS_EXHAUSTED
    assert meaning(from_kernel, errno.EADDRNOTAVAIL, Platform.LINUX) is K.SOURCE_UNAVAILABLE
    own = attempt(Phase.BIND, MOVING, protocol)
    assert meaning(own, errno.EADDRNOTAVAIL, Platform.MACOS) is K.SOURCE_UNAVAILABLE


@pytest.mark.parametrize("protocol", Protocol)
def test_no_error_from_port_0_is_ever_skipped(protocol: Protocol) -> None:
    """Skipping where the kernel chooses would spin for ever."""
    for phase, number, platform in itertools.product(Phase, errno.errorcode, Platform):
        assert meaning(attempt(phase, KERNEL, protocol), number, platform) is not SKIP


def test_only_a_port_in_use_is_ever_skipped() -> None:
    for phase, choice, protocol, platform in itertools.product(Phase, PortChoice, Protocol, Platform):
        for number in errno.errorcode:
            if meaning(attempt(phase, choice, protocol), number, platform) is SKIP:
                assert (number, choice) == (errno.EADDRINUSE, MOVING)


def test_a_port_in_use_is_skipped_until_the_lap_ends_and_exhaustion_then() -> None:
    error = OSError(errno.EADDRINUSE, "in use")
    assert explain(attempt(Phase.BIND, MOVING), error) is SKIP
    found = explain(attempt(Phase.BIND, MOVING, lap_ends=True), error)
    assert isinstance(found, Failure)
    assert found.kind is K.PORTS_EXHAUSTED


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("protocol", Protocol)
def test_every_failure_has_a_sentence_a_remedy_a_name_and_evidence(phase: Phase, protocol: Protocol) -> None:
    for choice, number in itertools.product(PortChoice, errno.errorcode):
        found = explain(attempt(phase, choice, protocol, lap_ends=True), OSError(number, "said the kernel"))
        assert isinstance(found, Failure)
        assert found.message.endswith(".")
        assert "{" not in found.message
        assert found.remedy
        assert found.errno == errno.errorcode[number]
        assert found.evidence["phase"] == phase.value
        assert msgspec.json.decode(msgspec.json.encode(found), type=Failure) == found


def test_an_error_without_a_number_is_explained_as_well() -> None:
    found = explain(attempt(Phase.SEND), OSError("no number"))
    assert isinstance(found, Failure)
    assert found.kind is K.OTHER


def test_exhaustion_shows_range_use_tuple_and_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "local_port_range", lambda: (40000, 40007))
    monkeypatch.setattr(host, "reserved_ports", lambda: frozenset({40001}))
    monkeypatch.setattr(host, "ports_in_use", lambda *_: {"TIME_WAIT": 7})
    found = explain(attempt(Phase.BIND, KERNEL, Protocol.TCP), OSError(errno.EADDRINUSE, ""))
    assert isinstance(found, Failure)
    assert found.evidence == {
        "phase": "bind",
        "range": [40000, 40007],
        "reserved": 1,
        "in_use": {"TIME_WAIT": 7},
        "tuple": ["127.0.0.1", 0, "127.0.0.1", 33434],
    }
    assert "40000-40007" in found.message
    assert "ip_local_port_range" in found.remedy


def test_a_taken_4_tuple_is_told_apart_from_a_full_range() -> None:
    found = explain(attempt(Phase.CONNECT, FIXED, Protocol.TCP), OSError(errno.EADDRNOTAVAIL, ""))
    assert isinstance(found, Failure)
    assert found.kind is K.PORTS_EXHAUSTED
    assert "4-tuple" in found.message


@pytest.mark.parametrize("choice", PortChoice)
@pytest.mark.parametrize(
    ("udp_says", "kind"),
    [
        (None, K.PORTS_EXHAUSTED),
        (errno.EADDRNOTAVAIL, K.SOURCE_UNAVAILABLE),
        (errno.ENETUNREACH, K.SOURCE_UNAVAILABLE),
        (errno.EAFNOSUPPORT, K.SOURCE_UNAVAILABLE),
        (errno.EAGAIN, K.PORTS_EXHAUSTED),
        (errno.EMFILE, K.PORTS_EXHAUSTED),
    ],
)
def test_tcp_connect_asks_udp_whether_it_is_the_address(
    monkeypatch: pytest.MonkeyPatch, udp_says: int | None, kind: FailureKind, choice: PortChoice
) -> None:
    """EAGAIN of the cross-check is UDP's own want of ports: it accuses nobody's address."""

    def routed(*_: object) -> Address:
        if udp_says is not None:
            raise OSError(udp_says, "")
        return Address("127.0.0.1")

    monkeypatch.setattr(addresses, "routed_source", routed)
    found = explain(attempt(Phase.CONNECT, choice, Protocol.TCP), OSError(errno.EADDRNOTAVAIL, ""))
    assert isinstance(found, Failure)
    assert found.kind is kind


def test_an_unusable_source_names_the_cause_and_our_own_addresses() -> None:
    foreign = msgspec.structs.replace(attempt(Phase.BIND), source=Address("192.0.2.77"))
    found = explain(foreign, OSError(errno.EADDRNOTAVAIL, ""))
    assert isinstance(found, Failure)
    assert found.evidence["cause"] == "no interface of this host has it"
    assert "127.0.0.1" in found.evidence["own"]


def test_a_port_in_use_names_its_holder_where_it_is_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    error = OSError(errno.EADDRINUSE, "")
    monkeypatch.setattr(host, "port_holder", lambda *_: "named (process 53)")
    seen = explain(attempt(Phase.BIND, FIXED), error)
    monkeypatch.setattr(host, "port_holder", lambda *_: None)
    unseen = explain(attempt(Phase.BIND, FIXED), error)
    assert isinstance(seen, Failure)
    assert isinstance(unseen, Failure)
    assert seen.message == "Source port 40000 is in use by named (process 53)."
    assert unseen.message == "Source port 40000 is in use."


def test_a_probe_too_long_tells_the_mtu_it_met() -> None:
    narrow = msgspec.structs.replace(attempt(Phase.SEND), mtu=1280)
    found = explain(narrow, OSError(errno.EMSGSIZE, ""))
    assert isinstance(found, Failure)
    assert found.evidence["mtu"] == 1280


def test_every_row_decides_something() -> None:
    """A row that an earlier one hides would be a decision nobody takes."""
    for row in failures.TABLE:
        firsts = [
            next(
                one
                for one in failures.TABLE
                if number in one.errors
                and phase in one.phases
                and choice in one.choices
                and protocol in one.protocols
            )
            for phase, number, choice, protocol in itertools.product(
                row.phases, row.errors, row.choices, row.protocols
            )
        ]
        assert row in firsts
