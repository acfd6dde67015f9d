"""The tools that are measured: how each is told to trace once, and what it says of round-trip times.

Every tool is run with numbers for names and one probe per hop, otherwise as it comes.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from bench.measured import COMMAND
from tests.lab.labkit.namespace import User

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Times = dict[int, list[float]]
"""Microseconds by TTL, in the order they were told."""


class Peer(NamedTuple):
    """One tool."""

    name: str
    arguments: Mapping[str, Sequence[str]]
    """By protocol; a protocol that is missing cannot be traced with it."""
    user: User = User.ROOT
    read: Callable[[str], Times] | None = None
    """Reads the round-trip times from what it prints; None where it does not tell them well enough."""
    fixed: Sequence[str] = ()
    """Between the command and the protocol."""
    executable: Sequence[str] = ()
    """Where its name is not its command."""
    quick: Sequence[str] = ()
    """What makes it wait no longer than this laboratory needs; its probes stay the same."""
    version: Sequence[str] = ("--version",)
    """What makes it tell its version, and send nothing."""

    @property
    def command(self) -> Sequence[str]:
        return self.executable or (self.name,)

    @property
    def installed(self) -> bool:
        return shutil.which(self.command[0]) is not None

    @property
    def hurried(self) -> Peer:
        """The same tool, waiting no longer than it must."""
        if not self.quick:
            return self
        told = " ".join(self.quick)
        return self._replace(
            name=f"{self.name} {told}", fixed=[*self.fixed, *self.quick], quick=(), executable=self.command
        )

    def line(self, protocol: str, target: str) -> list[str]:
        """The whole command line."""
        told = [part.replace("TARGET", target) for part in self.arguments[protocol]]
        whole = [*self.command, *self.fixed, *told]
        return whole if any(target in part for part in told) else [*whole, target]


def _ours(text: str) -> Times:
    """From ``-m stream``: every answer by itself."""
    found: Times = defaultdict(list)
    for line in text.splitlines():
        event = json.loads(line)
        if event["event"] == "reply" and event["rtt_ns"] is not None:
            found[event["ttl"]].append(event["rtt_ns"] / 1000)
    return found


def _traceroute(text: str) -> Times:
    rows = re.findall(r"^\s*(\d+):?\s+[\d.]+(?: \[\w+\])?\s+([\d.]+) ?ms", text, re.MULTILINE)
    found: Times = defaultdict(list)
    for ttl, time in rows:
        found[int(ttl)].append(float(time) * 1000)
    return found


def _mtr_raw(text: str) -> Times:
    found: Times = defaultdict(list)
    for ttl, time in re.findall(r"^p (\d+) (\d+)", text, re.MULTILINE):
        found[int(ttl) + 1].append(float(time))
    return found


def _scamper(text: str) -> Times:
    found: Times = defaultdict(list)
    for line in text.splitlines():
        record = json.loads(line)
        for hop in record.get("hops", ()) if record.get("type") == "trace" else ():
            found[hop["probe_ttl"]].append(hop["rtt"] * 1000)
    return found


def _trip(text: str) -> Times:
    """Of one round; it rounds to 10 us."""
    return {hop["ttl"]: [float(hop["last"]) * 1000] for hop in json.loads(text)["hops"] if hop["recv"] == 1}


def _ttl(text: str) -> Times:
    """Of one round."""
    return {
        hop["ttl"]: [one["mean_rtt"] for one in hop["responders"].values()]
        for hop in json.loads(text)["hops"]
        if hop["received"] == 1
    }


_OUR_PROTOCOLS = {"icmp": ["--icmp"], "udp": ["--udp"], "tcp": ["--tcp"]}


def ours(channel: str, *options: str, user: User = User.NOBODY) -> Peer:
    """This tree's command over one channel."""
    return Peer(
        f"hopscope ({channel})",
        _OUR_PROTOCOLS,
        user,
        _ours,
        fixed=["-m", "stream", "-C", "1", "--channel", channel, *options],
        executable=COMMAND,
    )


TTL_ALONE = ("--no-dns", "--no-asn", "--no-geo", "--no-ix", "--no-update-check")
"""ttl asks nobody."""

PEERS = (
    Peer(
        "traceroute",
        {"icmp": ["-I"], "udp": [], "tcp": ["-T", "-p", "80"]},
        read=_traceroute,
        fixed=["-n", "-q", "1"],
    ),
    Peer(
        "mtr",
        {"icmp": [], "udp": ["--udp"], "tcp": ["--tcp", "--port", "80"]},
        read=_mtr_raw,
        fixed=["-n", "--raw", "-c", "1"],
        quick=["-i", "0.1", "-G", "0.5"],
    ),
    Peer(
        "scamper",
        {
            "icmp": ["-c", "trace -P icmp-paris -q 1 -w 1", "-i", "TARGET"],
            "udp": ["-c", "trace -P udp-paris -q 1 -w 1", "-i", "TARGET"],
            "tcp": ["-c", "trace -P tcp -d 80 -q 1 -w 1", "-i", "TARGET"],
        },
        read=_scamper,
        fixed=["-O", "json", "-p", "1000"],
        version=["-v"],
    ),
    Peer("tracepath", {"udp": ["-n"]}, read=_traceroute, version=["-V"]),
    Peer("tcptraceroute", {"tcp": ["-n", "-q", "1", "TARGET", "80"]}, read=_traceroute, version=["-v"]),
    Peer(
        "trip",
        {"icmp": ["--icmp"], "udp": ["--udp"], "tcp": ["--tcp", "-P", "80"]},
        read=_trip,
        fixed=["-m", "json", "-C", "1"],
        quick=["-i", "10ms"],
    ),
    Peer(
        "ttl",
        {"icmp": ["-p", "icmp"], "udp": ["-p", "udp"], "tcp": ["-p", "tcp", "--port", "80"]},
        read=_ttl,
        fixed=[*TTL_ALONE, "--json", "-c", "1"],
        quick=["--timeout", "0.5"],
    ),
    Peer("nexttrace", {"icmp": [], "udp": ["-U"], "tcp": ["-T"]}, fixed=["-n", "-q", "1", "-j"]),
)
