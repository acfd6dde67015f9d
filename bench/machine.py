"""What was measured and on what: tables mean nothing without it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measured import COMMAND, ENVIRONMENT, ROOT
from bench.peers import PEERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIBRARIES = ("msgspec", "textual", "scapy")
_NUMBER = re.compile(r"\d+(?:\.\d+\w*)+|\d{6,}")
"""A version in what a tool says of itself: numbers with dots, or a day."""


def lines() -> Iterator[str]:
    """Day, machine, and the versions of ours and of every peer."""
    cores, load = os.cpu_count() or 1, os.getloadavg()
    yield f"date      {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    yield f"machine   {cores} cores, {_cpu_model()}, {_memory_gb():.1f} GB"
    yield f"system    {platform.system()} {platform.release()}, {platform.machine()}"
    yield f"load      {load[0]:.2f} {load[1]:.2f} {load[2]:.2f}{_warning(load[0], cores)}"
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    yield f"python    {platform.python_implementation()} {platform.python_version()}, {libraries}"
    yield f"hopscope  {_told([*COMMAND, '--version'])} {_commit()}"
    for peer in PEERS:
        told = _told([*peer.command, *peer.version]) if peer.installed else "not installed"
        yield f"{peer.name:9} {told}" if len(peer.name) < 10 else f"{peer.name} {told}"


def _warning(load: float, cores: int) -> str:
    """Whether other work takes part in what is measured."""
    return "   not quiet: read ratios, not times" if load > cores / 4 else ""


def _cpu_model() -> str:
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return str(names[0]) if names else platform.processor() or "unknown processor"


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _told(line: Sequence[str]) -> str:
    """The version in what a tool prints when it is asked for it."""
    done = subprocess.run(
        line, capture_output=True, text=True, timeout=20, check=False, env=ENVIRONMENT, cwd=ROOT
    )
    found = _NUMBER.search(done.stdout + done.stderr)
    return found[0] if found else "does not tell its version"


def _commit() -> str:
    """The commit of this tree, where it is one."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False, cwd=ROOT
        )
    except OSError:
        return ""
    return f"({done.stdout.strip()})" if done.returncode == 0 else ""
