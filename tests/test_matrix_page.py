"""docs/matrix.md claims what a test proves, all of it, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.lab.labkit.combinations import COMBINATIONS, IMPOSSIBLE, OUT_OF_REACH, SUPPORTED, Combination
from tests.lab.labkit.matrix_page import PASSED, UnprovenError, page, results, rows

ROOT = Path(__file__).parents[1]
SUITE = "tests/lab/test_channel_matrix.py"
COMMITTED = (ROOT / "docs/matrix.md").read_text(encoding="utf-8")
TESTS = {
    "test_on_the_simulated_internet": SUPPORTED,
    "test_on_real_routers": [cell for cell in SUPPORTED if cell.channel != "sim"],
    "test_what_a_channel_cannot_do_is_not_permitted_and_says_why": OUT_OF_REACH,
    "test_what_no_channel_can_do_is_refused_and_says_why": IMPOSSIBLE,
}


@pytest.fixture(scope="module")
def collected() -> set[str]:
    """The tests that there are, as pytest itself names them."""
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", SUITE],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True, env=dict(os.environ),
    ).stdout  # fmt: skip
    return set(re.findall(rf"^{re.escape(SUITE)}::(\S+)$", listed, re.MULTILINE))


def test_every_claim_has_its_tests(collected: set[str]) -> None:
    for cell, said in rows(COMMITTED).items():
        proofs = {f"{name}[{cell}]" for name, cells in TESTS.items() if cell in cells}
        assert proofs, cell
        assert proofs <= collected
        assert (said == PASSED) == (cell in SUPPORTED), cell


def test_every_combination_is_on_the_page_with_yes_or_a_reason() -> None:
    said = rows(COMMITTED)
    assert set(said) == set(COMBINATIONS)
    assert all(said[cell] == PASSED or len(said[cell].split()) > 4 for cell in COMBINATIONS)


def test_no_test_of_the_suite_is_left_out(collected: set[str]) -> None:
    assert collected == {f"{name}[{cell}]" for name, cells in TESTS.items() for cell in cells}


def test_the_page_is_what_its_generator_makes_of_it() -> None:
    """All but the systems it was tested on."""
    made = page(rows(COMMITTED))
    assert made.partition("## Where")[0] == COMMITTED.partition("## Where")[0]
    assert "Linux" in COMMITTED.partition("## Where")[2]


# The generator


def written(cells: dict[Combination, int], spoilt: str | None = None) -> str:
    """Results as pytest writes them, so many a combination."""
    suite = ET.Element("testsuite")
    for cell, times in cells.items():
        for _ in range(times):
            case = ET.SubElement(suite, "testcase", name=f"test[{cell}]")
            properties = ET.SubElement(case, "properties")
            told = {**cell._asdict(), **({} if cell in SUPPORTED else {"reason": f"no {cell}"})}
            for name, value in told.items():
                ET.SubElement(properties, "property", name=name, value=value)
    if spoilt is not None:
        ET.SubElement(suite[0], spoilt)
    return ET.tostring(suite, encoding="unicode")


EVERY_TEST = {cell: sum(cell in cells for cells in TESTS.values()) for cell in COMBINATIONS}


def test_what_passed_is_yes_and_what_was_refused_its_reason() -> None:
    said = results(written(EVERY_TEST))
    assert rows(page(said)) == said
    assert {said[cell] for cell in SUPPORTED} == {PASSED}
    assert all(said[cell] == f"no {cell}" for cell in (*IMPOSSIBLE, *OUT_OF_REACH))


@pytest.mark.parametrize("spoilt", ["failure", "error", "skipped"])
def test_one_test_that_did_not_pass_and_there_is_no_page(spoilt: str) -> None:
    with pytest.raises(UnprovenError, match=spoilt):
        results(written(EVERY_TEST, spoilt))


def test_one_test_that_did_not_run_and_there_is_no_page() -> None:
    with pytest.raises(UnprovenError, match="1 of 2"):
        results(written({**EVERY_TEST, SUPPORTED[0]: 1}))
