"""What is left of a process once it has given up its privileges: it says so in /proc."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tracer.net import privileges
from tracer.net.privileges import User, behind

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="needs Linux and root"
)
ROOT = Path(__file__).parents[2]
NOBODY = 65534
SUDO = {"SUDO_UID": str(NOBODY), "SUDO_GID": str(NOBODY)}


EVERYBODYS, ROOTS = "/etc/passwd", "/proc/1/mem"
"""The tests' own interpreter may be one that only root can read, so the program is said to be elsewhere."""

SCRIPT = """
import socket, sys
from tracer.net import privileges
privileges.PROGRAM = (sys.argv[1],)
privileges.keep_nothing(dict(pair.split("=") for pair in sys.argv[2:]))
print(open("/proc/self/status").read())
try:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
except PermissionError:
    print("Raw: refused")
"""


def left(environment: Mapping[str, str], program: str = EVERYBODYS) -> dict[str, list[str]]:
    """What /proc/self/status says in a process that has given up what it had."""
    pairs = [f"{name}={value}" for name, value in environment.items()]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, program, *pairs],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        cwd=ROOT,
    )
    return {name: value.split() for name, value in re.findall(r"^(\w+):\s*(.*)$", done.stdout, re.MULTILINE)}


def capabilities(status: Mapping[str, list[str]]) -> set[int]:
    return {int(status[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}


def test_root_has_no_capability_left_but_is_still_root() -> None:
    status = left({})
    assert capabilities(status) == {0}
    assert status["Uid"] == ["0"] * 4
    assert status["NoNewPrivs"] == ["1"]
    assert status["Raw"] == ["refused"]


def test_under_sudo_the_user_is_left_with_its_own_groups() -> None:
    status = left(SUDO)
    assert capabilities(status) == {0}
    assert status["Uid"] == status["Gid"] == [str(NOBODY)] * 4
    assert set(status["Groups"]) <= {str(NOBODY)}


def test_a_user_who_could_not_load_the_program_is_not_become() -> None:
    status = left(SUDO, ROOTS)
    assert status["Uid"] == status["Gid"] == ["0"] * 4
    assert capabilities(status) == {0}


@pytest.mark.parametrize(
    ("environment", "user"),
    [
        ({}, None),
        (SUDO, User(NOBODY, NOBODY)),
        ({"SUDO_UID": "0", "SUDO_GID": "0"}, None),
        ({"SUDO_UID": str(NOBODY)}, None),
        ({"SUDO_UID": "-1", "SUDO_GID": "1"}, None),
        ({"SUDO_UID": "nobody", "SUDO_GID": "nogroup"}, None),
    ],
)
def test_sudo_says_whom_root_acts_for(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], user: User | None
) -> None:
    monkeypatch.setattr(privileges, "PROGRAM", ("/etc/passwd",))
    before = (os.getresuid(), os.getresgid(), os.getgroups())
    assert behind(environment) == user
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before
