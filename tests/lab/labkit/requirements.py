"""What the laboratory needs of the machine, told as a reason to skip."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = ("ip", "nft", "setpriv")


@functools.cache
def missing() -> str | None:
    """Why the lab cannot run here, in a few words; None where it can."""
    if os.geteuid() != 0:
        return "the lab needs root"
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        return f"the lab needs {', '.join(absent)}"
    if not Path("/dev/net/tun").exists():
        return "the lab needs /dev/net/tun"
    return _namespace_trouble()


def _namespace_trouble() -> str | None:
    """Root in a container may still lack the right to make a namespace: only an attempt tells."""
    name = f"hopscope-lab-{os.getpid()}-attempt"
    add = subprocess.run(
        ["ip", "netns", "add", name], capture_output=True, text=True, timeout=10, check=False
    )
    if add.returncode != 0:
        return f"the lab needs network namespaces: {add.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=10, check=True)
    return None


def needs(*tools: str) -> None:
    """Skip a test that compares us with tools this machine does not have; under CI=true that is a failure."""
    absent = [tool for tool in tools if shutil.which(tool) is None]
    if absent:
        pytest.skip(f"needs {', '.join(absent)}")
