"""Which states a probe and a round go through, as two tables.

House rules: every transition stands here; nothing else assigns a state. A move that is not in a table is a
bug in hopscope and raises KeyError; whatever the network does maps to an input that every state it can meet
knows.
"""

from __future__ import annotations

from enum import StrEnum

from tracer.model import ProbeState


class ProbeInput(StrEnum):
    """What can happen to a probe."""

    LEFT = "left"
    PORT_IN_USE = "port in use"
    REFUSED_HERE = "refused here"
    """This host did not let it out; known at once or told later."""
    ANSWERED = "answered"
    GIVEN_UP = "given up"


PROBE_TRANSITIONS: dict[tuple[ProbeState, ProbeInput], ProbeState] = {
    (ProbeState.PLANNED, ProbeInput.LEFT): ProbeState.OUTSTANDING,
    (ProbeState.PLANNED, ProbeInput.PORT_IN_USE): ProbeState.SKIPPED,
    (ProbeState.PLANNED, ProbeInput.REFUSED_HERE): ProbeState.FAILED,
    (ProbeState.OUTSTANDING, ProbeInput.ANSWERED): ProbeState.REPLIED,
    (ProbeState.OUTSTANDING, ProbeInput.GIVEN_UP): ProbeState.LOST,
    (ProbeState.OUTSTANDING, ProbeInput.REFUSED_HERE): ProbeState.FAILED,
    # A loss is a judgement about silence; what comes later takes it back.
    (ProbeState.LOST, ProbeInput.ANSWERED): ProbeState.REPLIED,
    (ProbeState.LOST, ProbeInput.REFUSED_HERE): ProbeState.FAILED,
    # A second answer is a duplicate, an answer to a refused probe an oddity: neither changes its end.
    (ProbeState.REPLIED, ProbeInput.ANSWERED): ProbeState.REPLIED,
    (ProbeState.REPLIED, ProbeInput.REFUSED_HERE): ProbeState.REPLIED,
    (ProbeState.FAILED, ProbeInput.ANSWERED): ProbeState.FAILED,
    (ProbeState.FAILED, ProbeInput.REFUSED_HERE): ProbeState.FAILED,
}


class RoundState(StrEnum):
    """Where a round stands."""

    OPEN = "open"
    """TTLs remain to be sent."""
    DRAINING = "draining"
    """Everything is sent; answers are awaited."""
    COMPLETE = "complete"


class RoundInput(StrEnum):
    """What can happen to a round."""

    ALL_SENT = "all sent"
    MORE_TO_SEND = "more to send"
    """An answer opened the window further."""
    OVER = "over"


ROUND_TRANSITIONS: dict[tuple[RoundState, RoundInput], RoundState] = {
    (RoundState.OPEN, RoundInput.ALL_SENT): RoundState.DRAINING,
    (RoundState.OPEN, RoundInput.MORE_TO_SEND): RoundState.OPEN,
    (RoundState.DRAINING, RoundInput.ALL_SENT): RoundState.DRAINING,
    (RoundState.DRAINING, RoundInput.MORE_TO_SEND): RoundState.OPEN,
    (RoundState.DRAINING, RoundInput.OVER): RoundState.COMPLETE,
}
