"""Questions to a real name server on loopback, well-behaved and otherwise."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from tests.lab.labkit.nameserver import Answer, NameServer, Zone, name_server
from tracer.lookup.dns_resolver import DnsResolver
from tracer.lookup.resolver import NoAnswerError
from tracer.model import Address

ROUTER = Address("192.0.2.1")
POINTER = ("1.2.0.192.in-addr.arpa.", "PTR")


def asking(server: NameServer, timeout_s: float = 5.0) -> DnsResolver:
    return DnsResolver(((server.address, server.port),), timeout_s)


async def names_of(zone: Zone, address: str = ROUTER, timeout_s: float = 5.0) -> tuple[str, ...]:
    with name_server(zone) as server:
        return await asking(server, timeout_s).hostnames(Address(address))


async def test_an_address_is_asked_for_by_its_reverse_name() -> None:
    with name_server({POINTER: Answer(("core1.example.net.",))}) as server:
        assert await asking(server).hostnames(ROUTER) == ("core1.example.net",)
        assert server.asked == [("udp", *POINTER)]


async def test_ipv6_is_asked_for_nibble_by_nibble() -> None:
    reverse = "1.0.0.0." + "0.0.0.0." * 5 + "8.b.d.0.1.0.0.2.ip6.arpa."
    zone = {(reverse, "PTR"): Answer(("six.example.net.",))}
    assert await names_of(zone, "2001:db8::1") == ("six.example.net",)


async def test_a_server_may_have_an_ipv6_address() -> None:
    with name_server({POINTER: Answer(("core1.example.net.",))}, "::1") as server:
        assert await asking(server).hostnames(ROUTER) == ("core1.example.net",)


async def test_several_names_come_in_alphabetical_order_however_the_server_turns_them() -> None:
    zone = {POINTER: Answer(("c.example.", "a.example.", "b.example."))}
    assert await names_of(zone) == ("a.example", "b.example", "c.example")


@pytest.mark.parametrize("answer", [Answer(rcode="NXDOMAIN"), Answer()])
async def test_what_does_not_exist_is_an_empty_answer(answer: Answer) -> None:
    assert await names_of({POINTER: answer}) == ()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(rcode="SERVFAIL"),
        Answer(rcode="REFUSED"),
        Answer(silent=True),
        Answer(garbage=b"\xff" * 40),
        Answer(garbage=b"\x00"),
    ],
)
async def test_a_server_that_fails_leaves_the_question_open(answer: Answer) -> None:
    with pytest.raises(NoAnswerError):
        await names_of({POINTER: answer}, timeout_s=0.3)


async def test_nobody_at_the_port_leaves_the_question_open() -> None:
    with name_server({}) as server:
        gone = asking(server, 0.3)
    with pytest.raises(NoAnswerError):
        await gone.hostnames(ROUTER)


async def test_a_truncated_answer_is_asked_for_again_over_tcp() -> None:
    names = tuple(f"name{number:03}.{'x' * 50}.example." for number in range(40))
    with name_server({POINTER: Answer(names, truncated=True)}) as server:
        found = await asking(server).hostnames(ROUTER)
        assert found == tuple(name.rstrip(".") for name in names)
        assert [transport for transport, _, _ in server.asked] == ["udp", "tcp"]


async def test_a_lost_question_is_asked_again_in_time() -> None:
    class Forgetful(NameServer):
        def _reply(self, wire: bytes, transport: str) -> bytes | None:
            reply = super()._reply(wire, transport)
            return reply if len(self.asked) > 1 else None

    server = Forgetful({POINTER: Answer(("core1.example.net.",))})
    server.start()
    try:
        assert await asking(server, 2.0).hostnames(ROUTER) == ("core1.example.net",)
    finally:
        server.close()


async def test_the_second_server_is_asked_when_the_first_fails() -> None:
    zone: Zone = {POINTER: Answer(("core1.example.net.",))}
    with name_server({POINTER: Answer(rcode="SERVFAIL")}) as broken, name_server(zone) as sound:
        both = DnsResolver(((broken.address, broken.port), (sound.address, sound.port)), 5.0)
        assert await both.hostnames(ROUTER) == ("core1.example.net",)


async def test_a_silent_server_costs_no_more_than_the_timeout() -> None:
    begun = time.monotonic()
    with pytest.raises(NoAnswerError):
        await names_of({POINTER: Answer(silent=True)}, timeout_s=0.4)
    assert time.monotonic() - begun < 4


async def test_a_question_can_be_given_up_at_once() -> None:
    held = threading.Event()
    with name_server({POINTER: Answer(("slow.example.",), held=held)}) as server:
        waiting = asyncio.create_task(asking(server).hostnames(ROUTER))
        while not server.asked:  # noqa: ASYNC110 - the server is another thread
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_the_parts_of_a_text_record_are_one_text() -> None:
    with name_server({("t.example.", "TXT"): Answer(('"one " "two"',))}) as server:
        assert await asking(server).texts("t.example.") == ("one two",)


async def test_hostile_bytes_are_still_an_answer() -> None:
    zone: Zone = {
        POINTER: Answer((r"\027[31mred\032and\010blue.example.",)),
        ("t.example.", "TXT"): Answer((r'"\255\254 \027]0;title\007"',)),
    }
    with name_server(zone) as server:
        [name] = await asking(server).hostnames(ROUTER)
        [text] = await asking(server).texts("t.example.")
    assert name.isprintable()
    assert name.endswith(".example")
    assert "\x1b]0;title\x07" in text, "what is made of it is up to who shows it"


async def test_the_addresses_of_a_name_are_of_both_families() -> None:
    zone: Zone = {
        ("www.example.", "A"): Answer(("192.0.2.80", "192.0.2.81")),
        ("www.example.", "AAAA"): Answer(("2001:db8::80",)),
        ("four.example.", "A"): Answer(("192.0.2.4",)),
        ("four.example.", "AAAA"): Answer(rcode="SERVFAIL"),
    }
    with name_server(zone) as server:
        assert set(await asking(server).addresses("www.example.")) == {
            "192.0.2.80",
            "192.0.2.81",
            "2001:db8::80",
        }
        assert await asking(server, 0.5).addresses("four.example.") == ("192.0.2.4",)
        assert await asking(server).addresses("nowhere.example.") == ()


@pytest.mark.parametrize("name", ["a..b", "x" * 300, "ü" * 90, "\udcff"])
async def test_what_can_be_no_name_is_an_open_question(name: str) -> None:
    with name_server({}) as server, pytest.raises(NoAnswerError):
        await asking(server).addresses(name)
