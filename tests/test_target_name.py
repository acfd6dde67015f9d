from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.errors import ConfigError
from tracer.target_name import flaw, refuse_impossible

POSSIBLE = [
    "localhost", "example.com", "example.com.", "_dmarc.example.com", "3com.example", "1.2.example", "0x7g",
    "x" * 63, ".".join(["x" * 49] * 5), "xn--zrich-kva.example", "zürich.example", "東京.example", "a-.b",
    "192.0.2.1", "2001:db8::1", "fe80::1%eth0",
]  # fmt: skip
IMPOSSIBLE = {
    "": "empty",
    "-C": "hyphen",
    "a b": "' '",
    "a\tb": "'\\t'",
    "127.0.0.1\0": "'\\x00'",
    "a..b": "between two dots",
    ".a": "between two dots",
    "..": "between two dots",
    "x" * 64: "between two dots",
    ".".join(["x" * 50] * 5): "at most 253",
    "x" * 10_000: "at most 253",
    "ü" * 80: "international",
    "\udcff\udcfe.example": "international",
    "\x1b[31mred": "'\\x1b'",
    "192.0.2.0/24": "'/'",
    "1.2": "all its numbers",
    "10.0.1": "all its numbers",
    "2130706433": "all its numbers",
    "0x7f.1": "all its numbers",
    "010.0.0.1": "all its numbers",
    "1.2.3.4 x": "all its numbers",
    "\uff11.\uff12": "all its numbers",
    "127\u30020\u30020\u30021": "all its numbers",
}  # fmt: skip


@pytest.mark.parametrize("query", POSSIBLE)
def test_what_may_be_a_host_is_left_to_the_resolver(query: str) -> None:
    assert flaw(query) is None
    refuse_impossible(query)


@pytest.mark.parametrize("query", IMPOSSIBLE)
def test_what_cannot_be_a_host_is_refused_for_what_is_wrong(query: str) -> None:
    with pytest.raises(ConfigError) as refused:
        refuse_impossible(query)
    assert refused.value.option == "TARGET"
    assert IMPOSSIBLE[query] in refused.value.reason


@pytest.mark.parametrize(
    ("query", "remedy"),
    [
        ("https://example.com/", "Give the host alone: no scheme, user, path or prefix length."),
        ("192.0.2.0/24", "Give the host alone: no scheme, user, path or prefix length."),
        ("admin@example.com", "Give the host alone: no scheme, user, path or prefix length."),
        ("example.com:443", "Give the host alone, and its port as --tcp -P 443."),
        ("example.com:999999", "Give the name of a host, or a whole address."),
        ("2001:db8::1::80", "Give the name of a host, or a whole address."),
        ("exam ple.com", "Give the name of a host, or a whole address."),
    ],
)
def test_whoever_gives_more_than_a_host_is_told_what_to_leave_out(query: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as refused:
        refuse_impossible(query)
    assert refused.value.remedy == remedy


@given(st.text(alphabet=st.characters(codec=None), max_size=80))
def test_no_possible_name_becomes_an_address_unasked(query: str) -> None:
    """The system's resolver is handed the international form; inet_aton would take it before any question."""
    if flaw(query) is None and "%" not in query and ":" not in query:
        name = query.encode("idna").decode()
        try:
            socket.inet_aton(name)
        except OSError:
            return
        assert socket.inet_ntoa(socket.inet_aton(name)) == query
