"""How long a user looks at nothing: from process start to the first frame, the first hop and the target.

``python -m bench.first_frame [RUNS]``: on the simulated internet, and as root also on a TUN path as nobody,
where the target is 100 ms away. Prints a table; judges nothing.

Two yardsticks are taken in turn with the runs, so that a machine that is busy or slow can be judged as well:
an interpreter that does nothing, and one that imports asyncio. The last two columns are medians of the ratio
to the yardstick that was taken just before.
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
from tests.tui.pseudo_terminal import PASTE, Screen, Terminal, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MARKS: dict[str, Callable[[Screen], bool]] = {
    "first frame": lambda screen: bool(screen.text.strip()),
    "first hop": lambda screen: "198.18.0.254" in screen.text,
    "target": lambda screen: screen.text.count("203.0.113.80") > 1,
    "keys": lambda screen: PASTE in screen.modes,
}
"""The target's address stands in the header and in its row. Who asks for pasted text reads the keyboard."""

YARDSTICKS = {
    "nothing": (sys.executable, "-c", "pass"),
    "import asyncio": (sys.executable, "-c", "import asyncio"),
}


def one_run(command: Sequence[str]) -> dict[str, float]:
    """Milliseconds from process start to each mark."""
    marks: dict[str, float] = {}
    with terminal(command, environment=ENVIRONMENT, directory=ROOT) as opened:
        opened.read_until(lambda screen: _seen(screen, opened, marks))
        opened.press("q")
        opened.end()
    return marks


def _seen(screen: Screen, opened: Terminal, marks: dict[str, float]) -> bool:
    """Whether every mark is reached; notes when each was."""
    for name in MARKS.keys() - marks.keys():
        if MARKS[name](screen):
            marks[name] = (opened.arrived - opened.begun) * 1000
    return len(marks) == len(MARKS)


def _yardsticks() -> dict[str, float]:
    """What this machine takes now for what cannot be avoided, in milliseconds."""
    return {name: _ends(command) for name, command in YARDSTICKS.items()}


def _ends(command: Sequence[str]) -> float:
    begun = time.monotonic()
    subprocess.run(command, check=True, timeout=30, env=ENVIRONMENT)
    return (time.monotonic() - begun) * 1000


def _print(path: str, mark: str, values: Sequence[float], *ratios: Sequence[float]) -> None:
    told = "".join(f" {statistics.median(ratio):9.1f}" for ratio in ratios)
    print(
        f"{path:12} {mark:15} {statistics.median(values):8.0f} {min(values):8.0f} {max(values):8.0f}{told}",
        flush=True,
    )


def _measure(name: str, command: Sequence[str], runs: int) -> None:
    one_run(command)  # the sources are compiled and cached
    taken = [(_yardsticks(), one_run(command)) for _ in range(runs)]
    for yardstick in YARDSTICKS:
        _print(name, yardstick, [known[yardstick] for known, _ in taken])
    for mark in MARKS:
        values = [run[mark] for _, run in taken]
        _print(
            name,
            mark,
            values,
            *([run[mark] / known[yardstick] for known, run in taken] for yardstick in YARDSTICKS),
        )


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    print(
        f"{'path':12} {'mark':15} {'median':>8} {'best':>8} {'worst':>8} {'/nothing':>9} {'/asyncio':>9}"
        f"   ms from process start, {runs} runs"
    )
    with contextlib.ExitStack() as stack:
        commands = {"simulated": [*COMMAND, "--sim", "wan"]}
        if os.geteuid() == 0:
            commands["TUN, nobody"] = stack.enter_context(wan_path())
        for name, command in commands.items():
            _measure(name, command, runs)


if __name__ == "__main__":
    main()
