"""What an error number means, by the phase it came in: the table of docs/design.md as data.

An OSError ends here. What leaves is either "skip this port" or a Failure with a sentence, a remedy and the
facts behind it. Nothing is guessed from the text of an error.
"""

from __future__ import annotations

import errno
import functools
import time
from collections.abc import Callable
from enum import StrEnum

import msgspec

from tracer.model import Address, Failure, FailureKind, Family, Port, Protocol
from tracer.net import addresses, host
from tracer.net.linux import OPTIONS
from tracer.net.reuseport import THIS, Platform


class Phase(StrEnum):
    """The system call that failed."""

    SOCKET = "socket"
    BIND = "bind"
    CONNECT = "connect"
    SEND = "send"


class PortChoice(StrEnum):
    """Who chose the source port."""

    MOVING = "moving"
    """The engine, and it may take another one."""
    FIXED = "fixed"
    """The user."""
    KERNEL = "kernel"
    """The kernel was to choose (port 0)."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What was tried when the error came."""

    phase: Phase
    protocol: Protocol
    family: Family
    choice: PortChoice
    source: Address
    source_port: Port
    target: Address
    target_port: Port
    lap_ends: bool = False
    mtu: int | None = None
    """The MTU the error queue told, for EMSGSIZE."""


class Skip:
    """Another socket holds the port: take the next one."""


SKIP = Skip()

Meaning = FailureKind | Skip

_ANY_CHOICE = frozenset(PortChoice)
_OWN = frozenset({PortChoice.MOVING, PortChoice.FIXED})
_MOVING = frozenset({PortChoice.MOVING})
_FIXED = frozenset({PortChoice.FIXED})
_KERNEL = frozenset({PortChoice.KERNEL})
_ANY_PROTOCOL = frozenset(Protocol)
_TCP = frozenset({Protocol.TCP})
_UDP = frozenset({Protocol.UDP})
_ANY_PHASE = frozenset(Phase)
_BIND = frozenset({Phase.BIND})
_CONNECT = frozenset({Phase.CONNECT})
_SOCKET = frozenset({Phase.SOCKET})
_LEAVING = frozenset({Phase.CONNECT, Phase.SEND})


class Row(msgspec.Struct, frozen=True):
    """One line of the table; the first that fits decides."""

    phases: frozenset[Phase]
    errors: frozenset[int]
    choices: frozenset[PortChoice]
    protocols: frozenset[Protocol]
    meaning: Meaning


def _row(
    phases: frozenset[Phase],
    errors: tuple[int, ...],
    choices: frozenset[PortChoice],
    protocols: frozenset[Protocol],
    meaning: Meaning,
) -> Row:
    return Row(phases, frozenset(errors), choices, protocols, meaning)


_K = FailureKind
TABLE: tuple[Row, ...] = (
    _row(_BIND, (errno.EADDRINUSE,), _MOVING, _ANY_PROTOCOL, SKIP),
    _row(_BIND, (errno.EADDRINUSE,), _FIXED, _ANY_PROTOCOL, _K.PORT_IN_USE),
    _row(_BIND, (errno.EADDRINUSE,), _KERNEL, _ANY_PROTOCOL, _K.PORTS_EXHAUSTED),
    _row(_BIND, (errno.EADDRNOTAVAIL,), _ANY_CHOICE, _ANY_PROTOCOL, _K.SOURCE_UNAVAILABLE),
    # An IPv6 link-local address without its link.
    _row(_BIND, (errno.EINVAL,), _ANY_CHOICE, _ANY_PROTOCOL, _K.SOURCE_UNAVAILABLE),
    _row(_BIND, (errno.EACCES,), _OWN, _ANY_PROTOCOL, _K.NOT_PERMITTED),
    # BSD and macOS tell at connect that the 4-tuple is taken.
    _row(_CONNECT, (errno.EADDRINUSE,), _MOVING, _TCP, SKIP),
    _row(_CONNECT, (errno.EADDRINUSE,), _FIXED, _TCP, _K.PORT_IN_USE),
    # Linux: the 4-tuple is in SYN-SENT, ESTABLISHED or an unreusable TIME-WAIT. Never skipped in silence.
    _row(_CONNECT, (errno.EADDRNOTAVAIL,), _ANY_CHOICE, _TCP, _K.PORTS_EXHAUSTED),
    _row(_CONNECT, (errno.EADDRNOTAVAIL,), _ANY_CHOICE, _UDP, _K.SOURCE_UNAVAILABLE),
    # UDP's autobind reports a full range as "try again"; trying again would not help.
    _row(_LEAVING, (errno.EAGAIN,), _KERNEL, _UDP, _K.PORTS_EXHAUSTED),
    _row(_LEAVING, (errno.EADDRNOTAVAIL,), _ANY_CHOICE, _ANY_PROTOCOL, _K.SOURCE_UNAVAILABLE),
    _row(_LEAVING, (errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN), _ANY_CHOICE, _ANY_PROTOCOL, _K.QUEUE_FULL),
    _row(_LEAVING, (errno.EPERM,), _ANY_CHOICE, _ANY_PROTOCOL, _K.LOCAL_FIREWALL),
    _row(
        _LEAVING,
        (
            errno.EHOSTUNREACH,
            errno.ENETUNREACH,
            errno.ENETDOWN,
            errno.ECONNREFUSED,
            errno.EACCES,
            errno.EINVAL,
        ),
        _ANY_CHOICE,
        _ANY_PROTOCOL,
        _K.NO_ROUTE,
    ),
    _row(_LEAVING, (errno.EMSGSIZE,), _ANY_CHOICE, _ANY_PROTOCOL, _K.MESSAGE_TOO_LONG),
    _row(_SOCKET, (errno.EMFILE, errno.ENFILE), _ANY_CHOICE, _ANY_PROTOCOL, _K.TOO_MANY_FILES),
    _row(_SOCKET, (errno.EACCES, errno.EPERM), _ANY_CHOICE, _ANY_PROTOCOL, _K.NOT_PERMITTED),
    _row(_SOCKET, (errno.EAFNOSUPPORT,), _ANY_CHOICE, _ANY_PROTOCOL, _K.SOURCE_UNAVAILABLE),
    _row(_ANY_PHASE, (errno.ENOBUFS, errno.ENOMEM), _ANY_CHOICE, _ANY_PROTOCOL, _K.QUEUE_FULL),
)


