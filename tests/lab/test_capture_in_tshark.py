"""What ``--pcap`` writes over raw sockets, read by tshark: stamps, comments, checksums it computes itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from scapy.utils import PcapNgReader

from tests.lab.labkit.capture import capture
from tests.lab.labkit.combinations import SUPPORTED, Combination
from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import hopscope
from tests.lab.labkit.requirements import needs
from tests.lab.labkit.tun import DEVICE, TunLab, tun_lab
from tracer.model import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENARIO = Path(__file__).parents[1] / "scenarios" / "diamonds.toml"
RAW = [cell for cell in SUPPORTED if cell.channel == "raw"]
VALID = "1"
"""What tshark says of a checksum that it computed and found right."""
CHECKED = ("ip", "udp", "tcp")
TRANSPORT = {
    (Protocol.UDP, Family.IPV4): "udp", (Protocol.UDP, Family.IPV6): "udp",
    (Protocol.TCP, Family.IPV4): "tcp", (Protocol.TCP, Family.IPV6): "tcp",
    (Protocol.ICMP, Family.IPV4): "icmp", (Protocol.ICMP, Family.IPV6): "icmpv6",
}  # fmt: skip
SENT = re.compile(r"^probe \d+ of round 0 → hop (\d+) ")
CAME = re.compile(r"^answer to probe \d+ of round 0 → hop (\d+): .*, ([\d.]+) ms$")


class Shown(NamedTuple):
    """A packet of the file, as tshark tells it."""

    at_ns: int
    comment: str
    ip: str
    transport: str
    """State of the checksum behind the outer IP header."""


@pytest.fixture(scope="module")
def internet() -> Iterator[TunLab]:
    needs("tshark")
    with tun_lab(str(SCENARIO)) as lab:
        yield lab


def read(internet: TunLab, path: Path, transport: str) -> list[Shown]:
    fields = ("frame.time_epoch", "frame.comment", "ip.checksum.status", f"{transport}.checksum.status")
    asked = [argument for field in fields for argument in ("-e", field)]
    checks = [argument for name in CHECKED for argument in ("-o", f"{name}.check_checksum:TRUE")]
    done = internet.namespace.run(
        ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=f", *asked, *checks]
    )
    assert done.returncode == 0, done
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return [Shown(_nanoseconds(at), *rest) for at, *rest in lines]


def _nanoseconds(seconds: str) -> int:
    whole, _, fraction = seconds.partition(".")
    return int(whole) * 1_000_000_000 + int(fraction.ljust(9, "0"))


@pytest.mark.parametrize("cell", RAW, ids=str)
def test_stamps_are_the_reports_and_every_checksum_of_ours_is_valid(
    internet: TunLab, cell: Combination, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    path = tmp_path / "trace.pcapng"
    with capture(internet.namespace, DEVICE) as tap:
        run = hopscope(
            internet.namespace,
            internet.target_address(cell.family),
            *("-m", "json", "-C", "1", "--pcap", str(path), f"--{cell.protocol}", "-R", cell.strategy),
            user=User.ROOT,
        )
        left = {one.packet for one in tap.packets() if one.outgoing}
    assert run.exit_code == 0, run
    shown = read(internet, path, TRANSPORT[cell.protocol, cell.family])
    sent = {int(found[1]): one for one in shown if (found := SENT.match(one.comment))}
    came = {int(found[1]): (one, found[2]) for one in shown if (found := CAME.match(one.comment))}
    for hop in run.report["hops"]:
        if hop["received"]:
            answer, said = came[hop["ttl"]]
            apart_ns = answer.at_ns - sent[hop["ttl"]].at_ns
            assert apart_ns == round(hop["rtt_ms"]["last"] * 1e6) == round(float(said) * 1e6)
    assert all(one.comment for one in shown), "every packet says what became of it"
    probes = [one for one in shown if one.comment.startswith("probe ")]
    assert len(probes) >= len(run.report["hops"])
    assert {one.transport for one in probes} == {VALID}
    assert {one.ip for one in probes} == {VALID if cell.family is Family.IPV4 else ""}
    with PcapNgReader(str(path)) as reader:
        written = [packet.original for packet in reader if packet.comment.startswith(b"probe ")]
    assert len(written) == len(probes)
    assert set(written) <= left, "the file shows what was on the device, byte for byte"
