"""Reading bytes that may not be there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from struct import Struct
from typing import Any

from tracer.errors import DecodeError

_U8 = Struct("!B")
_U16 = Struct("!H")
_U32 = Struct("!I")


def too_short(layer: str, offset: int, wanted: int, there: int) -> DecodeError:
    """The error to raise where not so many bytes are there, or a length is negative."""
    return DecodeError(layer, offset, f"wants {wanted} bytes, has {there}")


class Cursor:
    """Reads forward through ``data`` from ``offset`` and never past its end.

    Numbers are in network byte order. Every failure is a ``DecodeError`` that names ``layer`` and the byte.
    """

    __slots__ = ("_data", "_end", "layer", "offset")

    def __init__(self, data: bytes, layer: str, offset: int = 0) -> None:
        self._data = data
        self._end = len(data)
        self.layer = layer
        self.offset = offset
        if not 0 <= offset <= self._end:
            raise self.error(f"starts outside its {self._end} bytes")

    @property
    def remaining(self) -> int:
        """Bytes that can still be read."""
        return self._end - self.offset

    def error(self, reason: str) -> DecodeError:
        """The error to raise when what stands at the current byte cannot be."""
        return DecodeError(self.layer, self.offset, reason)

    def unpack(self, layout: Struct) -> tuple[Any, ...]:
        """Read one ``layout``."""
        start = self._advance(layout.size)
        return layout.unpack_from(self._data, start)

    def u8(self) -> int:
        """Read one byte."""
        return int(self.unpack(_U8)[0])

    def u16(self) -> int:
        """Read two bytes."""
        return int(self.unpack(_U16)[0])

    def u32(self) -> int:
        """Read four bytes."""
        return int(self.unpack(_U32)[0])

    def take(self, count: int) -> bytes:
        """Read exactly ``count`` bytes."""
        start = self._advance(count)
        return self._data[start : self.offset]

    def rest(self) -> bytes:
        """Read everything that remains."""
        return self.take(self.remaining)

    def trim(self, count: int) -> None:
        """Let the readable part end ``count`` bytes from here; what follows, such as padding, is dropped."""
        self._end = self._limit(count)

    @contextmanager
    def restrict(self, count: int) -> Iterator[None]:
        """Let the body read the next ``count`` bytes, all of them and no more."""
        outer = self._end
        self._end = self._limit(count)
        try:
            yield
            if self.remaining:
                raise self.error(f"{self.remaining} bytes left over")
        finally:
            self._end = outer

    def _limit(self, count: int) -> int:
        end = self.offset + count
        if count < 0 or end > self._end:
            raise too_short(self.layer, self.offset, count, self.remaining)
        return end

    def _advance(self, count: int) -> int:
        start = self.offset
        self.offset = self._limit(count)
        return start
