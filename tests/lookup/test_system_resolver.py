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


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[tuple[Any, int]]:
    asked: list[tuple[Any, int]] = []

    def getnameinfo(where: Any, flags: int) -> tuple[str, str]:
        asked.append((where, flags))
        if isinstance(answer, Exception):
            raise answer
        return answer, "0"

    monkeypatch.setattr(socket, "getnameinfo", getnameinfo)
    return asked


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
async def test_a_name_is_asked_for_and_no_address_taken_for_one(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    asked = answering(monkeypatch, "router.example")
    assert await SystemResolver(Texts()).hostnames(Address(address)) == ("router.example",)
    assert asked == [((address, 0), socket.NI_NAMEREQD)]


async def test_an_address_without_a_name_is_an_empty_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, socket.gaierror(socket.EAI_NONAME, "unknown"))
    assert await SystemResolver(Texts()).hostnames(Address("192.0.2.1")) == ()


@pytest.mark.parametrize(
    "failure",
    [
        socket.gaierror(socket.EAI_AGAIN, "later"),
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

    def getnameinfo(*_: Any) -> tuple[str, str]:
        with lock:
            running[0] += 1
            running[1] = max(running)
        go_on.wait(20)
        with lock:
            running[0] -= 1
        return "late.example", "0"

    monkeypatch.setattr(socket, "getnameinfo", getnameinfo)
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
