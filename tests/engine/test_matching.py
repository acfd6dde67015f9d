from __future__ import annotations

from tests.engine.engine_driver import kernel
from tests.engine.samples_of_probes import tracked
from tracer.engine import matching
from tracer.engine.lifecycle import ProbeInput
from tracer.engine.matching import LostProbes, ProbeMemory, TrackedProbe
from tracer.model import Protocol

TIMEOUT, MEMORY = 2_000, 10_000


def memory_of(*probes: TrackedProbe, left_ns: int = 0) -> ProbeMemory:
    """Each left a nanosecond after the one before."""
    memory = ProbeMemory(TIMEOUT, MEMORY)
    for delay, one in enumerate(probes):
        memory.left(one, left_ns + delay)
    return memory


def give_up(memory: ProbeMemory, now: int) -> list[TrackedProbe]:
    given_up = []
    for one in memory.timed_out(now):
        one.move(ProbeInput.GIVEN_UP)
        given_up.append(one)
    return given_up


def test_a_probe_is_found_by_what_its_answer_quotes() -> None:
    udp, icmp = tracked(7), tracked(8, source=77, protocol=Protocol.ICMP)
    memory = memory_of(udp, icmp)
    assert memory.find((40_000, 33_434)) is udp
    assert memory.find((77, 8)) is icmp
    assert memory.find((40_000, 8)) is None
    assert [memory.knows(sequence) for sequence in (7, 8, 9)] == [True, True, False]


def test_probes_time_out_in_the_order_of_their_leaving_each_after_its_own_timeout() -> None:
    first, second = tracked(1), tracked(2, target=33_435)
    memory = memory_of(first, second, left_ns=500)
    assert memory.next_loss_ns() == 500 + TIMEOUT
    assert give_up(memory, 499 + TIMEOUT) == []
    assert give_up(memory, 500 + TIMEOUT) == [first]
    assert memory.next_loss_ns() == 501 + TIMEOUT
    assert give_up(memory, 10**9) == [second]
    assert memory.next_loss_ns() is None


def test_a_settled_probe_does_not_time_out() -> None:
    first, second = tracked(1), tracked(2, target=33_435)
    memory = memory_of(first, second)
    first.move(ProbeInput.ANSWERED)
    assert memory.next_loss_ns() == 1 + TIMEOUT
    assert give_up(memory, 10**9) == [second]


def test_no_stamp_moves_a_timeout() -> None:
    one = tracked(1)
    memory = memory_of(one)
    one.tx = kernel(10**15)
    assert give_up(memory, TIMEOUT) == [one]


def test_a_lost_probe_is_found_until_it_is_forgotten() -> None:
    one = tracked(1)
    memory = memory_of(one)
    give_up(memory, TIMEOUT)
    assert list(memory.forgotten(MEMORY - 1)) == []
    assert memory.find(one.probe.identity) is one
    assert list(memory.forgotten(MEMORY)) == [one]
    assert memory.find(one.probe.identity) is None
    assert not memory.knows(1)


def test_forgetting_a_probe_leaves_the_one_that_took_its_identity() -> None:
    old, new = tracked(1), tracked(2)
    memory = memory_of(old)
    give_up(memory, TIMEOUT)
    memory.left(new, TIMEOUT)
    assert list(memory.forgotten(MEMORY)) == [old]
    assert memory.find(new.probe.identity) is new


def test_the_oldest_lost_probe_that_holds_a_port_makes_room() -> None:
    answered, lost, later = tracked(1), tracked(2, target=33_435), tracked(3, target=33_436)
    holding = LostProbes()
    assert holding.oldest() is None
    for one in (answered, lost, later):
        one.move(ProbeInput.GIVEN_UP)
        holding.add(one)
    answered.move(ProbeInput.ANSWERED)
    assert holding.oldest() is lost
    assert holding.oldest(beyond=2) is None, "no more than two hold a port"
    lost.released = True
    assert holding.oldest() is later


def test_all_outstanding_ends_every_wait() -> None:
    probes = [tracked(number, target=33_434 + number) for number in range(3)]
    memory = memory_of(*probes)
    probes[1].move(ProbeInput.ANSWERED)
    ended = []
    for one in memory.all_outstanding():
        one.move(ProbeInput.GIVEN_UP)
        ended.append(one)
    assert ended == [probes[0], probes[2]]
    assert memory.next_loss_ns() is None


def test_sequences_never_run_out_in_memory() -> None:
    """Beyond its limit it forgets the settled, oldest first, and keeps the outstanding up to a second one."""
    memory = ProbeMemory(TIMEOUT, MEMORY)
    for number in range(matching.OUTSTANDING_LIMIT):
        assert not memory.full
        memory.left(tracked(number, source=number, protocol=Protocol.ICMP), 0)
    assert memory.full
    assert list(memory.forgotten(0)) == []
    give_up(memory, TIMEOUT)
    forgotten = list(memory.forgotten(TIMEOUT))
    assert len(forgotten) == matching.OUTSTANDING_LIMIT - matching.MEMORY_LIMIT
    assert [one.probe.sequence for one in forgotten[:3]] == [0, 1, 2]
    assert not memory.full


def test_lost_probes_that_hold_nothing_any_more_are_let_go_even_if_no_port_is_ever_short() -> None:
    lost = LostProbes()
    for sequence in range(1, 101):
        one = tracked(sequence)
        one.move(ProbeInput.GIVEN_UP)
        lost.add(one)
        one.released = True
    assert len(lost._lost) == 1
    assert lost.oldest() is None
