"""The kernel's filters in front of the raw sockets: what is not about our probes wakes nobody.

Classic BPF (linux/filter.h), put together by a small assembler. A test is two instructions, a conditional
jump over one and a far jump, so that no distance is ever too long. A raw IPv4 socket shows a filter the
packet from its IP header on, a raw IPv6 socket from the transport header on.
"""

from __future__ import annotations

import ctypes
import socket
from collections.abc import Iterable, Iterator
from struct import Struct

import msgspec

from tracer.model import Address, Family, Protocol, ReplyKind
from tracer.wire.address import pack
from tracer.wire.icmp import ECHO_REPLY, ECHO_REQUEST, REPLY_KINDS
from tracer.wire.ip import PROTOCOL_NUMBERS
from tracer.wire.tcp import TcpFlags

SO_ATTACH_FILTER = 26
LONGEST = 4096
"""BPF_MAXINSNS (linux/bpf_common.h)."""

BLOCK_BITS = 8
"""A source port that moves from probe to probe is let in with its block of 256: it needs another filter once
per block, not once per probe. The rest is told apart where the answers are read."""

ALL_BYTES = 0x40000
_OPCODES = {
    "load byte": 0x50,  # BPF_LD | BPF_B | BPF_IND: from the index register on
    "load half": 0x48,
    "load word": 0x40,
    "header length": 0xB1,  # BPF_LDX | BPF_B | BPF_MSH: index = 4 * (packet[k] & 15)
    "value": 0x00,  # BPF_LD | BPF_IMM
    "index": 0x01,  # BPF_LDX | BPF_IMM
    "index from value": 0x07,  # BPF_TAX
    "and": 0x54,
    "shift left": 0x64,
    "shift right": 0x74,
    "add": 0x04,
    "add index": 0x0C,
    "equal": 0x15,  # BPF_JMP | BPF_JEQ | BPF_K
    "go": 0x05,
    "take": 0x06,
}
_INSTRUCTION = Struct("@HBBI")
_PROGRAM = Struct("@HP")
_TEST = "equal"
_EXTENSION_HEADERS = (0, 43, 44, 60)
"""IPv6 headers in front of the transport: hop-by-hop, routing, fragment, destination options."""


class Interest(msgspec.Struct, frozen=True, kw_only=True):
    """What the probes of one family that may still be answered look like."""

    protocols: frozenset[Protocol] = frozenset()
    targets: frozenset[Address] = frozenset()
    ports: frozenset[int] = frozenset()
    """Our source ports that stay."""
    port_blocks: frozenset[int] = frozenset()
    """Our source ports that move, shifted right by ``BLOCK_BITS``."""
    identifiers: frozenset[int] = frozenset()
    """Our ICMP identifiers."""