_FIRST: dict[Platform, tuple[Row, ...]] = {
    # macOS tells a full range as "no such address"; Linux means the address when it says so.
    Platform.MACOS: (_row(_BIND, (errno.EADDRNOTAVAIL,), _KERNEL, _ANY_PROTOCOL, _K.PORTS_EXHAUSTED),),
}
"""Rows that go first on one platform."""


def meaning(attempt: Attempt, number: int, platform: Platform = THIS) -> Meaning:
    """What the table says; ``other`` for what it does not know."""
    for row in _FIRST.get(platform, ()) + TABLE:
        if (
            number in row.errors
            and attempt.phase in row.phases
            and attempt.choice in row.choices
            and attempt.protocol in row.protocols
        ):
            return row.meaning
    return FailureKind.OTHER


def explain(attempt: Attempt, error: OSError) -> Failure | Skip:
    """Skip the port, or a Failure that names the cause, the evidence and the remedy."""
    number = error.errno or 0
    found = meaning(attempt, number)
    if isinstance(found, Skip):
        if not attempt.lap_ends:
            return found
        found = FailureKind.PORTS_EXHAUSTED
    elif found is FailureKind.PORTS_EXHAUSTED and _source_is_the_cause(attempt, number):
        found = FailureKind.SOURCE_UNAVAILABLE
    name = errno.errorcode.get(number, str(number))
    return _TEXTS[found](attempt, name)


def no_descriptor(error: OSError) -> Failure:
    """Not even what a channel needs for itself could be opened."""
    return Failure(
        kind=FailureKind.TOO_MANY_FILES,
        message=f"This process may open no more files ({error.strerror}).",
        remedy="Raise the limit of open files (ulimit -n).",
    )


def _source_is_the_cause(attempt: Attempt, number: int) -> bool:
    """EADDRNOTAVAIL of a TCP connect also comes when the family is off or has no address.

    Connecting a UDP socket needs a source address but hardly a port: if that fails too, it is the address.
    """
    return number == errno.EADDRNOTAVAIL and addresses.lacks_source(attempt.target, attempt.family)


def _failure(
    kind: FailureKind, attempt: Attempt, name: str, message: str, remedy: str, **evidence: object
) -> Failure:
    return Failure(
        kind=kind,
        message=message,
        remedy=remedy,
        errno=name,
        evidence={"phase": attempt.phase.value, **evidence},
    )


def _tuple_of(attempt: Attempt) -> list[object]:
    return [attempt.source, attempt.source_port, attempt.target, attempt.target_port]


@functools.lru_cache(maxsize=4)
def _ports_in_use(protocol: Protocol, low: int, high: int, second: int) -> dict[str, int]:  # noqa: ARG001
    """Counted once a second: a round may fail once for every TTL, and a busy host has many sockets."""
    return host.ports_in_use(protocol, low, high)


