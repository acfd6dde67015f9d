"""The paths of one target as nodes and links: what ``dot`` draws.

A node is an address, wherever in the path it answers; a silent hop is a node of its own for each pair of
neighbours, so that two routers that answer nothing are not taken for one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from tracer.model import Address, FlowId, Protocol, Strategy, Ttl
from tracer.report.document import HopReport, Report, ResponderReport
from tracer.stats.paths_taken import TakenFlow, TakenPath


class Silent(msgspec.Struct, frozen=True, order=True):
    """A hop that answers nothing, between two that do."""

    ttl: Ttl
    near: Address | None
    """The nearest address before it that answers; None for this host."""
    far: Address | None
    """The nearest behind it; None where nothing does."""


Node = Address | Silent


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """Two nodes right behind each other on a path."""

    near: Node
    far: Node
    rounds: int
    """Rounds of all flows in which they were."""
    flows: tuple[FlowId, ...]


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """All paths of one target."""

    nodes: dict[Node, tuple[tuple[HopReport, ResponderReport], ...]]
    """Every node with the hops at which it answered; in the order of the path."""
    edges: tuple[Edge, ...]


def guessed(report: Report, flows: Sequence[TakenFlow]) -> bool:
    """Whether a link may join hops of two ways, because the probes of one round are not one flow.

    Balancers hash ports, and of ICMP the checksum, which only a strategy other than classic holds constant.
    """
    classic = report.config.get("multipath_strategy", Strategy.CLASSIC) == Strategy.CLASSIC
    portless = report.channel.protocol is Protocol.ICMP
    return any(flow.moving_ports for flow in flows) or (portless and classic and bool(flows))


def graph(report: Report, flows: Sequence[TakenFlow]) -> Graph:
    """Return the nodes and links of one target."""
    known: dict[Address, list[tuple[HopReport, ResponderReport]]] = {}
    for hop in report.hops:
        for responder in hop.responders:
            known.setdefault(responder.address, []).append((hop, responder))
    counted: Counter[tuple[Node, Node]] = Counter()
    users: dict[tuple[Node, Node], set[FlowId]] = {}
    places: dict[Node, Ttl] = {}
    for flow in flows:
        for near, far, ttl, rounds in _steps(flow):
            counted[near, far] += rounds
            users.setdefault((near, far), set()).add(flow.id)
            for node, at in ((near, ttl), (far, ttl + 1)):
                places[node] = Ttl(min(places.get(node, at), at))
    for address, answers in known.items():
        places.setdefault(address, answers[0][0].ttl)
    order = sorted(places, key=lambda node: (places[node], isinstance(node, Silent), str(node)))
    rank = {node: number for number, node in enumerate(order)}
    return Graph(
        nodes={node: tuple(known.get(node, ())) if isinstance(node, str) else () for node in order},
        edges=tuple(
            Edge(near=near, far=far, rounds=counted[near, far], flows=tuple(sorted(users[near, far])))
            for near, far in sorted(counted, key=lambda edge: (rank[edge[0]], rank[edge[1]]))
        ),
    )


def _steps(flow: TakenFlow) -> Iterator[tuple[Node, Node, Ttl, int]]:
    """Every link of a flow: both nodes, the TTL of the nearer one, and the rounds."""
    for link, rounds in flow.links.items():
        yield link.near, link.far, link.ttl, rounds
    for path in flow.paths:
        nodes = _nodes(path, flow.silent)
        for ttl, (near, far) in enumerate(pairwise(nodes), start=path.first_ttl):
            if near is not None and far is not None and (isinstance(near, Silent) or isinstance(far, Silent)):
                yield near, far, Ttl(ttl), path.rounds


def _nodes(path: TakenPath, silent: frozenset[Ttl]) -> list[Node | None]:
    """A path with its silent hops named; None where an answer was lost: nobody knows who stood there."""
    nodes: list[Node | None] = []
    for at, address in enumerate(path.hops):
        ttl = Ttl(path.first_ttl + at)
        if address is not None or ttl not in silent:
            nodes.append(address)
            continue
        near = next((one for one in reversed(path.hops[:at]) if one is not None), None)
        far = next((one for one in path.hops[at + 1 :] if one is not None), None)
        nodes.append(Silent(ttl, near, far))
    return nodes
