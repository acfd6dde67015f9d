"""What `make audit` says, and when it fails: pip-audit calls it a success when it could ask nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.audit import REMEDY, UNREACHABLE, Ask, audit

CLICK = {"name": "click", "version": "8.5.1", "vulns": []}
OURSELVES = {"name": "hopscope", "skip_reason": "distribution marked as editable"}
UNKNOWN = {"name": "rich", "skip_reason": "Dependency not found on PyPI and could not be audited: rich (15)"}
WEAK = {
    "name": "scapy",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": "x"}],
}


def answering(*libraries: dict[str, Any]) -> Ask:
    return lambda _: (json.dumps({"dependencies": libraries, "fixes": []}).encode(), "")


@pytest.mark.parametrize(
    ("libraries", "code", "said"),
    [
        ((CLICK, OURSELVES), 0, "1 libraries were looked up; 0 known"),
        ((CLICK, WEAK), 1, "scapy 1.0: PYSEC-1, mended in 1.1"),
        ((CLICK, UNKNOWN), 2, "Not looked up, as the database does not know them: rich."),
        ((UNKNOWN, OURSELVES), 2, UNREACHABLE),
        ((), 2, UNREACHABLE),
    ],
)
def test_only_what_was_looked_up_counts_as_sound(
    libraries: tuple[dict[str, Any], ...], code: int, said: str
) -> None:
    found, lines = audit(answering(*libraries))
    assert found == code
    assert said in "\n".join(lines)


def test_without_a_database_one_sentence_says_so_and_what_to_do() -> None:
    code, lines = audit(lambda _: (b"", "Traceback ...\nConnectionError: no such host"))
    assert code == 2
    (line,) = lines
    assert line.startswith(UNREACHABLE)
    assert line.endswith(f"{REMEDY}.")
    assert "ConnectionError: no such host" in line
    assert "Traceback" not in line


def test_the_second_database_is_asked_where_the_first_has_no_answer() -> None:
    asked = []

    def ask(service: str) -> tuple[bytes, str]:
        asked.append(service)
        return answering(CLICK)(service) if service == "osv" else (b"", "refused")

    assert audit(ask)[0] == 0
    assert asked == ["pypi", "osv"]
