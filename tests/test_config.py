"""The options: declared once, checked alone and together, written as people write them."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.config import (
    SECOND,
    AddressFamily,
    ProtocolChoice,
    TraceConfig,
    declarations,
    flag,
    format_duration,
    parse_duration,
)
from tracer.errors import ConfigError
from tracer.model import Family, Strategy

RANGED = [one for one in declarations() if one.option.low is not None and one.option.high is not None]


def test_every_field_is_declared_with_help_and_a_flag_of_its_own() -> None:
    assert [one.name for one in declarations()] == [
        field.name for field in msgspec.structs.fields(TraceConfig)
    ]
    flags = [one.flag for one in declarations()]
    flags += [one.option.short for one in declarations() if one.option.short]
    flags += [name for one in declarations() for names in one.option.switches for name in names.split("/")]
    assert [name for name, count in Counter(flags).items() if count > 1] == []
    assert all(re.fullmatch(r"[A-Z-].*\.", one.option.help) for one in declarations())


def test_the_defaults_are_the_promised_ones() -> None:
    config = TraceConfig()
    assert (config.protocol, config.timeout_ns) == (ProtocolChoice.AUTO, 2 * SECOND)
    assert config.report_cycles is None, "reports take ten, the screen goes on"
    assert (config.first_ttl, config.max_ttl, config.max_inflight, config.gap_limit) == (1, 64, 24, 10)
    assert (config.packet_size, config.max_rate, config.grace_duration_ns) == (84, 100, None)
    assert config.min_round_duration_ns == config.max_round_duration_ns == SECOND


TOGETHER: dict[str, dict[str, Any]] = {
    "min_round_duration_ns": {"max_round_duration_ns": 3_600 * SECOND},
    "max_round_duration_ns": {"min_round_duration_ns": 10_000_000},
    "target_port": {"protocol": ProtocolChoice.UDP},
    "source_port": {"protocol": ProtocolChoice.UDP},
    "first_ttl": {"max_ttl": 254},
    "flows": {"max_flows": 1024},
}
"""What an option needs beside it to take every value of its range."""


@pytest.mark.parametrize("name", [one.name for one in RANGED])
def test_a_range_is_accepted_to_its_ends_and_no_further(name: str) -> None:
    [declared] = [one for one in RANGED if one.name == name]
    low, high = declared.option.low, declared.option.high
    assert low is not None
    assert high is not None
    for value in (low, high):
        options: dict[str, Any] = {name: value, **TOGETHER.get(name, {})}
        assert getattr(TraceConfig(**options), name) == value
    for value, which in ((low - 1, "smallest"), (high + 1, "largest")):
        options = {name: value}
        with pytest.raises(ConfigError, match=which) as caught:
            TraceConfig(**options)
        assert caught.value.option == declared.flag


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"first_ttl": 9, "max_ttl": 8}, "--first-ttl"),
        ({"min_round_duration_ns": 2 * SECOND}, "--min-round-duration"),
        ({"target_port": 80}, "--target-port"),
        ({"source_port": 80, "protocol": ProtocolChoice.ICMP}, "--source-port"),
        ({"packet_size": 47, "addr_family": AddressFamily.IPV6}, "--packet-size"),
        ({"source_address": "198.18.0.1", "interface": "lo"}, "--source-address"),
        ({"source_address": "nope"}, "--source-address"),
        ({"source_address": ""}, "--source-address"),
        ({"interface": "lab\n0"}, "--interface"),
        ({"interface": "lab\udcff"}, "--interface"),
        ({"multipath_strategy": Strategy.DUBLIN}, "--multipath-strategy"),
        ({"multipath_strategy": Strategy.DUBLIN, "protocol": ProtocolChoice.TCP}, "--multipath-strategy"),
        ({"multipath_strategy": Strategy.PARIS, "packet_size": 29}, "--packet-size"),
        ({"flows": 65}, "--flows"),
        ({"flows": 3, "source_port": 65_534, "protocol": ProtocolChoice.UDP}, "--source-port"),
        ({"tos": 0xB8, "dscp": 45}, "--dscp"),
        ({"tos": 0xB9, "ecn": 2}, "--ecn"),
        ({"flow_label": 1, "addr_family": AddressFamily.IPV4}, "--flow-label"),
        ({"dont_fragment": False, "addr_family": AddressFamily.IPV6}, "--dont-fragment"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TraceConfig(**options)
    assert caught.value.option == named
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("options", "traffic_class"),
    [
        ({}, 0),
        ({"tos": 0xB9}, 0xB9),
        ({"dscp": 46}, 0xB8),
        ({"ecn": 1}, 1),
        ({"dscp": 46, "ecn": 2}, 0xBA),
        ({"tos": 0xB8, "ecn": 1}, 0xB9),
        ({"tos": 0xB9, "dscp": 46, "ecn": 1}, 0xB9),
        ({"tos": 1, "dscp": 46}, 0xB9),
    ],
)
def test_tos_dscp_and_ecn_make_one_traffic_class(options: dict[str, Any], traffic_class: int) -> None:
    assert TraceConfig(**options).traffic_class == traffic_class


@pytest.mark.parametrize(
    ("strategy", "family", "least"),
    [
        (Strategy.CLASSIC, Family.IPV4, 28),
        (Strategy.CLASSIC, Family.IPV6, 48),
        (Strategy.PARIS, Family.IPV4, 30),
        (Strategy.PARIS, Family.IPV6, 50),
    ],
)
def test_a_packet_holds_its_headers_and_what_paris_adds(
    strategy: Strategy, family: Family, least: int
) -> None:
    size = 30 if strategy is Strategy.PARIS else 28
    config = TraceConfig(multipath_strategy=strategy, packet_size=size)
    assert config.smallest_packet(family) == least


@pytest.mark.parametrize("address", ["198.18.0.1", "2001:db8::1", "::"])
def test_a_source_address_of_either_family_is_taken(address: str) -> None:
    assert TraceConfig(source_address=address).source_address == address


@pytest.mark.parametrize(
    ("written", "duration_ns"),
    [
        ("1s", SECOND),
        ("250ms", 250_000_000),
        ("1.5s", 1_500_000_000),
        ("7us", 7_000),
        ("2m", 120 * SECOND),
        (" 1h ", 3_600 * SECOND),
    ],
)
def test_durations_are_read_as_people_write_them(written: str, duration_ns: int) -> None:
    assert parse_duration(written) == duration_ns


@pytest.mark.parametrize(
    "written", ["", "1", "s", "-1s", "1 s", "1e3s", "infs", "nans", "1d", ".5s", "9" * 400 + "s"]
)
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 250ms or 1s"):
        parse_duration(written)


@given(st.integers(0, 3_600 * SECOND))
def test_a_duration_survives_being_written(duration_ns: int) -> None:
    """To the nanosecond: a value just below a limit must not be shown as the limit."""
    assert parse_duration(format_duration(duration_ns)) == duration_ns


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        assert parse_duration(text) >= 0
    except ValueError as error:
        assert "duration" in str(error)  # noqa: PT017 - both outcomes are fine, nothing else is


def test_flags_leave_the_unit_out() -> None:
    assert flag("min_round_duration_ns") == "--min-round-duration"


def test_the_packet_is_large_enough_for_the_headers_of_its_family() -> None:
    smallest = TraceConfig(packet_size=28)
    assert [smallest.smallest_packet(family) for family in Family] == [28, 48]
