"""What other tools print, read as round-trip times by TTL; the texts are as theirs."""

from __future__ import annotations

import json

import pytest

from bench.peers import PEERS, Peer
from bench.turns import in_turn

PRINTED = {
    "traceroute": """\
traceroute to 198.18.24.10 (198.18.24.10), 30 hops max, 60 byte packets
 1  198.18.20.1  0.463 ms
 2  *
 3  198.18.22.1  0.917 ms
""",
    "mtr": "x 0 33000\nh 0 198.18.20.1\np 0 463 33000\nx 1 33001\nx 2 33002\np 2 917 33002\n",
    "tracepath": """\
 1?: [LOCALHOST]                      pmtu 1500
 1:  198.18.20.1                                           0.463ms 
 2:  no reply
 3:  198.18.22.1                                           0.917ms reached
     Resume: pmtu 1500 hops 3 back 3 
""",  # noqa: W291 - as it prints it
    "tcptraceroute": " 1  198.18.20.1  0.463 ms\n 2  * \n 3  198.18.22.1 [open]  0.917 ms\n",
    "scamper": json.dumps(
        {"type": "trace", "hops": [{"probe_ttl": 1, "rtt": 0.463}, {"probe_ttl": 3, "rtt": 0.917}]}
    ),
    "ttl": json.dumps(
        {
            "hops": [
                {"ttl": 1, "received": 1, "responders": {"198.18.20.1": {"mean_rtt": 463.0}}},
                {"ttl": 2, "received": 0, "responders": {}},
                {"ttl": 3, "received": 1, "responders": {"198.18.22.1": {"mean_rtt": 917.0}}},
            ]
        }
    ),
    "trip": json.dumps(
        {
            "hops": [
                {"ttl": 1, "recv": 1, "last": "0.463"},
                {"ttl": 2, "recv": 0, "last": "0.00"},
                {"ttl": 3, "recv": 1, "last": "0.917"},
            ]
        }
    ),
}


@pytest.mark.parametrize("peer", [one for one in PEERS if one.read is not None], ids=lambda one: one.name)
def test_times_are_read_in_microseconds_by_ttl_and_silence_is_no_time(peer: Peer) -> None:
    assert peer.read is not None
    read = peer.read(PRINTED[peer.name])
    assert {ttl: [round(one) for one in times] for ttl, times in read.items()} == {1: [463], 3: [917]}


def test_the_target_stands_last_or_where_the_tool_wants_it() -> None:
    traceroute, scamper = (one for one in PEERS if one.name in {"traceroute", "scamper"})
    assert traceroute.line("icmp", "192.0.2.1") == ["traceroute", "-n", "-q", "1", "-I", "192.0.2.1"]
    assert scamper.line("icmp", "192.0.2.1")[-2:] == ["-i", "192.0.2.1"]


def test_a_hurried_tool_says_so_in_its_name_and_sends_the_same_probes() -> None:
    trip = next(one for one in PEERS if one.name == "trip")
    assert trip.hurried.name == "trip -i 10ms"
    assert trip.hurried.line("tcp", "192.0.2.1")[0] == "trip"
    assert trip.hurried.arguments == trip.arguments


def test_tools_run_in_turn_a_failure_is_told_and_who_is_slow_runs_less() -> None:
    order: list[str] = []

    def run(tool: Peer) -> int | None:
        order.append(tool.name)
        return None if tool.name == "fails" else len(order)

    tools = [Peer(name, {}, executable=["true"]) for name in ("first", "fails")]
    taken = in_turn([*tools, Peer("absent", {}, executable=["/nonexistent"])], run, 2, 60)
    assert order == ["first", "fails", "first", "fails"]
    assert taken["first"] == ([1, 3], "")
    assert taken["fails"] == ([], "2 failed")
    assert taken["absent"] == ([], "not installed")
    assert in_turn(tools[:1], run, 5, 0)["first"] == ([], "0 of 5 runs")
