"""Everything that reads what somebody else wrote, with a small corpus each and the errors it documents.

A reader gets the path of a scratch file for what can only be read from one.
"""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Callable
from pathlib import Path

import maxminddb
import msgspec
from scapy.contrib.mpls import MPLS, ICMPExtension_MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPExtension_Header
from scapy.layers.inet6 import (
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.packet import Packet

from tests.fuzz import engine_life
from tests.fuzz.mutation import Mend, mend_extensions, mend_packet
from tests.lookup import databases
from tests.net.test_ancillary import extended_error
from tests.wire.wire_strategies import EVERY_ANSWER, EVERY_EXTENSION, EVERY_PROBE, RX
from tracer import prepare, record
from tracer.clock import VirtualClock
from tracer.config import ProtocolChoice, TraceConfig
from tracer.errors import ConfigError, DecodeError, RecordingError, ScenarioError
from tracer.lookup import mmdb
from tracer.model import Address, Family, Strategy
from tracer.net import linux
from tracer.report import json, pretty
from tracer.report.fold import Fold
from tracer.session import Session
from tracer.sim import load as scenarios
from tracer.wire import compare, dissect, extensions, quote, translated
from tracer.wire.decode import decode_probe, decode_reply
from tracer.wire.mark import read_mark
from tui import settings, targets_file

Read = Callable[[bytes], object]


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is fuzzed."""

    name: str
    read: Read
    corpus: tuple[bytes, ...]
    errors: tuple[type[Exception], ...] = ()
    """What it may raise; anything else is a find."""
    share: int = 100
    """How many inputs it gets, against the others: files are read a hundred times slower than packets."""
    mend: Mend | None = None
    """Puts the checksums of its inputs right."""
    words: tuple[bytes, ...] = ()
    """What is odd in its language."""


def readers(scratch: Path) -> tuple[Reader, ...]:
    """All of them; ``scratch`` is a file that may be written."""
    return (*_packets(), *_pieces(), *_files(scratch), _engine())


def _engine() -> Reader:
    """Every input is the seed of a whole life."""
    return Reader(name="engine", read=engine_life.live, corpus=(b"0", b"1", b"engine"), share=1)


def _packets() -> tuple[Reader, ...]:
    corpus = (*EVERY_ANSWER.values(), *EVERY_PROBE.values(), *_of_scapy())
    sent = tuple(EVERY_PROBE.values())

    def compared(data: bytes) -> None:
        probe = sent[len(data) % len(sent)]
        compare.differences(probe, data)
        compare.differences(data, probe)

    def told(data: bytes) -> None:
        probe = sent[len(data) % len(sent)]
        dissect.differences(probe, data)
        dissect.quoted_packet(data)

    def marked(data: bytes) -> None:
        for strategy in Strategy:
            read_mark(strategy, data)
        translated.imprint(data)

    def taken_apart(data: bytes) -> None:
        dissect.dissect(data)
        dissect.dissect(data, _BEGINNINGS[len(data) % len(_BEGINNINGS)])

    decoders: tuple[tuple[str, Read, int], ...] = (
        ("decode_reply", functools.partial(decode_reply, rx=RX), 400),
        ("decode_probe", decode_probe, 200),
        ("dissect", taken_apart, 20),
        ("compare.differences", compared, 60),
        ("dissect.differences", told, 10),
        ("marks and imprints", marked, 60),
    )
    return tuple(
        Reader(name=name, read=read, corpus=corpus, errors=_MAY.get(name, ()), share=share, mend=mend_packet)
        for name, read, share in decoders
    )


_BEGINNINGS = tuple(dissect.Begins)
_MAY: dict[str, tuple[type[Exception], ...]] = {
    "decode_reply": (DecodeError,),
    "decode_probe": (DecodeError,),
}


def _of_scapy() -> tuple[bytes, ...]:
    """Packets as another program writes them: options, extension headers, fragments, labels."""
    v4, v6 = {"src": "192.0.2.1", "dst": "198.51.100.9"}, {"src": "2001:db8::1", "dst": "2001:db8:9::9"}
    probe = IP(**v4, ttl=1, options=b"\x94\x04\0\0") / UDP(sport=40123, dport=33434) / (b"x" * 100)
    syn = TCP(sport=1, dport=80, options=[("MSS", 1460), ("NOP", None), ("Timestamp", (1, 0)), ("WScale", 7)])
    labelled = ICMPExtension_Header() / ICMPExtension_MPLS(stack=[MPLS(label=7, s=0), MPLS(label=8, s=1)])
    packets: tuple[Packet, ...] = (
        probe,
        IP(**v4) / syn,
        IP(**v4, flags="MF", frag=0) / UDP(sport=1, dport=2) / b"first",
        IP(**v4, frag=9) / UDP(sport=1, dport=2) / b"later",
        IP(src="203.0.113.7", dst="192.0.2.1")
        / ICMP(type=11, code=0)
        / bytes(probe).ljust(128, b"\0")
        / labelled,
        IPv6(**v6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(sport=1, dport=2) / b"x",
        IPv6(**v6) / IPv6ExtHdrFragment(offset=3) / UDP(sport=1, dport=2) / b"x",
        IPv6(src="2001:db8:7::7", dst="2001:db8::1") / ICMPv6TimeExceeded() / IPv6(**v6) / syn,
    )
    return tuple(bytes(packet) for packet in packets)


def _pieces() -> tuple[Reader, ...]:
    """What sockets show in pieces: quotes, extension structures, control messages."""
    quotes = tuple(answer[28 if answer[0] >> 4 == 4 else 48 :] for answer in EVERY_ANSWER.values())
    structures = (extensions.encode(EVERY_EXTENSION), *(extensions.encode((one,)) for one in EVERY_EXTENSION))

    def quoted(data: bytes) -> None:
        length = data[0] if data else 0
        with contextlib.suppress(DecodeError):
            quote.find_quote(Family.IPV4, data, length)
        quote.find_quote(Family.IPV6, data, length % 3 * 64)

    def located(data: bytes) -> None:
        extensions.decode(extensions.locate(data, len(data) % 3 * 64))

    return (
        Reader(name="quote", read=quoted, corpus=quotes, errors=(DecodeError,)),
        Reader(
            name="extensions",
            read=extensions.decode,
            corpus=structures,
            errors=(DecodeError,),
            mend=mend_extensions,
        ),
        Reader(name="extensions behind a quote", read=located, corpus=quotes, errors=(DecodeError,)),
        Reader(name="control messages", read=_ancillary, corpus=_control_messages(), share=60),
    )


def _control_messages() -> tuple[bytes, ...]:
    kinds = [bytes([kind]) for kind in (2, 11, 12, 13, 25, 37, 40, 50, 51, 52, 67)]
    errors = [
        extended_error(family, info=1400, data=9, origin=origin) for family in Family for origin in range(5)
    ]
    return tuple(kind + body for kind in kinds for body in (*errors, bytes(16), b"\x01", b"\xb8\0\0\0"))


def _ancillary(data: bytes) -> None:
    """The first byte is the kind; every level a kernel uses gets the rest."""
    kind, body = data[:1], data[1:]
    number = kind[0] if kind else 0
    for options in linux.OPTIONS.values():
        for level in (socket.SOL_SOCKET, options.level):
            messages = [(level, number, body)]
            linux.read_ancillary(options, messages)
            linux.read_transmit_stamp(options, messages)


def _files(scratch: Path) -> tuple[Reader, ...]:
    def written(read: Callable[[Path], object]) -> Read:
        def through_a_file(data: bytes) -> object:
            scratch.write_bytes(data)
            return read(scratch)

        return through_a_file

    shipped = tuple(scenarios._SHIPPED.glob("*.toml"))
    return (
        Reader(
            name="recording",
            read=written(_replayed),
            corpus=_recordings(scratch),
            errors=(RecordingError,),
            share=1,
            words=_JSON,
        ),
        Reader(
            name="configuration",
            read=written(_configured),
            corpus=_CONFIGURATIONS,
            errors=(ConfigError,),
            share=2,
            words=_TOML,
        ),
        Reader(
            name="scenario",
            read=written(scenarios.load),
            corpus=tuple(path.read_bytes() for path in shipped),
            errors=(ScenarioError,),
            share=1,
            words=_TOML,
        ),
        Reader(
            name="database",
            read=written(_looked_up),
            corpus=_databases(scratch),
            errors=(ConfigError, maxminddb.InvalidDatabaseError),
            share=2,
        ),
        Reader(
            name="targets file",
            read=written(lambda path: targets_file.read(str(path))),
            corpus=(
                b"example.net # one\n\n198.51.100.9\r\n",
                "\ufeffm\u00fcnchen.example\n--doctor\n".encode(),
            ),
            errors=(ConfigError,),
            share=1,
        ),
    )


def _replayed(path: Path) -> None:
    fold = Fold()
    fold.apply(record.read(path))
    reports = fold.reports()
    json.render(reports)
    pretty.render(reports, None)


def _configured(path: Path) -> None:
    saved = settings.load(path)
    settings.render(saved.look, saved.config(), saved.mode)


_NUMBERS = (b"0", b"-1", b"65536", b"2147483648", b"9" * 25, b"9" * 5000, b"1e999", b"0.5", b"1e-9")
_JSON = (*_NUMBERS, b"null", b"true", b'""', b"{}", b"[]", b"[" * 3000, b'"\\ud800"', b"\n", b"\xff", b"\0")
_TOML = (
    *_NUMBERS, b"0x" + b"f" * 5000, b"0xffffffffffffffffffff", b'"' + b"x" * 9000 + b'"', b"true", b'""',
    b"[]", b"{}", b"nan", b"-inf", b"1979-05-27T07:32:00Z", b"07:32:00", b"'x'", b"[" * 3000, b"{a=" * 2000,
    b"a." * 2000 + b"a", b"\n", b"\n[trace]\n", b"\n[[hop]]\n", b'"1ms"', b"\xff", b"\0", b'"\\u001b[31m"',
    b'"[/]"',
)  # fmt: skip

_CONFIGURATIONS = (
    b'[trace]\nfirst-ttl = 2\ntimeout = "1s"\nprotocol = "udp"\nflows = 3\ndscp = 46\n',
    b'[report]\nmode = "json"\n\n[trace]\nmax-rate = 20\nsource-address = "192.0.2.1"\n',
    b'[tui]\ncolumns = "holsravbwdt"\n\n[bindings]\nquit = ["q", "ctrl+q"]\nhelp = "f1 ?"\n',
)


def _recordings(scratch: Path) -> tuple[bytes, ...]:
    """Two short ones of simulated traces in virtual time."""
    import asyncio  # noqa: PLC0415 - the only one that runs anything

    told = []
    for name, protocol in (("lan", ProtocolChoice.UDP), ("wan", ProtocolChoice.ICMP)):
        config = TraceConfig(protocol=protocol, report_cycles=1, max_ttl=6)
        recorder = record.Recorder(scratch)
        session = Session(prepare.simulated((), config, name, VirtualClock()), config, [recorder.write])
        asyncio.run(session.run())
        recorder.close()
        told.append(scratch.read_bytes())
    return tuple(told)


_ASKED = (Address("192.0.2.1"), Address("198.51.100.9"), Address("2001:db8::1"))


def _looked_up(path: Path) -> None:
    database = mmdb.Database(str(path), "--geoip-mmdb-file")
    with contextlib.closing(database):
        for address in _ASKED:
            found = database.record(address)
            mmdb.asn(found)
            mmdb.place(found)


def _databases(scratch: Path) -> tuple[bytes, ...]:
    made = []
    for found in (databases.MAXMIND_CITY, databases.MAXMIND_ASN, databases.IPINFO_CORE):
        databases.write(scratch, {"192.0.2.0/24": found, "2001:db8::/32": found})
        made.append(scratch.read_bytes())
    return tuple(made)
