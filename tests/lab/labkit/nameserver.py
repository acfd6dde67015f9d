"""A name server that answers as it is told, over UDP and TCP, and remembers every question.

In a test it is a thread on loopback. ``python -m tests.lab.labkit.nameserver ZONE.json ADDRESS PORT`` runs it
in a namespace and prints every question, once it is ready.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TTL = 60


@dataclass(frozen=True)
class Answer:
    """What to say to one question."""

    records: tuple[str, ...] = ()
    """In the form of a zone file; strings of TXT records in quotes."""
    rcode: str = "NOERROR"
    silent: bool = False
    """Say nothing."""
    truncated: bool = False
    """Over UDP say only that the answer does not fit."""
    garbage: bytes = b""
    """Say this instead."""
    held: threading.Event | None = None
    """Wait for it before answering."""


NXDOMAIN = Answer(rcode="NXDOMAIN")

Zone = dict[tuple[str, str], Answer]
"""By name, with its final dot, and type; whatever is not in it does not exist."""


@dataclass
class NameServer:
    """Serves one zone at one address and port."""

    zone: Zone
    address: str = "127.0.0.1"
    port: int = 0
    asked: list[tuple[str, ...]] = field(default_factory=list)
    """Transport, name and type of every question, in the order they came."""

    def __post_init__(self) -> None:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self._udp = socket.socket(family, socket.SOCK_DGRAM)
        self._tcp = socket.socket(family, socket.SOCK_STREAM)
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._tcp.bind((self.address, self.port))
        self.port = self._tcp.getsockname()[1]
        self._udp.bind((self.address, self.port))
        self._tcp.listen(16)

    @property
    def where(self) -> str:
        """As ``--dns-server`` takes it."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def start(self) -> None:
        """Serve until ``close``."""
        self._threads = [
            threading.Thread(target=serve, daemon=True) for serve in (self._serve_udp, self._serve_tcp)
        ]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Serve until killed."""
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        """Stop, and wait for the threads."""
        for one in (self._udp, self._tcp):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with (
            socket.socket(self._udp.family, socket.SOCK_DGRAM) as poke,
            contextlib.suppress(OSError),
        ):
            poke.sendto(b"", (self.address, self.port))
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, sender = self._udp.recvfrom(4096)
                if not wire:
                    return
                threading.Thread(target=self._answer_udp, args=(wire, sender), daemon=True).start()

    def _answer_udp(self, wire: bytes, sender: tuple[str, int]) -> None:
        if (reply := self._reply(wire, "udp")) is not None:
            with contextlib.suppress(OSError):
                self._udp.sendto(reply, sender)

    def _serve_tcp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._tcp.accept()
                threading.Thread(target=self._answer_tcp, args=(connection,), daemon=True).start()

    def _answer_tcp(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            size = struct.unpack("!H", connection.recv(2))[0]
            reply = self._reply(connection.recv(size), "tcp")
            if reply is not None:
                connection.sendall(struct.pack("!H", len(reply)) + reply)

    def _reply(self, wire: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self._note(transport, name, kind)
        answer = self.zone.get((name, kind), NXDOMAIN)
        if answer.held is not None:
            answer.held.wait(20)
        if answer.silent:
            return None
        if answer.garbage:
            return wire[:2] + answer.garbage
        reply = dns.message.make_response(query)
        reply.set_rcode(dns.rcode.from_text(answer.rcode))
        if answer.truncated and transport == "udp":
            reply.flags |= dns.flags.TC
        elif answer.records:
            reply.answer.append(
                dns.rrset.from_text(question.name, TTL, dns.rdataclass.IN, kind, *answer.records)
            )
        return reply.to_wire(max_size=65535)

    def _note(self, *question: str) -> None:
        self.asked.append(question)


@contextlib.contextmanager
def name_server(zone: Zone, address: str = "127.0.0.1") -> Iterator[NameServer]:
    """A server on a port of its own for as long as the block lasts."""
    server = NameServer(zone, address)
    server.start()
    try:
        yield server
    finally:
        for answer in zone.values():
            if answer.held is not None:
                answer.held.set()
        server.close()


def plain_zone(records: Mapping[str, str]) -> Zone:
    """A zone of one record each: ``{"name. PTR": "target."}``."""
    return {
        (name, kind): Answer((text,)) for key, text in records.items() for name, kind in (key.rsplit(" ", 1),)
    }


class _Printing(NameServer):
    def _note(self, *question: str) -> None:
        # In one piece: several threads print.
        print(f"{' '.join(question)}\n", end="", flush=True)  # noqa: T201 - whoever started it reads this


if __name__ == "__main__":
    told, where, number = sys.argv[1:]
    serving = _Printing(plain_zone(json.loads(Path(told).read_text())), where, int(number))
    serving.start()
    print("ready", flush=True)  # noqa: T201 - whoever started it waits for this
    serving.wait()
