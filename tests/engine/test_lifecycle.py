from __future__ import annotations

from itertools import product

import pytest

from tests.engine.engine_driver import config_of
from tests.engine.samples_of_probes import probe
from tracer.engine.lifecycle import (
    PROBE_TRANSITIONS,
    ROUND_TRANSITIONS,
    ProbeInput,
    RoundInput,
    RoundState,
)
from tracer.engine.matching import TrackedProbe
from tracer.engine.ports import Ports
from tracer.engine.rounds import Round
from tracer.model import Port, ProbeState, RoundId

END_STATES = {ProbeState.REPLIED, ProbeState.LOST, ProbeState.FAILED, ProbeState.SKIPPED}
LEGAL = {
    ProbeState.PLANNED: {
        ProbeInput.LEFT: ProbeState.OUTSTANDING,
        ProbeInput.PORT_IN_USE: ProbeState.SKIPPED,
        ProbeInput.REFUSED_HERE: ProbeState.FAILED,
    },
    ProbeState.OUTSTANDING: {
        ProbeInput.ANSWERED: ProbeState.REPLIED,
        ProbeInput.GIVEN_UP: ProbeState.LOST,
        ProbeInput.REFUSED_HERE: ProbeState.FAILED,
    },
    ProbeState.LOST: {
        ProbeInput.ANSWERED: ProbeState.REPLIED,
        ProbeInput.REFUSED_HERE: ProbeState.FAILED,
    },
    ProbeState.REPLIED: {
        ProbeInput.ANSWERED: ProbeState.REPLIED,
        ProbeInput.REFUSED_HERE: ProbeState.REPLIED,
    },
    ProbeState.FAILED: {
        ProbeInput.ANSWERED: ProbeState.FAILED,
        ProbeInput.REFUSED_HERE: ProbeState.FAILED,
    },
    ProbeState.SKIPPED: {},
}


@pytest.mark.parametrize(("state", "what"), list(product(ProbeState, ProbeInput)))
def test_every_move_of_a_probe_is_legal_or_a_bug(state: ProbeState, what: ProbeInput) -> None:
    tracked = TrackedProbe(probe(), Ports(Port(1), Port(2)))
    tracked.state = state
    if what in LEGAL[state]:
        assert tracked.move(what) is state
        assert tracked.state is LEGAL[state][what]
    else:
        with pytest.raises(KeyError):
            tracked.move(what)
        assert tracked.state is state


def test_whatever_comes_from_outside_meets_every_state_of_a_probe_that_left() -> None:
    left = {ProbeState.OUTSTANDING} | (END_STATES - {ProbeState.SKIPPED})
    from_outside = {ProbeInput.ANSWERED, ProbeInput.REFUSED_HERE}
    assert set(product(left, from_outside)) <= PROBE_TRANSITIONS.keys()


def test_a_probe_can_get_from_its_plan_to_every_end_and_never_back() -> None:
    reached = {ProbeState.PLANNED}
    for _ in ProbeState:
        reached |= {after for (before, _), after in PROBE_TRANSITIONS.items() if before in reached}
    assert reached == set(ProbeState)
    assert ProbeState.PLANNED not in PROBE_TRANSITIONS.values()
    ended_to = {after for (before, _), after in PROBE_TRANSITIONS.items() if before in END_STATES}
    assert ended_to <= END_STATES


ROUND_LEGAL = {
    (RoundState.OPEN, RoundInput.ALL_SENT): RoundState.DRAINING,
    (RoundState.OPEN, RoundInput.MORE_TO_SEND): RoundState.OPEN,
    (RoundState.DRAINING, RoundInput.ALL_SENT): RoundState.DRAINING,
    (RoundState.DRAINING, RoundInput.MORE_TO_SEND): RoundState.OPEN,
    (RoundState.DRAINING, RoundInput.OVER): RoundState.COMPLETE,
}


@pytest.mark.parametrize(("state", "what"), list(product(RoundState, RoundInput)))
def test_every_move_of_a_round_is_legal_or_a_bug(state: RoundState, what: RoundInput) -> None:
    current = Round(config_of(), RoundId(0), 0)
    current.state = state
    if (state, what) in ROUND_LEGAL:
        current.move(what)
        assert current.state is ROUND_LEGAL[state, what] is ROUND_TRANSITIONS[state, what]
    else:
        with pytest.raises(KeyError):
            current.move(what)
