"""What an option asks for that no channel without privileges can do, and what to do instead."""

from __future__ import annotations

from collections.abc import Iterator

from tracer.config import TraceConfig, flag
from tracer.errors import NotPermittedError
from tracer.model import Protocol, Strategy

_KERNEL_CHOOSES = (
    "without privileges the kernel writes the headers, and the answers to probes of one 5-tuple cannot be "
    "told apart"
)


def needs_raw(config: TraceConfig, protocol: Protocol) -> NotPermittedError | None:
    """Why these options need raw sockets; None where they do not.

    ICMP paris does not: a ping socket keeps its identifier, and the payload makes up for the sequence.
    """
    return next(_reasons(config, protocol), None)


def _reasons(config: TraceConfig, protocol: Protocol) -> Iterator[NotPermittedError]:
    strategy = config.multipath_strategy
    if strategy is not Strategy.CLASSIC and protocol is not Protocol.ICMP:
        asked = f"{flag('multipath_strategy')} {strategy} over {protocol.upper()}"
        yield NotPermittedError(
            f"{asked} needs raw sockets: {_KERNEL_CHOOSES}.",
            "Give it CAP_NET_RAW (docs/privileges.md), or trace with --icmp -R paris, which needs none; with "
            "both --source-port and --target-port one probe at a time keeps a 5-tuple too.",
        )
    if config.flow_label:
        yield NotPermittedError(
            f"{flag('flow_label')} {config.flow_label} needs raw sockets: without privileges the kernel "
            "lends flow labels, it does not take any.",
            "Give it CAP_NET_RAW (docs/privileges.md), or leave the option out.",
        )
