"""What is written satisfies the schema that is published."""

from __future__ import annotations

import json as stdlib_json
from typing import Any

import pytest

from tests.report import samples
from tests.report.schema_check import violations
from tests.stats.logbook import Log
from tracer.report import json, schema
from tracer.report.stream import encode

LOGS = (
    samples.eventful,
    samples.unreachable,
    samples.blackhole,
    samples.unsendable,
    lambda: samples.ipv6()[1],
    Log,
)


@pytest.mark.parametrize(
    ("name", "identity"), [("report", "hopscope.report/1"), ("events", "hopscope.events/1")]
)
def test_a_schema_names_its_dialect_and_itself(name: str, identity: str) -> None:
    document = stdlib_json.loads(schema.render(name))
    assert document["$id"] == identity
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("log", LOGS)
def test_reports_satisfy_their_schema(log: Any) -> None:
    report = samples.report(log())
    for reports in ([report], [report, report]):
        assert violations(stdlib_json.loads(json.render(reports)), schema.report_schema()) == []


@pytest.mark.parametrize("log", LOGS)
def test_event_lines_satisfy_their_schema(log: Any) -> None:
    described = schema.events_schema()
    for event in (samples.HEADER, *log().events):
        assert violations(stdlib_json.loads(encode(event)), described) == []


def test_every_field_of_a_report_is_required() -> None:
    report = schema.report_schema()["$defs"]["Report"]
    assert set(report["required"]) == set(report["properties"])


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("schema",), "hopscope.report/2"),
        (("outcome", "reason"), "tired"),
        (("hops", 0, "sent"), "2"),
        (("hops", 0, "loss_ci"), [0.0]),
        (("hops", 2, "responders", 0, "extensions", 0, "type"), "unheard"),
        (("health",), None),
    ],
)
def test_the_check_finds_what_is_wrong(path: tuple[str | int, ...], wrong: Any) -> None:
    document = stdlib_json.loads(json.render([samples.report(samples.eventful())]))
    part = document
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = wrong
    assert violations(document, schema.report_schema())
