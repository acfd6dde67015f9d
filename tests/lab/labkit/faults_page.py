"""Writes docs/faults.md from its tests' results: ``python -m tests.lab.labkit.faults_page RESULTS.xml``.

RESULTS.xml is what ``pytest -m fault -o junit_family=xunit1 --junitxml`` writes; ``make faults`` does both.
The words around the table are kept. Nothing is written where a test failed, was skipped or is missing.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.lab.labkit.fault_notes import Marked

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/faults.md"
BEGIN, END = "<!-- made by `make faults`: do not edit -->", "<!-- end of what was made -->"
HEADING = ("fault", "through", "what is told", "what hopscope does", "target answers again", "tests")
ESCAPED = "\\|"
LIST = "--list"
LONGEST = 240
"""Characters of a sentence in the table."""

Claims = set[tuple[str, str]]
"""Each fault and a test of it."""


class UnprovenError(Exception):
    """A fault whose test did not pass."""


@dataclass
class Row:
    """One fault, over all runs of all its tests."""

    does: str = ""
    ways: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    says: dict[str, str] = field(default_factory=dict)
    recovered_ms: list[int] = field(default_factory=list)
    recovered_rounds: list[int] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)

    def enter(self, told: list[tuple[str, str]]) -> None:
        """Add what one test noted."""
        for name, value in told:
            if name == "does":
                self.does = self.does or value
            elif name == "way":
                _add(self.ways, value)
            elif name == "event":
                _add(self.events, value)
            elif name == "test":
                _add(self.tests, value)
            elif name == "says":
                about, _, text = value.partition("|")
                self.says.setdefault(about, text)
            elif name == "recovered":
                ms, rounds = value.split()
                self.recovered_ms.append(int(ms))
                self.recovered_rounds.append(int(rounds))


def _add(values: list[str], value: str) -> None:
    if value and value not in values:
        values.append(value)


def results(document: str, claims: Claims) -> dict[str, Row]:
    """By fault, what its tests saw. Raises UnprovenError where one of ``claims`` was not proved."""
    rows: dict[str, Row] = defaultdict(Row)
    proved: Claims = set()
    for case in ET.fromstring(document).iter("testcase"):  # noqa: S314 - what pytest wrote just now
        told = [(one.get("name", ""), one.get("value", "")) for one in case.iter("property")]
        spoilt = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        if spoilt:
            raise UnprovenError(f"{case.get('name')}: {spoilt[0]}")
        for fault in [value for name, value in told if name == "fault"]:
            rows[fault].enter(told)
            proved.update((fault, value) for name, value in told if name == "test")
    if proved != claims:
        raise UnprovenError(f"did not run, or are no longer there: {sorted(proved ^ claims)}")
    return dict(rows)


def table(rows: dict[str, Row]) -> str:
    """The table as Markdown."""
    lines = [f"| {' | '.join(HEADING)} |", "|" + "---|" * len(HEADING)]
    lines += [f"| {' | '.join(_cells(fault, row))} |" for fault, row in rows.items()]
    return "\n".join(lines)


def _cells(fault: str, row: Row) -> list[str]:
    events = ", ".join(f"`{event}`" for event in row.events)
    said = "; ".join(f"“{_short(text)}”" for text in row.says.values())
    told = "; ".join(part for part in (events, said) if part) or "nothing"
    tests = ", ".join(f"`{test}`" for test in row.tests)
    cells = [fault, _through(row.ways), told, row.does, _recovery(row), tests]
    return [cell.replace("|", ESCAPED) for cell in cells]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _through(ways: list[str]) -> str:
    """``errqueue: udp, tcp; raw: udp`` from the ways of the tests."""
    plain = [way for way in ways if not way.startswith("raw-")]
    raw = [way.removeprefix("raw-") for way in ways if way.startswith("raw-")]
    named = [("errqueue", [way for way in plain if way in PROTOCOLS]), ("raw", raw)]
    parts = [f"{channel}: {', '.join(protocols)}" for channel, protocols in named if protocols]
    return "; ".join(parts + [way for way in plain if way not in PROTOCOLS]) or "any"


PROTOCOLS = ("udp", "tcp", "icmp")


def _recovery(row: Row) -> str:
    if not row.recovered_ms:
        return ""
    least, most = min(row.recovered_ms), max(row.recovered_ms)
    rounds = max(row.recovered_rounds)
    times = f"{least} ms" if least == most else f"{least} to {most} ms"
    return f"{times}, within {rounds} round{'' if rounds == 1 else 's'}"


def page(before: str, rows: dict[str, Row]) -> str:
    """The page as it was, with this table in it."""
    head, _, rest = before.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}\n\n{table(rows)}\n\n{END}{tail}"


def claims_of(page: str) -> Claims:
    """What a page claims to be proved: each fault with each of its tests."""
    made = page.partition(BEGIN)[2].partition(END)[0]
    cells = [line.strip("|").split(" | ") for line in made.splitlines() if line.startswith("| ")][1:]
    return {
        (row[0].strip().replace(ESCAPED, "|"), test.strip(" `"))
        for row in cells
        for test in row[-1].split(", ")
    }


class _Collector:
    """A plugin that keeps what pytest collects."""

    def __init__(self) -> None:
        self.found: Claims = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            told = list(Marked(item).properties())
            tests = {value for name, value in told if name == "test"}
            self.found |= {(value, test) for name, value in told if name == "fault" for test in tests}


def files() -> list[str]:
    """Test files with such a mark in them: nothing else need be imported."""
    marked = [
        path for path in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.fault(" in path.read_text()
    ]
    return [str(path.relative_to(ROOT)) for path in marked]


def collect() -> Claims:
    """Every fault that has a test, with its tests. For a process of its own: it runs pytest."""
    collector = _Collector()
    quietly = ["--collect-only", "-q", "-p", "no:cacheprovider", "-m", "fault", *files()]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = pytest.main(quietly, plugins=[collector])
    if code:
        raise UnprovenError(said.getvalue())
    return collector.found


def main() -> int:
    """Write the page; 1 where it would claim what did not pass. ``--list`` prints what there is to prove."""
    claims = collect()
    if sys.argv[1] == LIST:
        sys.stdout.writelines(f"{fault}\t{test}\n" for fault, test in sorted(claims))
        return 0
    try:
        made = page(PAGE.read_text(encoding="utf-8"), results(Path(sys.argv[1]).read_text("utf-8"), claims))
    except UnprovenError as error:
        sys.stderr.write(f"docs/faults.md is left as it is: {error}\n")
        return 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
