"""A trace as a packet capture: each packet with the stamp its report was made from, and what became of it.

The file is pcapng (draft-ietf-opsawg-pcapng): one section, one interface of bare IP packets, nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import RawIOBase
from pathlib import Path
from struct import Struct

from tracer.event_file import EventFile
from tracer.events import DuplicateReply, Event, LateReply, ProbeLost, ReplyReceived, SizeProbed, TraceStarted
from tracer.model import Stamp, StampClock

_BLOCK = Struct("<II")
_TRAILER = Struct("<I")
_SECTION = Struct("<IHHq")
_INTERFACE = Struct("<HHI")
_PACKET = Struct("<IIIII")
_OPTION = Struct("<HH")

_SECTION_HEADER, _INTERFACE_DESCRIPTION, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER, _UNKNOWN_LENGTH = 0x1A2B3C4D, -1
_RAW_IP = 101
"""LINKTYPE_RAW: the packet begins with its IP header, whichever version."""
_END, _COMMENT, _NAME, _RESOLUTION, _APPLICATION = 0, 1, 2, 9, 4
_NANOSECONDS = b"\x09"
_IPV4_HEADER, _IPV6_HEADER = 20, 40


class CaptureWriter(EventFile):
    """Writes what each event shows of packets, as soon as it is known what became of them."""

    def __init__(self, path: Path, opened: RawIOBase | None = None) -> None:
        super().__init__(path, opened)
        self._epoch_ns = 0

    def encoded(self, events: Sequence[Event]) -> bytes:
        return b"".join(block for event in events for block in self._blocks(event))

    def _blocks(self, event: Event) -> Iterator[bytes]:
        match event:
            case TraceStarted():
                self._epoch_ns = _nanoseconds(event.started_at) - event.at_ns
                yield _section(f"hopscope {event.version}")
                yield _interface(event.channel.name)
            case ProbeLost(probe_bytes=bytes(packet), tx=Stamp() as tx):
                yield self._packet(packet, tx, f"{_probe(event)}, lost: {event.reason}")
            case DuplicateReply():
                yield from self._answer(event, "duplicate answer")
            case LateReply():
                yield from self._answer(event, "late answer")
            case SizeProbed():
                yield from self._size_probe(event)
            case ReplyReceived():
                if event.probe_bytes is not None:
                    verdict = f"{_probe(event)} {event.responder}, {_round_trip(event)}"
                    yield self._packet(event.probe_bytes, event.tx, verdict)
                yield from self._answer(event, "answer")

    def _size_probe(self, event: SizeProbed) -> Iterator[bytes]:
        """A probe that was sent to find MTUs, and what came of it."""
        name = f"probe {event.sequence} of {event.size} bytes → hop {event.ttl}"
        outcome = event.outcome.replace("_", " ")
        if event.probe_bytes is not None and event.tx is not None:
            yield self._packet(event.probe_bytes, event.tx, f"{name}: {outcome}")
        if event.reply_bytes is not None and event.rx is not None and _is_whole(event.reply_bytes):
            yield self._packet(event.reply_bytes, event.rx, f"answer to {name}: {outcome}")

    def _answer(self, event: ReplyReceived, what: str) -> Iterator[bytes]:
        if event.reply_bytes is not None and _is_whole(event.reply_bytes):
            said = event.kind.replace("_", " ")
            comment = f"{what} to {_probe(event)}: {said} from {event.responder}, {_round_trip(event)}"
            yield self._packet(event.reply_bytes, event.rx, comment)

    def _packet(self, packet: bytes, stamp: Stamp, comment: str) -> bytes:
        if stamp.clock is StampClock.USER:
            comment += " (stamped by this process)"
        moment_ns = self._epoch_ns + stamp.ns
        fixed = _PACKET.pack(0, moment_ns >> 32, moment_ns & 0xFFFFFFFF, len(packet), len(packet))
        return _block(_ENHANCED_PACKET, fixed + _padded(packet) + _options((_COMMENT, comment.encode())))


def _probe(event: ProbeLost | ReplyReceived) -> str:
    return f"probe {event.sequence} of round {event.round} → hop {event.ttl}"


def _round_trip(event: ReplyReceived) -> str:
    return str(event.anomaly) if event.rtt_ns is None else f"{event.rtt_ns / 1e6:.6f} ms"


def _is_whole(data: bytes) -> bool:
    """An IP packet from its first byte to its last, as its own header counts them."""
    version, length = (data[0] >> 4, len(data)) if data else (0, 0)
    told = {4: int.from_bytes(data[2:4]), 6: int.from_bytes(data[4:6]) + _IPV6_HEADER}
    return length >= _IPV4_HEADER and told.get(version) == length


def _nanoseconds(moment: str) -> int:
    """RFC 3339 → nanoseconds since 1970; 0 for what is no time, as a hand-made log may say."""
    try:
        since = datetime.fromisoformat(moment).astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return 0
    return since // timedelta(microseconds=1) * 1000


def _section(application: str) -> bytes:
    fixed = _SECTION.pack(_BYTE_ORDER, 1, 0, _UNKNOWN_LENGTH)
    return _block(_SECTION_HEADER, fixed + _options((_APPLICATION, application.encode())))


def _interface(name: str) -> bytes:
    fixed = _INTERFACE.pack(_RAW_IP, 0, 0)
    return _block(
        _INTERFACE_DESCRIPTION, fixed + _options((_NAME, name.encode()), (_RESOLUTION, _NANOSECONDS))
    )


def _block(kind: int, body: bytes) -> bytes:
    length = _BLOCK.size + len(body) + _TRAILER.size
    return _BLOCK.pack(kind, length) + body + _TRAILER.pack(length)


def _options(*options: tuple[int, bytes]) -> bytes:
    written = [_OPTION.pack(code, len(value)) + _padded(value) for code, value in options]
    return b"".join(written) + _OPTION.pack(_END, 0)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