class Assembler:
    """Instructions in order, with labels for where jumps go; jumps lead forward only."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, int, str]] = []
        self._labels: dict[str, int] = {}

    def add(self, name: str, value: int = 0) -> None:
        """One instruction of the table."""
        self._lines.append((name, value, ""))

    def when(self, values: Iterable[int], label: str) -> None:
        """Go to the label when what was loaded is one of these."""
        for value in values:
            self._lines.append((_TEST, value, ""))
            self._lines.append(("go", 0, label))

    def go(self, label: str) -> None:
        """Go to the label."""
        self._lines.append(("go", 0, label))

    def label(self, name: str) -> None:
        """Here."""
        self._labels[name] = len(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def encode(self) -> bytes:
        """The array of struct sock_filter."""
        return b"".join(self._instructions())

    def _instructions(self) -> Iterator[bytes]:
        for at, (name, value, label) in enumerate(self._lines):
            distance = self._labels[label] - at - 1 if label else value
            skips = 1 if name == _TEST else 0
            yield _INSTRUCTION.pack(_OPCODES[name], 0, skips, distance)


def icmp_filters(family: Family, interest: Interest) -> list[bytes]:
    """Passes echo replies to our identifiers and errors that quote a probe of ours; the exact one first.

    A quote is ours by its protocol and by its destination or its source port: a NAT may have changed one of
    them. In the coarse one, for when the kernel takes no longer program, types and protocols alone count.
    """
    return _usable(_icmp(family, interest, exact=exact) for exact in (True, False))


def answer_filters(family: Family, protocol: Protocol, interest: Interest) -> list[bytes]:
    """Passes SYN-ACK and RST (TCP) or datagrams (UDP) that come in for our ports; the coarse one for any."""
    return _usable(_answers(family, protocol, interest, exact=exact) for exact in (True, False))


def _usable(programs: Iterable[Assembler]) -> list[bytes]:
    return [program.encode() for program in programs if len(program) <= LONGEST]


def _answers(family: Family, protocol: Protocol, interest: Interest, *, exact: bool) -> Assembler:
    program = Assembler()
    _to_transport(program, family)
    if protocol is Protocol.TCP:
        program.add("load byte", 13)
        program.add("and", TcpFlags.SYN | TcpFlags.ACK | TcpFlags.RST)
        program.when(_ANSWERING_FLAGS, "ports")
        program.add("take", 0)
    program.label("ports")
    if exact:
        _ports(program, interest, at=2)
    return _finished(program)


_ANSWERING_FLAGS = (TcpFlags.SYN | TcpFlags.ACK, TcpFlags.RST, TcpFlags.RST | TcpFlags.ACK)


def nothing_filter() -> bytes:
    """Passes nothing."""
    program = Assembler()
    program.add("take", 0)
    return program.encode()


def attach(sock: socket.socket, program: bytes) -> None:
    """Put the program in front of the socket, in place of the one before; needs no privilege."""
    held = ctypes.create_string_buffer(program, len(program))
    count = len(program) // _INSTRUCTION.size
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, _PROGRAM.pack(count, ctypes.addressof(held)))


def _icmp(family: Family, interest: Interest, *, exact: bool) -> Assembler:
    program = Assembler()
    _to_transport(program, family)
    program.add("load byte", 0)
    program.when((ECHO_REPLY[family],), "reply")
    program.when((number for number, kind in REPLY_KINDS[family].items() if kind in _ERRORS), "error")
    program.add("take", 0)
    program.label("reply")
    _any_of(program, "load half", 4, interest.identifiers if exact else None)
    program.label("error")
    _quote(program, family, interest, exact=exact)
    return _finished(program)


_ERRORS = frozenset(ReplyKind) - {
    ReplyKind.ECHO_REPLY,
    ReplyKind.SYN_ACK,
    ReplyKind.RST,
    ReplyKind.UDP_DATA,
}


def _to_transport(program: Assembler, family: Family) -> None:
    """Let the index be where the transport header is."""
    if family is Family.IPV4:
        program.add("header length", 0)
    else:
        program.add("index", 0)


_ICMP_HEADER = 8


class _QuotedHeader(msgspec.Struct, frozen=True):
    """Where the IP header of a quote keeps what is looked at."""

    protocol: int
    destination: int
    words: int
    """Of an address."""


_QUOTED = {Family.IPV4: _QuotedHeader(9, 16, 1), Family.IPV6: _QuotedHeader(6, 24, 4)}


def _quote(program: Assembler, family: Family, interest: Interest, *, exact: bool) -> None:
    header = _QUOTED[family]
    numbers = {PROTOCOL_NUMBERS[family][protocol]: protocol for protocol in interest.protocols}
    program.add("load byte", _ICMP_HEADER + header.protocol)
    if not exact:
        program.when(sorted(numbers), "take")
        program.when(_EXTENSION_HEADERS if family is Family.IPV6 else (), "take")
        program.add("take", 0)
        return
    program.when(sorted(numbers), "addresses")
    program.when(_EXTENSION_HEADERS if family is Family.IPV6 else (), "addresses")
    program.add("take", 0)
    program.label("addresses")
    _addresses(program, header, interest.targets)
    # The ports and the identifier stand at different places; which to look at, the protocol tells.
    program.add("load byte", _ICMP_HEADER + header.protocol)
    for number, protocol in sorted(numbers.items()):
        program.when((number,), protocol)
    program.add("take", 0)
    for protocol in sorted(numbers.values()):
        program.label(protocol)
        _behind_quoted_header(program, family)
        if protocol is Protocol.ICMP:
            program.add("load byte", 0)
            program.when((ECHO_REQUEST[family],), "echo")
            program.add("take", 0)
            program.label("echo")
            _any_of(program, "load half", 4, interest.identifiers)
        else:
            _ports(program, interest, at=0)


def _addresses(program: Assembler, header: _QuotedHeader, targets: Iterable[Address]) -> None:
    """Take the packet when the quoted destination is one of these; else go on."""
    first = _ICMP_HEADER + header.destination
    by_start: dict[bytes, list[bytes]] = {}
    for address in sorted(pack(target) for target in targets):
        by_start.setdefault(address[:-4], []).append(address[-4:])
    for number, (start, ends) in enumerate(by_start.items()):
        other = f"start {number}"
        for word in range(header.words - 1):
            program.add("load word", first + 4 * word)
            same = f"{other} word {word}"
            program.when((int.from_bytes(start[4 * word : 4 * word + 4]),), same)
            program.go(other)
            program.label(same)
        program.add("load word", first + 4 * (header.words - 1))
        program.when((int.from_bytes(end) for end in ends), "take")
        program.label(other)


def _behind_quoted_header(program: Assembler, family: Family) -> None:
    """Move the index behind the quoted IP header; extension headers are left to whoever reads the packet."""
    if family is Family.IPV4:
        program.add("load byte", _ICMP_HEADER)
        program.add("and", 15)
        program.add("shift left", 2)
    else:
        program.add("value", 40)
    program.add("add", _ICMP_HEADER)
    program.add("add index")
    program.add("index from value")


def _ports(program: Assembler, interest: Interest, *, at: int) -> None:
    program.add("load half", at)
    program.when(sorted(interest.ports), "take")
    program.add("shift right", BLOCK_BITS)
    program.when(sorted(interest.port_blocks), "take")
    program.add("take", 0)


def _any_of(program: Assembler, load: str, at: int, values: Iterable[int] | None) -> None:
    """Take the packet when one of these values stands there (None: whatever stands there), else drop it."""
    if values is None:
        program.go("take")
        return
    program.add(load, at)
    program.when(sorted(values), "take")
    program.add("take", 0)


def _finished(program: Assembler) -> Assembler:
    program.label("take")
    program.add("take", ALL_BYTES)
    return program
