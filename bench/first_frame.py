"""How long a user looks at nothing: from process start to the first frame, the first hop and the target.

``python -m bench.first_frame [RUNS]``: on the simulated internet, and as root also on a TUN path as nobody,
where the target is 100 ms away. Prints a table; judges nothing.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from bench.measured import COMMAND, ENVIRONMENT, ROOT, wan_path
from tests.tui.pseudo_terminal import Terminal, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MARKS: dict[str, Callable[[str], bool]] = {
    "first frame": lambda text: bool(text.strip()),
    "first hop": lambda text: "198.18.0.254" in text,
    "target": lambda text: text.count("203.0.113.80") > 1,
}
"""The target's address stands in the header and in its row."""


def one_run(command: Sequence[str]) -> dict[str, float]:
    """Milliseconds from process start to each mark."""
    with terminal(command, environment=ENVIRONMENT, directory=ROOT) as opened:
        marks = {name: _until(opened, wanted) for name, wanted in MARKS.items()}
        opened.press("q")
        opened.end()
    return marks


def _seconds(command: Sequence[str]) -> float:
    """The yardstick: how long this machine takes for an interpreter that does nothing."""
    begun = time.monotonic()
    subprocess.run(command, check=True, timeout=30)
    return time.monotonic() - begun


def _until(opened: Terminal, wanted: Callable[[str], bool]) -> float:
    opened.read_until(lambda screen: wanted(screen.text))
    return (time.monotonic() - opened.begun) * 1000


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    print(
        f"{'path':12} {'mark':12} {'median':>8} {'best':>8} {'worst':>8}   ms from process start, {runs} runs"
    )
    with contextlib.ExitStack() as stack:
        commands = {"simulated": [*COMMAND, "--sim", "wan"]}
        if os.geteuid() == 0:
            commands["TUN, nobody"] = stack.enter_context(wan_path())
        idle = sorted(_seconds([sys.executable, "-c", "pass"]) * 1000 for _ in range(runs))
        print(
            f"{'nothing':12} {'python ends':12} {statistics.median(idle):8.0f} {idle[0]:8.0f} {idle[-1]:8.0f}"
        )
        for name, command in commands.items():
            one_run(command)  # the sources are compiled and cached
            measured = [one_run(command) for _ in range(runs)]
            for mark in MARKS:
                values = sorted(run[mark] for run in measured)
                print(
                    f"{name:12} {mark:12} {statistics.median(values):8.0f} {values[0]:8.0f} {values[-1]:8.0f}"
                )


if __name__ == "__main__":
    main()
