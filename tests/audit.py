"""`make audit`: known vulnerabilities of the installed libraries, asked of PyPI's database, else of OSV's.

    python -m tests.audit [pip-audit's options]

Exit code 0: every library was looked up and none is known to be weak; 1: some are; 2: not all could be asked.
What pip-audit cannot look up it passes over, and ends with 0 all the same: here that is no success.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

SERVICES = {"pypi": "https://pypi.org/pypi/<name>/<version>/json", "osv": "https://api.osv.dev/v1/query"}
"""Where pip-audit asks, by the name it has for it."""

UNREACHABLE = "No database of vulnerabilities can be asked from here"
REMEDY = f"run make audit on a host that reaches {' or '.join(SERVICES.values())}"


class Weakness(msgspec.Struct, frozen=True):
    """One entry of a database."""

    id: str
    fix_versions: tuple[str, ...] = ()


class Library(msgspec.Struct, frozen=True):
    """One installed library, as pip-audit reports it."""

    name: str
    version: str = ""
    skip_reason: str = ""
    vulns: tuple[Weakness, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """What pip-audit writes with ``-f json``."""

    dependencies: tuple[Library, ...]


Ask = Callable[[str], tuple[bytes, str]]
"""From the name of a service to what pip-audit writes on stdout and on stderr."""


def by_pip_audit(options: Sequence[str]) -> Ask:
    """Ask by the pip-audit that is installed beside this Python."""

    def ask(service: str) -> tuple[bytes, str]:
        program = Path(sys.executable).parent / "pip-audit"
        command = (program, "--skip-editable", "--progress-spinner=off", "--format=json", "-s", service)
        ended = subprocess.run([*command, *options], capture_output=True, check=False)
        return ended.stdout, ended.stderr.decode(errors="replace")

    return ask


def audit(ask: Ask) -> tuple[int, list[str]]:
    """The exit code, and what to say."""
    reasons = []
    for service in SERVICES:
        written, complaint = ask(service)
        try:
            libraries = msgspec.json.decode(written, type=Found).dependencies
        except msgspec.DecodeError:
            reasons.append(f"{service}: {(complaint.strip() or 'no answer').splitlines()[-1][:200]}")
            continue
        asked = [library for library in libraries if library.version]
        if asked:
            return _told(libraries, asked)
        reasons.append(f"{service}: it knows none of {len(libraries)} libraries")
    return 2, [f"{UNREACHABLE} ({'; '.join(reasons)}): {REMEDY}."]


def _told(libraries: Sequence[Library], asked: Sequence[Library]) -> tuple[int, list[str]]:
    weak = [
        f"{library.name} {library.version}: {weakness.id}, "
        + (f"mended in {', '.join(weakness.fix_versions)}" if weakness.fix_versions else "not mended yet")
        for library in asked
        for weakness in library.vulns
    ]
    missed = [
        library.name for library in libraries if library.skip_reason and "editable" not in library.skip_reason
    ]
    lines = [*weak, f"{len(asked)} libraries were looked up; {len(weak)} known vulnerabilities."]
    if missed:
        lines.append(f"Not looked up, as the database does not know them: {', '.join(missed)}.")
    return (1 if weak else 2 if missed else 0), lines


def main(options: Sequence[str] | None = None) -> int:
    code, lines = audit(by_pip_audit(sys.argv[1:] if options is None else options))
    print("\n".join(lines), file=sys.stderr if code == 2 else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
