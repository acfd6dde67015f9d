"""The system's resolver is a function here; nothing is ever asked."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from tracer.lookup.resolver import NoAnswerError
from tracer.lookup.system_resolver import MOST_THREADS, SystemResolver
from tracer.model import Address


class Texts:
    """Knows one text."""

    async def hostnames(self, address: Address) -> tuple[str, ...]:
        raise AssertionError(address)

    async def texts(self, name: str) -> tuple[str, ...]:
        return (f"text of {name}",)


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[str]:
    asked: list[str] = []

    def gethostbyaddr(where: str) -> tuple[str, list[str], list[str]]:
        asked.append(where)
        if isinstance(answer, Exception):
            raise answer
        return answer, ["alias.example"], [where]

    def getnameinfo(*_: Any) -> None:
        pytest.fail("getnameinfo holds the interpreter's lock in Python 3.11.2 while a server is silent")

    monkeypatch.setattr(socket, "gethostbyaddr", gethostbyaddr)
    monkeypatch.setattr(socket, "getnameinfo", getnameinfo)
    return asked


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
async def test_a_name_is_asked_for_and_no_address_taken_for_one(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    asked = answering(monkeypatch, "router.example")
    assert await SystemResolver(Texts()).hostnames(Address(address)) == ("router.example",)
    assert asked == [address]


@pytest.mark.parametrize("h_errno", [1, 3, 4], ids=["host not found", "no recovery", "no data"])
async def test_an_address_without_a_name_is_an_empty_answer(
    monkeypatch: pytest.MonkeyPatch, h_errno: int
) -> None:
    answering(monkeypatch, socket.herror(h_errno, "Unknown host"))
    assert await SystemResolver(Texts()).hostnames(Address("192.0.2.1")) == ()


@pytest.mark.parametrize(
    "failure",
    [
        socket.herror(2, "Host name lookup failure"),
        socket.herror(-1, "Resolver internal error"),
        OSError(24, "descriptors"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"),
    ],
)
async def test_a_failure_leaves_the_question_open(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    answering(monkeypatch, failure)
    with pytest.raises(NoAnswerError):
        await SystemResolver(Texts()).hostnames(Address("192.0.2.1"))


async def test_texts_are_asked_of_the_servers() -> None:
    assert await SystemResolver(Texts()).texts("a.example") == ("text of a.example",)


async def test_calls_that_hang_are_never_more_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, lock = threading.Event(), threading.Lock()
    running: list[int] = [0, 0]

    def gethostbyaddr(*_: Any) -> tuple[str, list[str], list[str]]:
        with lock:
            running[0] += 1
            running[1] = max(running)
        go_on.wait(20)
        with lock:
            running[0] -= 1
        return "late.example", [], []

    monkeypatch.setattr(socket, "gethostbyaddr", gethostbyaddr)
    resolver = SystemResolver(Texts())
    asking = [asyncio.create_task(resolver.hostnames(Address(f"192.0.2.{n}"))) for n in range(50)]
    while running[0] < MOST_THREADS:  # noqa: ASYNC110 - the calls are in threads
        await asyncio.sleep(0)
    for task in asking[:MOST_THREADS]:
        task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    done = await asyncio.gather(*asking, return_exceptions=True)
    assert done.count(("late.example",)) == 50 - MOST_THREADS, "the others were given up"
    assert running[1] == MOST_THREADS, "a call that was given up still held its place"
