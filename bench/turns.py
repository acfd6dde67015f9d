"""Tools that run in turn: what the machine does meanwhile, it does to all of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.peers import Peer

Found = TypeVar("Found")


class Taken(NamedTuple, Generic[Found]):
    """What the runs of one tool found."""

    found: list[Found]
    note: str
    """What there is to say where these are not as many as were asked for."""


def in_turn(
    tools: Sequence[Peer], run: Callable[[Peer], Found | None], runs: int, enough_s: float
) -> dict[str, Taken[Found]]:
    """Run every tool so many times; by its name.

    ``run`` says None where the tool failed. A tool whose runs have taken ``enough_s`` seconds together is not
    run again: slow ones run fewer times.
    """
    results: dict[str, list[Found | None]] = {tool.name: [] for tool in tools}
    left_s = {tool.name: enough_s for tool in tools}
    for _ in range(runs):
        for tool in tools:
            if tool.installed and left_s[tool.name] > 0:
                begun = time.monotonic()
                results[tool.name].append(run(tool))
                left_s[tool.name] -= time.monotonic() - begun
    return {
        tool.name: Taken(
            [one for one in results[tool.name] if one is not None],
            _note(results[tool.name], runs) if tool.installed else "not installed",
        )
        for tool in tools
    }


def _note(results: Sequence[object], runs: int) -> str:
    failed = sum(result is None for result in results)
    parts = (f"{len(results)} of {runs} runs" * (len(results) < runs), f"{failed} failed" * (failed > 0))
    return ", ".join(filter(None, parts))
