"""From what was typed to an address; the resolver is a table here, nothing is ever asked."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tracer.config import AddressFamily
from tracer.errors import TargetError
from tracer.net.resolve import resolve_all

if TYPE_CHECKING:
    from collections.abc import Callable

FOUR, SIX = "198.51.100.7", "2001:db8::7"


async def resolve_first(query: str, choice: AddressFamily) -> str | None:
    return next(iter(await resolve_all(query, choice)), None)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let the resolver give these addresses, in this order; returns the names it was asked for."""

    def give(*found: str, error: Exception | None = None) -> list[str]:
        asked: list[str] = []

        def getaddrinfo(query: str, *_: Any, **__: Any) -> list[Any]:
            asked.append(query)
            if error is not None:
                raise error
            return [
                (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_DGRAM, 17, "", (one, 0))
                for one in found
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return give


@pytest.mark.parametrize(
    ("choice", "found", "taken"),
    [
        (AddressFamily.SYSTEM, [SIX, FOUR], SIX),
        (AddressFamily.SYSTEM, [FOUR, SIX], FOUR),
        (AddressFamily.IPV4, [SIX, FOUR], FOUR),
        (AddressFamily.IPV6, [FOUR, SIX], SIX),
        (AddressFamily.IPV4, [SIX], None),
        (AddressFamily.IPV6, [FOUR], None),
        (AddressFamily.IPV4_THEN_IPV6, [SIX, FOUR], FOUR),
        (AddressFamily.IPV4_THEN_IPV6, [SIX], SIX),
        (AddressFamily.IPV6_THEN_IPV4, [FOUR, SIX], SIX),
        (AddressFamily.IPV6_THEN_IPV4, [FOUR], FOUR),
        (AddressFamily.SYSTEM, [], None),
    ],
)
async def test_the_family_chooses_among_a_names_addresses(
    answers: Callable[..., list[str]], choice: AddressFamily, found: list[str], taken: str | None
) -> None:
    asked = answers(*found)
    assert await resolve_first("lab.example", choice) == taken
    assert asked == ["lab.example"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (FOUR, FOUR),
        (SIX, SIX),
        ("2001:DB8:0:0::7", SIX),
        ("fe80::1%lab0", "fe80::1"),
        ("::ffff:198.51.100.7", "::ffff:198.51.100.7"),
    ],
)
async def test_a_literal_is_never_looked_up(
    answers: Callable[..., list[str]], text: str, address: str
) -> None:
    asked = answers("192.0.2.66")
    assert await resolve_first(text, AddressFamily.SYSTEM) == address
    assert asked == []


@pytest.mark.parametrize(("text", "choice"), [(FOUR, AddressFamily.IPV6), (SIX, AddressFamily.IPV4)])
async def test_a_literal_of_the_wrong_family_is_no_address(text: str, choice: AddressFamily) -> None:
    assert await resolve_first(text, choice) is None


async def test_a_scope_is_left_out(answers: Callable[..., list[str]]) -> None:
    answers("fe80::1%lab0")
    assert await resolve_first("lab.example", AddressFamily.SYSTEM) == "fe80::1"


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_NONAME, "unknown"),
        OSError(24, "descriptors"),
        UnicodeError("label too long"),
    ],
)
async def test_a_resolver_that_fails_gives_no_address(
    answers: Callable[..., list[str]], error: Exception
) -> None:
    answers(error=error)
    assert await resolve_first("lab.example", AddressFamily.SYSTEM) is None


@pytest.mark.parametrize("code", [socket.EAI_AGAIN, socket.EAI_FAIL])
async def test_a_question_that_nobody_answers_is_no_name_without_an_address(
    answers: Callable[..., list[str]], code: int
) -> None:
    answers(error=socket.gaierror(code, "later"))
    with pytest.raises(TargetError, match=r"no answer about lab\.example\."):
        await resolve_all("lab.example", AddressFamily.SYSTEM)


@pytest.mark.parametrize("text", ["a..b", "x" * 10_000, "ü" * 80, "\udcff\udcfe..", ".a.", "-..-"])
async def test_what_can_be_no_name_is_refused_without_asking_anybody(text: str) -> None:
    """The real resolver: an empty or overlong label does not get past the encoding of the name."""
    assert await resolve_first(text, AddressFamily.SYSTEM) is None


@pytest.mark.fault("resolver stuck", "waits in a thread that nobody waits for; can be left at once")
def test_nobody_waits_for_a_resolver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, give_up = threading.Event(), threading.Event()

    def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        asked.set()
        give_up.wait(20)
        return []

    async def leave_before_the_answer() -> None:
        resolving = asyncio.create_task(resolve_first("slow.example", AddressFamily.SYSTEM))
        await asyncio.to_thread(asked.wait, 10)
        resolving.cancel()

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    begun = time.monotonic()
    asyncio.run(leave_before_the_answer())
    give_up.set()
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("text", ["127.0.0.1\0", "localhost\0.example", "\0"])
async def test_what_stands_before_a_nul_is_not_looked_up(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real resolver would."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a resolver was asked"))
    assert await resolve_first(text, AddressFamily.SYSTEM) is None


@pytest.mark.parametrize("query", ["1.2", "10.1", "10.0.1", "2130706433", "0x7f.1", "010.0.0.1", "1.2.3.4 x"])
def test_an_abbreviated_address_is_none_and_nobody_is_asked(
    answers: Callable[..., list[str]], query: str
) -> None:
    asked = answers(FOUR)
    assert asyncio.run(resolve_first(query, AddressFamily.SYSTEM)) is None
    assert asked == []


@pytest.mark.parametrize("query", ["1.2.example", "0x7g", "host", "3com"])
def test_a_name_with_numbers_in_it_is_a_name(answers: Callable[..., list[str]], query: str) -> None:
    asked = answers(FOUR)
    found = asyncio.run(resolve_first(query, AddressFamily.SYSTEM))
    assert (found, asked) == (FOUR, [query])
