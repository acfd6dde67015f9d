"""The programs of ``python -m bench``: what each tells, and how long it takes."""

from __future__ import annotations

from typing import NamedTuple


class Program(NamedTuple):
    """One program; its module is ``bench.NAME``, which prints tables and judges nothing."""

    name: str
    tells: str
    usual: tuple[str, ...]
    """Its arguments where it measures: all programs together take less than ten minutes."""
    small: tuple[str, ...]
    """Its arguments where it only has to show, in a few seconds, that it works."""
    rows: tuple[str, ...]
    """Some of the rows it prints as root, of each of its tables one."""


PROGRAMS = (
    Program(
        "startup",
        "Start-up: the first probe, and what is imported",
        ("5",),
        ("1",),
        ("hopscope --version", "hopscope (errqueue)", "all together"),
    ),
    Program(
        "first_frame",
        "What a user waits for: the first frame, the first hop, the target",
        ("5",),
        ("1",),
        ("simulated    first frame", "TUN, nobody  target"),
    ),
    Program(
        "one_shot",
        "One trace, from start to end, beside the peers",
        ("5",),
        ("1", "udp", "5 hops", "hopscope"),
        ("hopscope (errqueue)", "hopscope (raw)"),
    ),
    Program(
        "truth",
        "What is told of round-trip times, less what a capture saw, beside the peers",
        ("3",),
        ("1", "icmp", "hopscope"),
        ("icmp, idle machine", "icmp, busy machine", "hopscope (errqueue)", "hopscope (screen redrawing)"),
    ),
    Program(
        "packets",
        "Packets that a path takes, and all branches of one, beside the peers",
        ("3",),
        ("1", "hopscope"),
        ("hopscope (errqueue)", "hopscope, UDP, 16 flows"),
    ),
    Program(
        "channel_cost",
        "CPU time of a probe and its answer, in the channels alone",
        ("5500",),
        ("110",),
        ("udp over ipv4", "tcp over ipv6"),
    ),
    Program(
        "sending",
        "CPU time of a probe, from the decision to the number, and how many at most",
        ("1", "errqueue udp", "raw icmp", "1,024/s", "10,240/s", "20,480/s"),
        ("0.5", "errqueue icmp", "1,024/s"),
        ("errqueue icmp", "1,024/s"),
    ),
    Program(
        "cost",
        "CPU time of a probe, whole process, and memory",
        ("100000", "30", "1"),
        ("2000", "5", "1"),
        ("errqueue, icmp", "raw, tcp", "resident at the end"),
    ),
    Program(
        "scale",
        "Answers from memory at offered rates; many targets over one channel",
        ("0.5", "2", "errqueue", "raw"),
        ("0.05", "1", "scapy"),
        ("1,000,000", "scapy"),
    ),
    Program(
        "screen_cost",
        "What the screen costs, and what it does to probes",
        ("2",),
        ("0.3", "table"),
        ("1 target, no screen", "16 targets, table", "views and themes changing"),
    ),
    Program(
        "screen_redraw",
        "One redraw of the table, by rows and targets",
        ("8",),
        ("2", "4", "1"),
        ("4 hops",),
    ),
    Program(
        "loop_hold",
        "How long the screen keeps the event loop",
        ("12", "16", "table"),
        ("8", "1", "table"),
        ("1 target, 80x24    table", "a redraw holds the loop, p99"),
    ),
)
"""In the order in which they run."""
