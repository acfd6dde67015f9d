"""Run the programs that measure: ``python -m bench [--small] [--list] [NAME ...]``.

Each runs in a process of its own, after the machine and every version. Nothing is written.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from bench import machine
from bench.measured import ROOT
from bench.programs import PROGRAMS


def main() -> int:
    """Run all of them, or those that are named; 1 where one fails."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, and print tables.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which programs; all, where none is named")
    parser.add_argument("--small", action="store_true", help="only show that they work")
    parser.add_argument("--list", action="store_true", help="tell what there is to run")
    asked = parser.parse_args()
    known = {program.name: program for program in PROGRAMS}
    if strange := [name for name in asked.names if name not in known]:
        parser.error(f"there is no {', '.join(strange)}; there are {', '.join(known)}")
    wanted = [known[name] for name in asked.names or known]
    if asked.list:
        print("\n".join(f"{program.name:14} {program.tells}" for program in wanted))
        return 0
    print("\n".join(machine.lines()), flush=True)
    failed = []
    for program in wanted:
        print(f"\n{'=' * 100}\n{program.name}: {program.tells}\n", flush=True)
        begun = time.monotonic()
        line = [sys.executable, "-m", f"bench.{program.name}"]
        done = subprocess.run(
            [*line, *(program.small if asked.small else program.usual)], check=False, cwd=ROOT
        )
        print(f"\n({program.name}: {time.monotonic() - begun:.0f} s)", flush=True)
        if done.returncode != 0:
            failed.append(program.name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
