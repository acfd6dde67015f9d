"""Every protocol over every family by every strategy through every channel, and which of them are refused."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from tests.lab.labkit.families import Family
from tracer.model import Protocol, StampClock, Strategy

CHANNELS = ("errqueue", "raw", "scapy", "sim")
WITHOUT_PRIVILEGE = ("errqueue", "sim")
KERNEL, USER = StampClock.KERNEL, StampClock.USER


class Combination(NamedTuple):
    """One cell of the matrix."""

    channel: str
    protocol: Protocol
    family: Family
    strategy: Strategy

    def __str__(self) -> str:
        return "-".join(self)


COMBINATIONS = tuple(Combination(*parts) for parts in itertools.product(CHANNELS, Protocol, Family, Strategy))


def is_impossible(cell: Combination) -> bool:
    """No channel can: dublin's mark is a UDP probe's."""
    return cell.strategy is Strategy.DUBLIN and cell.protocol is not Protocol.UDP


def is_out_of_reach(cell: Combination) -> bool:
    """Others can, this channel cannot: the header that would hold the mark is not its own."""
    kept = cell.strategy is not Strategy.CLASSIC and cell.protocol is not Protocol.ICMP
    return cell.channel == "errqueue" and kept and not is_impossible(cell)


SUPPORTED = tuple(cell for cell in COMBINATIONS if not is_impossible(cell) and not is_out_of_reach(cell))
IMPOSSIBLE = tuple(filter(is_impossible, COMBINATIONS))
OUT_OF_REACH = tuple(filter(is_out_of_reach, COMBINATIONS))


def clocks(cell: Combination) -> tuple[StampClock, StampClock]:
    """Who stamps a probe as it leaves and an answer as it comes, as docs/privileges.md promises it."""
    blind = cell.channel == "scapy" or (cell.channel == "errqueue" and cell.protocol is Protocol.TCP)
    return (USER if blind else KERNEL, KERNEL)
