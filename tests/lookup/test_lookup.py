"""The lookups of a session, without any network: the sources are the test's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tracer.lookup import lookup as lookup_module
from tracer.lookup.lookup import MOST_AT_ONCE, Lookup
from tracer.model import Address
from tracer.names import AsnInfo, Known

ONE, OTHER = Address("192.0.2.1"), Address("192.0.2.2")
NAMED = {"hostnames": ("router.example",)}


class Source:
    """Answers when it is let, and remembers what it was asked for."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self.asked: list[Address] = []
        self.answers = list(answers)
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.at_once = self.most_at_once = 0

    async def __call__(self, address: Address) -> dict[str, Any]:
        self.asked.append(address)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.may_answer.wait()
        finally:
            self.at_once -= 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    """Stands in the place of the loop's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        monkeypatch.setattr(Lookup, "_now_s", lambda _: self.now_s)


def looking(*sources: Source, timeout_s: float = 5.0) -> tuple[Lookup, list[tuple[Address, Known]]]:
    told: list[tuple[Address, Known]] = []
    lookup = Lookup(sources, timeout_s, ttl_s=300.0)
    lookup.told = lambda address, known: told.append((address, known))
    return lookup, told


async def test_asking_returns_at_once_and_the_answer_is_told() -> None:
    source = Source(NAMED)
    lookup, told = looking(source)
    lookup.want(ONE)
    assert (source.asked, told) == ([], []), "nothing happens within the call"
    await lookup.settle()
    assert told == [(ONE, Known(hostnames=("router.example",)))]


async def test_an_address_is_asked_for_once_however_often_it_is_wanted() -> None:
    source = Source(NAMED)
    lookup, told = looking(source)
    for _ in range(5):
        lookup.want(ONE)
    await lookup.settle()
    lookup.want(ONE)
    await lookup.settle()
    assert source.asked == [ONE]
    assert len(told) == 1


async def test_no_source_waits_for_another() -> None:
    slow, quick = Source({"asn": AsnInfo(number=64_496)}), Source(NAMED)
    slow.may_answer.clear()
    lookup, told = looking(slow, quick)
    lookup.want(ONE)
    while not told:  # noqa: ASYNC110 - what is told is a list
        await asyncio.sleep(0)
    assert told == [(ONE, Known(hostnames=("router.example",)))]
    slow.may_answer.set()
    await lookup.settle()
    assert told[1:] == [(ONE, Known(hostnames=("router.example",), asn=AsnInfo(number=64_496)))]


async def test_an_answer_is_believed_for_its_time_and_then_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    source = Source(NAMED, NAMED, {"hostnames": ("renamed.example",)})
    lookup, told = looking(source)
    for later_s, asked in ((0, 1), (299, 1), (2, 2), (301, 3)):
        clock.now_s += later_s
        lookup.want(ONE)
        await lookup.settle()
        assert len(source.asked) == asked
    assert [known.hostnames for _, known in told] == [("router.example",), ("renamed.example",)], (
        "what has not changed is not told again"
    )


@pytest.mark.parametrize("failure", [ValueError("odd"), OSError(5, "io"), RecursionError("deep")])
async def test_a_failure_is_not_fatal_and_is_tried_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    clock = Clock(monkeypatch)
    source = Source(failure, NAMED)
    lookup, told = looking(source)
    lookup.want(ONE)
    await lookup.settle()
    assert told == []
    clock.now_s += lookup_module.RETRY_S - 1
    lookup.want(ONE)
    await lookup.settle()
    assert len(source.asked) == 1
    clock.now_s += 2
    lookup.want(ONE)
    await lookup.settle()
    assert told == [(ONE, Known(hostnames=("router.example",)))]


async def test_what_does_not_exist_is_believed_like_any_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    source = Source({"hostnames": ()})
    lookup, told = looking(source)
    lookup.want(ONE)
    await lookup.settle()
    clock.now_s += 100
    lookup.want(ONE)
    await lookup.settle()
    assert (source.asked, told) == ([ONE], [])


async def test_a_source_that_says_nothing_is_given_up_in_time() -> None:
    source = Source(NAMED)
    source.may_answer.clear()
    lookup, told = looking(source, timeout_s=0.05)
    lookup.want(ONE)
    async with asyncio.timeout(5):
        await lookup.settle()
    assert told == []


async def test_waiting_for_a_turn_counts_towards_the_timeout() -> None:
    source = Source(NAMED)
    source.may_answer.clear()
    lookup, _ = looking(source, timeout_s=0.1)
    for number in range(4 * MOST_AT_ONCE):
        lookup.want(Address(f"198.18.0.{number}"))
    begun = asyncio.get_running_loop().time()
    await lookup.settle()
    assert asyncio.get_running_loop().time() - begun < 3
    assert source.most_at_once == MOST_AT_ONCE


async def test_there_is_a_bound_to_what_waits_and_to_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup_module, "MOST_WAITING", 10)
    monkeypatch.setattr(lookup_module, "MOST_KNOWN", 15)
    source = Source(NAMED)
    lookup, told = looking(source)
    addresses = [Address(f"198.18.0.{number}") for number in range(20)]
    for address in addresses:
        lookup.want(address)
    await lookup.settle()
    assert source.asked == addresses[:10], "the others are asked for when they answer again"
    for address in addresses:
        lookup.want(address)
    await lookup.settle()
    assert source.asked == addresses
    assert [bool(lookup.known(address).hostnames) for address in addresses] == [False] * 5 + [True] * 15
    assert len(told) == 20


async def test_everything_can_be_asked_for_again() -> None:
    source = Source(NAMED, {"hostnames": ()})
    lookup, told = looking(source)
    lookup.want(ONE)
    await lookup.settle()
    lookup.forget()
    lookup.want(ONE)
    await lookup.settle()
    assert [known.hostnames for _, known in told] == [("router.example",), ()]


async def test_what_is_under_way_can_be_given_up() -> None:
    source = Source(NAMED)
    source.may_answer.clear()
    lookup, told = looking(source)
    lookup.want(ONE)
    lookup.want(OTHER)
    await asyncio.sleep(0)
    lookup.close()
    await lookup.settle()
    assert (source.at_once, told) == (0, [])
