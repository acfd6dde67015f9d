"""What a tool says of round-trip times, less what the device saw.

``python -m bench.truth [RUNS [PROTOCOL [TOOL]]]``, where TOOL is how the names of tools begin.

The yardstick is a packet capture on the device the probes leave by, stamped by the kernel. The tools run in
turn on the same path; a busy machine is one with a process that computes beside them on every core.
Needs root.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from bench import table
from bench.measured import COMMAND, ENVIRONMENT, ROOT
from bench.peers import PEERS, Peer, Times, ours
from bench.turns import in_turn
from tests.lab.labkit.capture import capture
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.packets import Key, reply_key, sent_key
from tests.lab.labkit.tun import DEVICE, TunLab, tun_lab
from tests.tui.pseudo_terminal import terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.lab.labkit.capture import Capture
    from tests.tui.pseudo_terminal import Screen

PATH = "clean"
"""Every hop answers every probe: the n-th time told for a hop is that of the n-th probe answered there."""
PATIENCE_S = 40
ENOUGH_S = 2.5
"""A tool whose runs have taken so long together is not run again."""
ROUNDS = ("-C", "4", "-i", "200ms", "-T", "200ms")
"""Ours tells of every answer by itself: several rounds at once, to start less often. Shorter ones would not
go out as they do by default: the budget of 100 probes a second would part them."""
BUSY_S = 60
_TTL = {4: 8, 6: 7}
"""Where the TTL or hop limit stands in an IP header, by version."""


def seen(tap: Capture) -> Times:
    """Microseconds between probe and first answer on the device, by TTL, in the order of the probes."""
    sent: dict[Key, tuple[int, int]] = {}
    answered: dict[Key, int] = {}
    for one in tap.packets():
        key = sent_key(one.packet) if one.outgoing else reply_key(one.packet)
        if key is not None and one.outgoing:
            sent.setdefault(key, (one.packet[_TTL[one.packet[0] >> 4]], one.at_ns))
        elif key in sent:
            answered.setdefault(key, one.at_ns)
    found: Times = defaultdict(list)
    for key, (ttl, at_ns) in sent.items():
        if key in answered:
            found[ttl].append((answered[key] - at_ns) / 1000)
    return found


def errors(told: Times, captured: Times) -> list[float]:
    """Told minus captured, in microseconds, for every probe that both know."""
    return [
        one - other
        for ttl, times in told.items()
        if len(times) == len(captured.get(ttl, ()))
        for one, other in zip(times, captured[ttl], strict=True)
    ]


def by_command(lab: TunLab, protocol: str, peer: Peer) -> list[float] | None:
    """One headless run; None where it failed."""
    with capture(lab.namespace, DEVICE) as tap:
        line = peer.line(protocol, lab.target_address(Family.IPV4))
        done = lab.namespace.run(line, peer.user, PATIENCE_S, environment=ENVIRONMENT, directory=ROOT)
        if done.returncode != 0 or peer.read is None:
            return None
        return errors(peer.read(done.stdout), seen(tap))


def on_screen(lab: TunLab, protocol: str, rounds: int) -> list[float]:
    """So many rounds on the screen, which is kept redrawing by keys."""
    with tempfile.TemporaryDirectory() as folder, capture(lab.namespace, DEVICE) as tap:
        Path(folder).chmod(0o777)
        log = Path(folder) / "log.ndjson"
        options = (f"--{protocol}", "--record", str(log), "-i", "300ms", "-T", "300ms")
        line = lab.namespace.command([*COMMAND, lab.target_address(Family.IPV4), *options], User.NOBODY)
        with terminal(line, environment=ENVIRONMENT, directory=ROOT) as opened:
            for round_number in range(rounds):
                opened.press("tce"[round_number % 3])
                opened.press("T")
                opened.read_until(functools.partial(_in_round, round_number))
            opened.press("q")
            opened.end()
        told: Times = defaultdict(list)
        for text in log.read_text().splitlines():
            event = json.loads(text)
            if event["event"] == "reply" and event["rtt_ns"] is not None:
                told[event["ttl"]].append(event["rtt_ns"] / 1000)
        return errors(told, seen(tap))


def _in_round(least: int, screen: Screen) -> bool:
    shown = re.search(r"round (\d+)", screen.text)
    return shown is not None and int(shown[1]) >= least


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """A process on every core that computes and ends by itself."""
    spin = f"import time\nend = time.monotonic() + {BUSY_S}\nwhile time.monotonic() < end: pass"
    with contextlib.ExitStack() as running:
        for _ in range(os.cpu_count() or 1):
            process = running.enter_context(subprocess.Popen([sys.executable, "-c", spin]))
            running.callback(process.kill)
        yield


def line(name: str, found: Sequence[float], note: str = "") -> None:
    """One row: the signed error in microseconds."""
    if found:
        mean = sum(found) / len(found)
        tail = table.percentile([abs(value) for value in found], 0.95)
        figures = f"{table.percentile(found, 0.5):8.1f} {mean:8.1f} {tail:8.1f} {len(found):8}"
    else:
        figures = " ".join(["       -"] * 4)
    print(f"  {name:34} {figures}   {note}".rstrip(), flush=True)


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    hopscope = [ours("errqueue", *ROUNDS), ours("raw", *ROUNDS, user=User.ROOT)]
    protocols = sys.argv[2:3] or ("icmp", "udp", "tcp")
    beginning = "".join(sys.argv[3:4])
    told_well = [*hopscope, *(peer.hurried for peer in PEERS if peer.read is not None)]
    measured = [peer for peer in told_well if peer.name.startswith(beginning)]
    with tun_lab(PATH) as lab:
        for title, machine in (("idle", contextlib.nullcontext), ("busy", busy)):
            for protocol in protocols:
                print(f"\n{protocol}, {title} machine: told minus captured, in us, {runs} runs in turn")
                print(f"  {'':34} {'median':>8} {'mean':>8} {'p95 abs':>8} {'probes':>8}")
                able = [peer for peer in measured if protocol in peer.arguments]
                with machine():
                    taken = in_turn(able, functools.partial(by_command, lab, protocol), runs, ENOUGH_S)
                    screen = on_screen(lab, protocol, 2 + 2 * runs)
                for name, one in taken.items():
                    line(name, [error for run in one.found for error in run], one.note)
                line("hopscope (screen redrawing)", screen)


if __name__ == "__main__":
    main()
