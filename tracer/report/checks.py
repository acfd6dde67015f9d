"""A check-up as text for people and as JSON (schema ``hopscope.doctor/1``)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tracer.model import CheckResult, CheckState

SCHEMA = "hopscope.doctor/1"

_MARKS = {CheckState.OK: "ok", CheckState.NOTICE: "note", CheckState.TROUBLE: "FAIL"}


def text(findings: Sequence[CheckResult]) -> str:
    """Mark, name and what was found; where something is not right, what is needed and the command."""
    return "".join(f"{line}\n" for finding in findings for line in _lines(finding))


def _lines(finding: CheckResult) -> list[str]:
    lines = [f"{_MARKS[finding.state]:4}  {finding.check:20} {finding.found}"]
    if finding.remedy is not None:
        lines += [f"{'':27}needed: {finding.needed}", f"{'':27}do:     {finding.remedy}"]
    return lines


def json(findings: Sequence[CheckResult], version: str) -> bytes:
    """One object: schema, version and the checks."""
    document = {"schema": SCHEMA, "version": version, "checks": findings}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
