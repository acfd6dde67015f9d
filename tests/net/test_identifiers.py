"""The identifier of a ping socket: nobody can tell it beforehand, and one in use is passed over."""

from __future__ import annotations

import errno
import os
import socket
from typing import cast

import pytest

from tests.net.loopback import LOOPBACK
from tracer.model import Family
from tracer.net.binding import _IDENTIFIERS_TRIED, _bind_identifier

SOCKETS = 1000
SOURCE = LOOPBACK[Family.IPV4]
COUNTED = 7
"""What the kernel would give next."""


class PingSocket:
    """Binds as Linux does (ping_get_port in net/ipv4/ping.c); any socket may open it here."""

    def __init__(self, *taken: int) -> None:
        self.identifier = 0
        self._taken = taken
        self._reuse = 1

    def setsockopt(self, level: int, option: int, value: int) -> None:
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_REUSEADDR)
        self._reuse = value

    def bind(self, address: tuple[str, int]) -> None:
        source, number = address
        assert source == SOURCE
        if not 0 <= number <= 0xFFFF:
            raise OverflowError("bind(): port must be 0-65535.")
        if number in self._taken and not self._reuse:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self.identifier = number or COUNTED


def given(*taken: int) -> int:
    """The identifier a socket gets where these are somebody's."""
    sock = PingSocket(*taken)
    _bind_identifier(cast("socket.socket", sock), SOURCE)
    return sock.identifier


def draw(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> list[int]:
    """Let the system's source of randomness give these, in this order; returns those it has still to give."""
    waiting = [*numbers]
    monkeypatch.setattr(os, "urandom", lambda length: waiting.pop(0).to_bytes(length))
    return waiting


def test_identifiers_are_spread_over_the_whole_range() -> None:
    numbers = [given() for _ in range(SOCKETS)]
    assert all(1 <= number <= 0xFFFF for number in numbers)
    # Of sixteen equal parts each gets some 62 of 1000; fewer than 20 once in 10^10 runs.
    parts = [number >> 12 for number in numbers]
    assert all(parts.count(part) >= 20 for part in range(16))


@pytest.mark.parametrize(("number", "identifier"), [(0x0102, 0x0102), (0xFFFF, 0xFFFF), (0, 1)])
def test_the_systems_randomness_alone_decides(
    number: int, identifier: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = draw(monkeypatch, number)
    assert given() == identifier
    assert waiting == []


def test_one_that_somebody_has_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    draw(monkeypatch, 500, 500, 501)
    assert given(500) == 501


def test_where_all_that_are_drawn_are_somebodys_the_kernel_finds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = draw(monkeypatch, *[500] * _IDENTIFIERS_TRIED, 501)
    assert given(500) == COUNTED
    assert waiting == [501]
