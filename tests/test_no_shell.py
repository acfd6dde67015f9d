"""Nothing of the program starts a shell or runs text as code; what comes near is listed with its reason."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted([*ROOT.glob("tracer/**/*.py"), *ROOT.glob("tui/**/*.py")])

CALLS = {
    "os": {"system", "popen", "posix_spawn", "posix_spawnp", "fork", "forkpty", "startfile"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
    "pickle": {"load", "loads"},
    "marshal": {"load", "loads"},
}
FAMILIES = ("exec", "spawn")
"""Beginnings of names in ``os``."""
IMPORTS = {"subprocess", "pty", "commands", "pickle", "shelve"}
BUILTINS = {"eval", "exec", "__import__"}

KNOWN = {
    "tracer/net/facts.py": {"subprocess"},  # the doctor lists the firewall's rules: a fixed command, no input
    "tui/replay.py": {"pickle", "pickle.loads"},  # checkpoints of a replay: bytes that never left its memory
}


def offences(source: str) -> list[str]:
    """What a module calls or imports that starts something, or runs text as code."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in IMPORTS]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            if node.module.partition(".")[0] in IMPORTS:
                found.append(node.module)
            found += [one.name for one in node.names if _forbidden(node.module, one.name)]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if _forbidden(node.value.id, node.attr):
                found.append(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.keyword) and node.arg == "shell":
            found.append("shell=")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BUILTINS:
            found.append(node.func.id)
    return found


def _forbidden(module: str, name: str) -> bool:
    return name in CALLS.get(module, ()) or (module == "os" and name.startswith(FAMILIES))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_starts_no_program(path: Path) -> None:
    known = KNOWN.get(str(path.relative_to(ROOT)), set())
    assert set(offences(path.read_text(encoding="utf-8"))) == known


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess", "from subprocess import run", "import os\nos.system('x')", "os.execvp('x', [])",
        "from os import popen", "run('x', shell=True)", "eval('1')", "pickle.loads(b'')",
    ],
)  # fmt: skip
def test_what_starts_one_is_found(source: str) -> None:
    assert offences(source)
