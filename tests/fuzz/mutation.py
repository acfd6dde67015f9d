"""Bytes that are almost right, from a seed: the same seed and corpus give the same inputs."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator, Sequence

from tracer.wire.checksum import checksum

Mend = Callable[[bytearray], None]
"""Puts right in place what would be noticed before anything else."""
Step = Callable[[bytearray, random.Random, Sequence[bytes]], None]

_EDGES = (0, 1, 2, 3, 4, 5, 7, 8, 0x0F, 0x10, 0x20, 0x40, 0x45, 0x60, 0x7F, 0x80, 0xFE, 0xFF)
_WIDE = (0, 1, 7, 8, 20, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)
_LONGEST = 1 << 16


def inputs(
    corpus: Sequence[bytes], seed: str, mend: Mend | None = None, words: Sequence[bytes] = ()
) -> Iterator[bytes]:
    """Endless inputs; every other one is mended, to get further in. ``words`` are put in here and there."""
    dice = random.Random(seed)
    spelling: Step = functools.partial(_word, words)
    steps = (*STEPS, *[spelling] * (8 if words else 0))
    choose, how_many = dice.choice, (1, 1, 1, 2, 2, 3, 5, 8)
    while True:
        data = bytearray(choose(corpus))
        for _ in range(choose(how_many)):
            choose(steps)(data, dice, corpus)
        del data[_LONGEST:]
        if mend is not None and dice.random() < 0.5:
            mend(data)
        yield bytes(data)


def _flip(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    if data:
        bit = int(dice.random() * len(data) * 8)
        data[bit >> 3] ^= 1 << (bit & 7)


def _edge(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    if data:
        data[int(dice.random() * len(data))] = dice.choice(_EDGES)


def _any(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    if data:
        data[int(dice.random() * len(data))] = int(dice.random() * 256)


def _length(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    """Two bytes become a number at the edge of something: often what was a length."""
    if len(data) >= 2:
        at = int(dice.random() * (len(data) - 1))
        data[at : at + 2] = dice.choice((*_WIDE, len(data), len(data) - at)).to_bytes(4, "big")[2:]


def _truncate(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    del data[int(dice.random() * (len(data) + 1)) :]


def _cut(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    at = int(dice.random() * (len(data) + 1))
    del data[at : at + 1 + int(dice.random() * 16)]


def _insert(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    at = int(dice.random() * (len(data) + 1))
    data[at:at] = dice.randbytes(1 + int(dice.random() * 8))


def _repeat(data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    at = int(dice.random() * (len(data) + 1))
    data[at:at] = data[at : at + 1 + int(dice.random() * 32)] * (1 + int(dice.random() * 4))


def _splice(data: bytearray, dice: random.Random, corpus: Sequence[bytes]) -> None:
    """The beginning of one with the end of another, at the same place or anywhere."""
    other = dice.choice(corpus)
    at = int(dice.random() * (len(data) + 1))
    data[at:] = other[at:] if dice.random() < 0.5 else other[int(dice.random() * (len(other) + 1)) :]


def _word(words: Sequence[bytes], data: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    """One of the words in the place of a number, a name or a few bytes."""
    at = int(dice.random() * (len(data) + 1))
    end = at
    while end < len(data) and end - at < 24 and data[end : end + 1].isalnum():
        end += 1
    data[at:end] = dice.choice(words)


STEPS: tuple[Step, ...] = (
    _flip, _flip, _edge, _edge, _any, _length, _length, _truncate, _cut, _insert, _repeat, _splice,
)  # fmt: skip
"""Twice what changes little: an input that fails at its first byte tests that byte alone."""


_CHECKSUM_AT = {1: 2, 58: 2, 6: 16, 17: 6}
"""By IP protocol, where the checksum stands in the transport header."""


def mend_packet(data: bytearray) -> None:
    """Put the checksums of an IP packet right, as far as its headers make sense."""
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= 20:
        head, protocol, addresses = (data[0] & 0xF) * 4, data[9], data[12:20]
        data[2:4] = (len(data) & 0xFFFF).to_bytes(2, "big")
        _put(data, 10, data[:10] + b"\0\0" + data[12:head])
    elif version == 6 and len(data) >= 40:
        head, protocol, addresses = 40, data[6], data[8:40]
        data[4:6] = (len(data) - 40 & 0xFFFF).to_bytes(2, "big")
    else:
        return
    at = head + _CHECKSUM_AT.get(protocol, len(data))
    if at + 2 <= len(data) and head >= 20:
        data[at : at + 2] = b"\0\0"
        pseudo = (
            b"" if protocol == 1 else addresses + (len(data) - head).to_bytes(4, "big") + bytes((0, protocol))
        )
        _put(data, at, pseudo + data[head:])


def _put(data: bytearray, at: int, covered: bytes | bytearray) -> None:
    data[at : at + 2] = checksum(covered).to_bytes(2, "big")


def mend_extensions(data: bytearray) -> None:
    """Version 2 and no checksum (RFC 4884 section 7)."""
    if len(data) >= 4:
        data[:4] = b"\x20\0\0\0"