def _ports_exhausted(attempt: Attempt, name: str) -> Failure:
    low, high = host.local_port_range()
    protocol = Protocol.UDP if attempt.protocol is Protocol.ICMP else attempt.protocol
    return _failure(
        FailureKind.PORTS_EXHAUSTED,
        attempt,
        name,
        f"No {attempt.protocol.upper()} source port is left for {attempt.target}: "
        f"the range {low}-{high} is exhausted.",
        "Close what holds the ports, widen net.ipv4.ip_local_port_range, or fix one port with --source-port.",
        range=[low, high],
        reserved=len(host.reserved_ports()),
        in_use=_ports_in_use(protocol, low, high, int(time.monotonic())),
        tuple=_tuple_of(attempt),
    )


def _tuple_taken_or_exhausted(attempt: Attempt, name: str) -> Failure:
    if attempt.phase is not Phase.CONNECT or attempt.choice is PortChoice.KERNEL:
        return _ports_exhausted(attempt, name)
    failure = _ports_exhausted(attempt, name)
    return msgspec.structs.replace(
        failure,
        message=f"Source ports are exhausted towards {attempt.target}: another connection holds the 4-tuple "
        "of the probe.",
    )


def _port_in_use(attempt: Attempt, name: str) -> Failure:
    holder = host.port_holder(attempt.protocol, attempt.source_port)
    by = f" by {holder}" if holder else ""
    return _failure(
        FailureKind.PORT_IN_USE,
        attempt,
        name,
        f"Source port {attempt.source_port} is in use{by}.",
        "Stop what holds it, choose another --source-port, or leave the option out.",
        port=attempt.source_port,
        holder=holder,
    )


def _source_unavailable(attempt: Attempt, name: str) -> Failure:
    found = addresses.why_unavailable(attempt.source, attempt.family)
    chosen = attempt.source != OPTIONS[attempt.family].wildcard
    subject = f"Source address {attempt.source}" if chosen else f"No {attempt.family} source address"
    verb = "cannot" if chosen else "can"
    return _failure(
        FailureKind.SOURCE_UNAVAILABLE,
        attempt,
        name,
        f"{subject} {verb} be used: {found.why}.",
        found.remedy,
        address=attempt.source,
        cause=found.why,
        own=sorted(addresses.own_addresses(attempt.family)),
    )


def _simple(kind: FailureKind, message: str, remedy: str) -> Callable[[Attempt, str], Failure]:
    """A failure whose sentence needs nothing but the attempt itself."""

    def text(attempt: Attempt, name: str) -> Failure:
        filled = message.format(attempt=attempt, name=name, protocol=attempt.protocol.upper())
        evidence = {"mtu": attempt.mtu} if attempt.mtu is not None else {}
        return _failure(kind, attempt, name, filled, remedy, tuple=_tuple_of(attempt), **evidence)

    return text


_TEXTS: dict[FailureKind, Callable[[Attempt, str], Failure]] = {
    _K.PORTS_EXHAUSTED: _tuple_taken_or_exhausted,
    _K.PORT_IN_USE: _port_in_use,
    _K.SOURCE_UNAVAILABLE: _source_unavailable,
    _K.LOCAL_FIREWALL: _simple(
        _K.LOCAL_FIREWALL,
        "A firewall on this host drops {protocol} probes to {attempt.target}.",
        "Look at the output chain (nft list ruleset) and let the probes pass.",
    ),
    _K.NO_ROUTE: _simple(
        _K.NO_ROUTE,
        "This host has no usable route to {attempt.target} ({name}).",
        "Look at the route, its interface and its type with `ip route get` and the address.",
    ),
    _K.QUEUE_FULL: _simple(
        _K.QUEUE_FULL,
        "The send queue of this host is full ({name}).",
        "Lower --max-rate, or wait until the interface has drained.",
    ),
    _K.TOO_MANY_FILES: _simple(
        _K.TOO_MANY_FILES,
        "This process may open no more sockets ({name}).",
        "Raise the limit of open files (ulimit -n), or trace fewer targets at once.",
    ),
    _K.MESSAGE_TOO_LONG: _simple(
        _K.MESSAGE_TOO_LONG,
        "The probe is larger than the MTU towards {attempt.target}.",
        "Lower --packet-size.",
    ),
    _K.NOT_PERMITTED: _simple(
        _K.NOT_PERMITTED,
        "This user may not open the socket or the source port ({name}).",
        "Choose a source port from net.ipv4.ip_unprivileged_port_start upwards, or leave it to hopscope.",
    ),
    _K.OTHER: _simple(
        _K.OTHER,
        "The probe could not be sent: {name} while the {attempt.phase} call was made.",
        "This is not a known failure; please report it.",
    ),
}


def no_family(family: Family) -> Failure:
    """This kernel cannot send over a family at all."""
    return Failure(
        kind=FailureKind.SOURCE_UNAVAILABLE,
        message=f"This kernel has no {family}.",
        remedy="Trace over the other family.",
        evidence={"family": family.value},
    )
