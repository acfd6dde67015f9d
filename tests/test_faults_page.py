"""docs/faults.md names the faults that have tests, and those tests; the times in it are not compared."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.lab.labkit.faults_page import BEGIN, END, PAGE, Claims, UnprovenError, claims_of, page, results

ROOT = Path(__file__).parents[1]
COMMITTED = PAGE.read_text(encoding="utf-8")
PROSE = f"# Faults\n\nBefore.\n\n{BEGIN}\nold\n{END}\n\n## After\n"
CLAIMS: Claims = {
    ("rain | hail", "test_a::test_hail"),
    ("rain", "test_a::test_rain"),
    ("snow", "test_b::test_snow"),
}


@pytest.fixture(scope="module")
def claims() -> Claims:
    """The faults that are tested, as pytest itself collects them."""
    command = [sys.executable, "-m", "tests.lab.labkit.faults_page", "--list"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    return {(fault, test) for fault, test in (line.split("\t") for line in done.stdout.splitlines())}


def test_the_page_names_the_fault_tests_there_are_and_no_others(claims: Claims) -> None:
    assert claims_of(COMMITTED) == claims
    assert len(claims) > 20


def test_every_fault_in_a_trace_says_how_soon_it_was_over_or_what_the_end_is() -> None:
    for line in COMMITTED.partition(BEGIN)[2].partition(END)[0].splitlines()[4:]:
        cells = line.strip("| ").split(" | ")
        assert len(cells) == 6 or not line, line
        if line:
            assert cells[3], line
            assert re.fullmatch(r"(\d+( to \d+)? ms, within [0-2] rounds?)?", cells[4].strip()), line


# The generator


def written(ran: Claims, spoilt: str | None = None) -> str:
    """Results as pytest writes them."""
    suite = ET.Element("testsuite")
    for number, (fault, test) in enumerate(sorted(ran)):
        case = ET.SubElement(suite, "testcase", name=test)
        properties = ET.SubElement(case, "properties")
        told = {"fault": fault, "does": "goes on", "test": test, "way": "raw-udp", "event": "send_failed x"}
        told |= {"says": "x|It rains.", "recovered": f"{10 + number} 1"}
        for name, value in told.items():
            ET.SubElement(properties, "property", name=name, value=value)
    if spoilt is not None:
        ET.SubElement(suite[0], spoilt)
    return ET.tostring(suite, encoding="unicode")


def test_the_words_around_the_table_stay_and_the_table_is_the_results() -> None:
    made = page(PROSE, results(written(CLAIMS), CLAIMS))
    assert made.startswith("# Faults\n\nBefore.\n")
    assert made.endswith("## After\n")
    assert "\nold\n" not in made
    assert claims_of(made) == CLAIMS
    rain = ["rain", "raw: udp", "`send_failed x`; “It rains.”", "goes on", "10 ms, within 1 round"]
    assert f"| {' | '.join(rain)} | `test_a::test_rain` |" in made.splitlines()
    assert page(made, results(written(CLAIMS), CLAIMS)) == made


@pytest.mark.parametrize("spoilt", ["failure", "error", "skipped"])
def test_one_test_that_did_not_pass_and_there_is_no_page(spoilt: str) -> None:
    with pytest.raises(UnprovenError, match=spoilt):
        results(written(CLAIMS, spoilt), CLAIMS)


def test_one_test_that_did_not_run_and_there_is_no_page() -> None:
    with pytest.raises(UnprovenError, match="snow"):
        results(written({("rain", "test_a::test_rain")}), CLAIMS)
