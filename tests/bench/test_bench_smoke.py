"""Every program of bench/ still runs and prints its tables; what it measures is not judged here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.programs import PROGRAMS, Program
from tests.lab.labkit.requirements import missing

ROOT = Path(__file__).parents[2]
SECONDS = 120
"""A program that takes so long hangs."""


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=ROOT,
    )


@pytest.mark.lab
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_prints_its_tables(program: Program) -> None:
    if (reason := missing()) is not None:
        pytest.skip(reason)
    done = bench("--small", program.name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [row for row in program.rows if row not in done.stdout] == [], done.stdout


def test_a_list_tells_of_every_program() -> None:
    done = bench("--list")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [program.name for program in PROGRAMS]


def test_every_program_that_prints_is_in_the_list() -> None:
    programs = {
        path.stem
        for path in (ROOT / "bench").glob("*.py")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8") and path.stem != "__main__"
    }
    assert programs == {program.name for program in PROGRAMS}


def test_a_program_that_does_not_exist_is_refused_before_anything_runs() -> None:
    done = bench("no_such_program")
    assert done.returncode == 2
    assert "there is no no_such_program" in done.stderr
    assert done.stdout == ""
