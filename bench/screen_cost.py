"""What the screen costs, and what it does to the probes beside it.

``python -m bench.screen_cost [SECONDS [VIEW]]``.

As root on a TUN path, traced as nobody; otherwise on the simulated internet inside the traced process, whose
work is then counted too and whose round-trip times prove nothing. Prints tables; judges nothing.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.measured import COMMAND, ENVIRONMENT, ROOT, wan_path
from bench.table import mark, percentile
from bench.yardstick import Yardstick
from tests.tui.pseudo_terminal import Terminal, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TARGET = "203.0.113.80"
KEYS = {"table": "t", "chart": "c", "heat map": "e", "events": "l", "detail": "\x1b[Bd"}
ONE_TARGET, MANY_TARGETS = 0.04, 0.25
"""Of a core."""
ON_SCREEN_MB = 80.0
DELAY_MS = 5.0
"""What a table may add to how late a probe leaves, p99."""
CTRL_C = "\x03"
YARDSTICK = Yardstick()
QUICK = ("-i", "200ms", "-T", "200ms")
QUICK_S = 0.2
ROUNDS_LAST = 4
"""How much longer rounds are watched than CPU time: a 99th percentile takes many."""


class Cost(NamedTuple):
    """What a process used between two moments."""

    cpu: float
    """Share of a core."""
    quiet: float
    """The same, by the yardstick."""
    megabytes: float
    """Resident at the end."""


@contextlib.contextmanager
def command(*arguments: str) -> Iterator[list[str]]:
    """The command that traces the path ``wan``."""
    if os.geteuid() == 0:
        with wan_path(*arguments) as made:
            yield made
    else:
        yield [*COMMAND, "--sim", "wan", *arguments]


def spend(opened: Terminal, seconds: float) -> Cost:
    """Read what is drawn for so long."""
    pid, before, begun = opened.process.pid, _cpu_s(opened.process.pid), time.monotonic()
    slow = [YARDSTICK.slowness()]
    while time.monotonic() < begun + seconds:
        with contextlib.suppress(TimeoutError):
            opened.read_until(lambda _: False, min(begun + seconds - time.monotonic(), 1.0))
        slow.append(YARDSTICK.slowness())
    share = (_cpu_s(pid) - before) / (time.monotonic() - begun)
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Cost(share, share / statistics.median(slow), pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def costs(seconds: float, views: Mapping[str, str]) -> None:
    """CPU share of each view with one target, and of the table with sixteen."""
    print(f"{'one round a second, 120x36':28} {'CPU':>7} {'quiet':>7} {'memory':>9}   over {seconds:.0f} s")
    warm = min(seconds, 2.0)
    with command("-m", "stream", "-C", "1000000") as made, _on_terminal(made, warm, CTRL_C) as opened:
        _line("1 target, no screen", spend(opened, seconds), ONE_TARGET)
    for view, key in views.items():
        with command() as made, _on_terminal(made, warm) as opened:
            opened.press(key)
            _line(f"1 target, {view}", spend(opened, seconds), ONE_TARGET)
    with command(*[TARGET] * 15) as made, _on_terminal(made, warm) as opened:
        _line("16 targets, table", spend(opened, seconds), MANY_TARGETS)


def _line(name: str, cost: Cost, budget: float) -> None:
    shares = f"{cost.cpu:7.1%} {cost.quiet:7.1%}"
    memory = mark(cost.megabytes, ON_SCREEN_MB)
    print(
        f"{name:28} {shares} {cost.megabytes:6.0f} MB   {mark(cost.quiet, budget)}; {memory} MB", flush=True
    )


@contextlib.contextmanager
def _on_terminal(made: Sequence[str], warm: float, leave: str = "q") -> Iterator[Terminal]:
    with terminal(made, environment=ENVIRONMENT, directory=ROOT) as opened:
        opened.see(TARGET)
        spend(opened, warm)  # the start is not what is measured
        yield opened
        opened.press(leave)
        opened.end()


class Told(NamedTuple):
    """What a recording tells of a run."""

    late_ms: list[float]
    """How much later than asked each round began."""
    rtt_ms: list[float]
    """Kernel-stamped round-trip times of the first hop."""


def probes(seconds: float) -> None:
    """Rounds five times a second: how late they begin and what is measured, with and without a screen."""
    print(f"\n{'rounds every 200 ms':28} {'begun late':>22} {'RTT of hop 1':>24}   ms over {seconds:.0f} s")
    print(f"{'':28} {'p50':>7}{'p99':>7}{'worst':>8} {'p50':>10}{'p95':>7}{'p99':>7}")
    seen: dict[str, Told] = {}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        for name, keys in (
            ("no screen", None),
            ("table", ""),
            ("chart", "c"),
            ("views and themes changing", "tcelT"),
        ):
            record = Path(folder) / f"{name.replace(' ', '-')}.ndjson"
            mode = ("-m", "stream", "-C", "1000000") if keys is None else ()
            with command(*QUICK, *mode, "--record", str(record)) as made:
                _run(made, keys, seconds)
            seen[name] = told(record)
            _tell(name, seen[name])
    added = _late(seen["table"], 0.99) - _late(seen["no screen"], 0.99)
    print(f"the table adds {added:.2f} ms to the p99   {mark(added, DELAY_MS)}")


def _late(seen: Told, share: float) -> float:
    return percentile(seen.late_ms, share)


def _run(made: Sequence[str], keys: str | None, seconds: float) -> None:
    with terminal(made, environment=ENVIRONMENT, directory=ROOT) as opened:
        opened.see(TARGET)
        begun = time.monotonic()
        step = 0
        while time.monotonic() < begun + seconds:
            spend(opened, 0.5)
            if keys:
                opened.press(keys[step % len(keys)])
                step += 1
        opened.press(CTRL_C if keys is None else "q")
        opened.end()


def told(record: Path) -> Told:
    """Read a recording, but for its first and last second, when everything starts and ends."""
    begun: dict[int, int] = {}
    rtts: list[float] = []
    events = list(_events(record))
    for event in events:
        if event.get("ttl") != 1 or not 1e9 < event["at_ns"] < events[-1]["at_ns"] - 1e9:
            continue
        if event["event"] == "probe_sent":
            begun.setdefault(event["round"], event["tx"]["ns"])
        elif event["event"] == "reply" and event["rx"]["clock"] == "kernel":
            rtts.append(event["rtt_ns"] / 1e6)
    after_pace = [at_ns / 1e6 - number * QUICK_S * 1000 for number, at_ns in begun.items()]
    return Told([late - min(after_pace) for late in after_pace], rtts)


def _events(record: Path) -> Iterator[dict[str, Any]]:
    for line in record.read_text().splitlines():
        yield json.loads(line)


def _tell(name: str, seen: Told) -> None:
    late = [_late(seen, share) for share in (0.5, 0.99, 1)]
    rtt = [percentile(seen.rtt_ms, share) for share in (0.5, 0.95, 0.99)]
    print(
        f"{name:28} {late[0]:7.2f}{late[1]:7.2f}{late[2]:8.2f} {rtt[0]:10.3f}{rtt[1]:7.3f}{rtt[2]:7.3f}"
        f"   {len(seen.late_ms)} rounds, mean {statistics.fmean(seen.late_ms or [math.nan]):.2f}",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    view = "".join(sys.argv[2:3])
    costs(seconds, {name: key for name, key in KEYS.items() if view in ("", name)})
    probes(ROUNDS_LAST * seconds)


if __name__ == "__main__":
    main()
