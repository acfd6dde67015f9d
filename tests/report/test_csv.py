"""CSV: what the csv module reads back is what the report says, and no cell is a formula."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from tests.report import samples, stories
from tracer.names import AsnInfo, Place
from tracer.report.csv import COLUMNS, inert, render
from tracer.report.document import Report

TRIPPY = "Target,TargetIp,Hop,IPs,Addrs,Loss%,Snt,Recv,Last,Avg,Best,Wrst,StDev"

FULL_WIDTH = "\uff1d\uff0b\uff0d\uff20"


def rows(*reports: Report) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(render([*reports]).decode(), newline=""), strict=True)]


def test_the_first_columns_are_trippys() -> None:
    first = render([]).decode().splitlines()[0]
    assert first.startswith(TRIPPY + ",")


def test_every_hop_is_a_row_and_what_is_missing_an_empty_cell() -> None:
    read = rows(samples.report(samples.eventful()))
    assert [row["Hop"] for row in read] == ["1", "2", "3", "4"]
    silent = read[1]
    assert (silent["IPs"], silent["Last"], silent["Loss%"]) == ("", "", "100.000")
    assert read[2]["IPs"].split(" ") == ["198.51.100.31", "198.51.100.32"]
    assert (read[0]["Best"], read[0]["Wrst"]) == ("0.400", "0.600")


def test_ipv6_addresses_stay_whole() -> None:
    target, log = samples.ipv6()
    read = rows(samples.report(log, target))
    assert read[0]["IPs"] == "2001:db8:1111:2222:3333:4444:5555:6666"
    assert {row["TargetIp"] for row in read} == {"2001:db8::80"}


def test_several_targets_share_one_heading() -> None:
    target, log = samples.ipv6()
    read = rows(samples.report(samples.eventful()), samples.report(log, target))
    assert [row["Hop"] for row in read] == ["1", "2", "3", "4", "1", "2"]


@given(name=st.text(max_size=30) | st.just(stories.HOSTILE), asn=st.text(max_size=30))
def test_no_name_adds_a_cell_a_row_or_a_formula(name: str, asn: str) -> None:
    report = stories.named(
        samples.report(samples.eventful()),
        hostname=name,
        asn=AsnInfo(number=1, name=asn),
        place=Place(city=name),
    )
    read = rows(report)
    assert [len(row) for row in read] == [len(COLUMNS)] * 4
    assert len(read[2]["Addrs"].split(" ")) == len(read[2]["IPs"].split(" ")) == 2
    cells = [cell for row in read for cell in row.values()]
    assert not any(
        cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", *FULL_WIDTH)) for cell in cells
    )


@given(st.text())
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    made = inert(text)
    assert made in (text, f"'{text}")
