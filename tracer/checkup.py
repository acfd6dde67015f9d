"""``hopscope --doctor``: what stands between the options and a trace on this host."""

from __future__ import annotations

import sys

from tracer.config import TraceConfig
from tracer.errors import HopscopeError
from tracer.model import CheckResult, CheckState


def examine(config: TraceConfig, targets: int) -> list[CheckResult]:
    """Look at this host with these options in mind. Sends nothing and changes nothing.

    Raises HopscopeError where there is nothing to look at: on other systems than Linux.
    """
    if not sys.platform.startswith("linux"):
        raise HopscopeError(f"The check-up knows Linux only, not {sys.platform}.", "Try --sim wan.")
    from tracer.net import doctor  # noqa: PLC0415 - opens sockets, and only where asked for

    return doctor.examine(config, targets)


def is_well(findings: list[CheckResult]) -> bool:
    """Nothing keeps what was asked for from working."""
    return all(finding.state is not CheckState.TROUBLE for finding in findings)
