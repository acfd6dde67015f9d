"""The paths as a graph for Graphviz: a node for each responder, an edge for each link that was seen.

A node tells name, address, AS, place and mean round-trip time as far as they are known; a silent hop is
dashed and kept apart from others. An edge tells in how many rounds it was seen, and by which flows where
there are several. One ``digraph`` for each target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tracer.report import about
from tracer.report.document import HopReport, Report, ResponderReport
from tracer.report.graph import Edge, Graph, Node, Silent, graph, guessed
from tracer.stats.paths_taken import TakenFlow
from tracer.text import printable

GUESSED = "the probes of a round may have taken different ways: a link may join two of them"


def render(reports: list[Report], flows: Sequence[Sequence[TakenFlow]]) -> bytes:
    """Return the graphs; ``flows`` are those of each target, in the order of the reports."""
    graphs = (_digraph(report, taken) for report, taken in zip(reports, flows, strict=True))
    return "".join(f"{line}\n" for lines in graphs for line in lines).encode("utf-8", "replace")


def quoted(text: str) -> str:
    """``text`` as a string of the DOT language that is shown as it is: no escape, no entity, no markup."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return f'"{plain}"'


def _digraph(report: Report, flows: Sequence[TakenFlow]) -> Iterator[str]:
    drawn = graph(report, flows)
    yield f"digraph {quoted(printable(report.target.query))} {{"
    yield "  rankdir=LR"
    yield f"  label={quoted(_title(report, flows))}"
    yield "  node [shape=box]"
    yield from _nodes(report, drawn)
    numbers = {node: number for number, node in enumerate(drawn.nodes)}
    for edge in drawn.edges:
        label = quoted(_seen(edge, several=len(flows) > 1))
        yield f"  n{numbers[edge.near]} -> n{numbers[edge.far]} [label={label}]"
    yield from _first_edges(report, drawn, numbers)
    yield "}"


def _title(report: Report, flows: Sequence[TakenFlow]) -> str:
    rounds = f"{report.outcome.rounds} round{'' if report.outcome.rounds == 1 else 's'}"
    address = "" if report.target.address in (None, report.target.query) else f" ({report.target.address})"
    told = f"{printable(report.target.query)}{address}, {report.channel.protocol.value}, {rounds}"
    return f"{told}; {GUESSED}" if guessed(report, flows) else told


def _nodes(report: Report, drawn: Graph) -> Iterator[str]:
    for number, (node, answers) in enumerate(drawn.nodes.items()):
        if isinstance(node, Silent):
            yield f"  n{number} [label={_lines('*', f'hop {node.ttl}')}, style=dashed]"
        else:
            shape = ", peripheries=2" if node == report.target.address else ""
            yield f"  n{number} [label={_lines(*_about(node, answers))}{shape}]"


def _lines(*lines: str) -> str:
    return '"' + "\\n".join(quoted(line)[1:-1] for line in lines) + '"'


def _about(address: str, answers: Sequence[tuple[HopReport, ResponderReport]]) -> Iterator[str]:
    if not answers:
        yield address
        return
    hop, responder = answers[0]
    if responder.hostname is not None:
        yield about.hostname(responder)
    yield address
    yield from (text for text in (about.autonomous_system(responder), about.place(responder)) if text)
    if responder.rtt_ms is not None:
        yield f"{responder.rtt_ms.mean:.3f} ms"
    if len(hop.responders) > 1:
        yield f"{responder.received} of {hop.received} answers"


def _seen(edge: Edge, *, several: bool) -> str:
    if not several:
        return str(edge.rounds)
    flows = " ".join(map(str, edge.flows))
    return f"{edge.rounds}, flow{'' if len(edge.flows) == 1 else 's'} {flows}"


def _first_edges(report: Report, drawn: Graph, numbers: Mapping[Node, int]) -> Iterator[str]:
    """This host, where the first hop was probed."""
    if report.source is None or not report.hops or report.hops[0].ttl != 1:
        return
    heads = [node for node in drawn.nodes if _ttl(node, drawn) == 1]
    if heads:
        yield f"  source [label={_lines('this host', report.source.address)}, shape=ellipse]"
        yield from (f"  source -> n{numbers[node]}" for node in heads)


def _ttl(node: Node, drawn: Graph) -> int | None:
    if isinstance(node, Silent):
        return node.ttl
    return next((hop.ttl for hop, _ in drawn.nodes[node]), None)
