"""The paths as lines: every way that was seen, the flows and ports that took it, and in how many rounds.

The lines that begin with ``flow`` are those of Trippy's ``-m flows``: hops separated by a comma, ``*`` for
one that did not answer. Names and AS numbers stand behind an address where they are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tracer.model import Address, Protocol
from tracer.report import about
from tracer.report.document import Report
from tracer.report.graph import guessed
from tracer.stats.paths_taken import Ports, TakenFlow, TakenPath
from tracer.text import printable

SILENT = "*"
GUESSED = "the probes of a round may have taken different ways: a path may be made of two"


def render(reports: list[Report], flows: Sequence[Sequence[TakenFlow]]) -> bytes:
    """Return the paths; ``flows`` are those of each target, in the order of the reports."""
    blocks = (_block(report, taken) for report, taken in zip(reports, flows, strict=True))
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks).encode("utf-8", "replace")


def _block(report: Report, flows: Sequence[TakenFlow]) -> Iterator[str]:
    ways: dict[tuple[int, tuple[Address | None, ...]], list[tuple[TakenFlow, TakenPath]]] = {}
    for flow in flows:
        for path in flow.paths:
            ways.setdefault((path.first_ttl, path.hops), []).append((flow, path))
    yield f"# {_title(report, len(ways), len(flows))}"
    if guessed(report, flows):
        yield f"# {GUESSED}"
    known = _known(report)
    for number, ((_, hops), takers) in enumerate(ways.items(), 1):
        yield f"flow {number}: {', '.join(_hop(address, known) for address in hops)}"
        yield from (f"#   {_taken_by(flow, path, report)}" for flow, path in takers)


def _title(report: Report, paths: int, flows: int) -> str:
    address = "" if report.target.address in (None, report.target.query) else f" ({report.target.address})"
    told = f"{printable(report.target.query)}{address}, {report.channel.protocol.value}"
    return (
        f"{told}: {_count(paths, 'path')}, {_count(flows, 'flow')}, {_count(report.outcome.rounds, 'round')}"
    )


def _known(report: Report) -> dict[Address, str]:
    told = {}
    for hop in report.hops:
        for responder in hop.responders:
            name = "" if responder.hostname is None else about.hostname(responder)
            words = " ".join(word for word in (name, about.as_number(responder)) if word)
            if words:
                told[responder.address] = words.replace(",", r"\x2c")
    return told


def _hop(address: Address | None, known: Mapping[Address, str]) -> str:
    if address is None:
        return SILENT
    return f"{address} [{known[address]}]" if address in known else address


def _taken_by(flow: TakenFlow, path: TakenPath, report: Report) -> str:
    parts = [f"flow id {flow.id}", _count(path.rounds, "round")]
    if path.first_ttl > 1:
        parts.append(f"from hop {path.first_ttl}")
    if report.channel.protocol is Protocol.ICMP:
        parts.append(f"identifier {_range(path.source_ports)}")
    else:
        parts.append(f"source port {_range(path.source_ports)}")
        parts.append(f"target port {_range(path.target_ports)}")
    return ", ".join(parts)


def _range(ports: Ports) -> str:
    return f"{ports.low}" if ports.low == ports.high else f"{ports.low} to {ports.high}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
