"""The documents name every field and every word that can be written, and their examples hold."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from tracer import model
from tracer.ndjson import decode
from tracer.report import schema

DOCS = Path(__file__).parents[2] / "docs"
OWN_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def quoted_words(name: str) -> set[str]:
    """Return what stands between backticks, examples aside."""
    return set(re.findall(r"`([^`\n]+)`", OWN_BLOCK.sub("", (DOCS / name).read_text())))


def words_of(described: dict[str, Any]) -> set[str]:
    fields = {field for part in described["$defs"].values() for field in part.get("properties", {})}
    values = {value for part in described["$defs"].values() for value in part.get("enum", [])}
    tags = set(described.get("discriminator", {}).get("mapping", {}))
    return fields | values | tags


@pytest.mark.parametrize(
    ("document", "described"), [("report.md", schema.report_schema()), ("events.md", schema.events_schema())]
)
def test_every_field_and_every_value_of_the_schema_is_explained(
    document: str, described: dict[str, Any]
) -> None:
    explained = quoted_words(document) | quoted_words("report.md")
    missing = words_of(described) - explained
    assert missing == set()
    own = {field for part in described["$defs"].values() for field in part.get("properties", {})}
    assert own - quoted_words(document) == set()


def test_the_statistics_are_all_defined() -> None:
    fields = schema.report_schema()["$defs"]["RttReport"]["properties"]
    assert set(fields) - quoted_words("statistics.md") == set()


@pytest.mark.parametrize("enum", [model.EndReason, model.FailureKind, model.Anomaly, model.ReplyKind])
def test_vocabulary_is_spelled_as_the_model_spells_it(enum: type[StrEnum]) -> None:
    assert {word.value for word in enum} <= quoted_words("report.md") | quoted_words("events.md")


def test_the_example_lines_are_events() -> None:
    block = OWN_BLOCK.findall((DOCS / "events.md").read_text())[-1]
    lines = [line for line in block.splitlines() if line.startswith("{")]
    assert len(lines) == 2
    assert [decode(line.encode()).at_ns for line in lines] == [1_200_000, 2_001_200_000]


@pytest.mark.parametrize("document", ["report.md", "events.md", "statistics.md"])
def test_examples_name_only_addresses_reserved_for_documentation(document: str) -> None:
    addresses = re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", (DOCS / document).read_text())
    assert all(address.startswith("192.0.2.") for address in addresses)
