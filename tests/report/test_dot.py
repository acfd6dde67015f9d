"""The graph of the paths: Graphviz draws it, and its texts are the names we were given."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report import samples, stories
from tracer.report.dot import GUESSED, quoted
from tracer.text import printable

needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def drawn(content: bytes) -> dict[str, Any]:
    done = subprocess.run(["dot", "-Tjson"], input=content, capture_output=True, check=True)
    assert done.stderr == b""
    graph: dict[str, Any] = json.loads(done.stdout)
    return graph


def texts(node: dict[str, Any]) -> list[str]:
    """The lines Graphviz puts on a node or an edge."""
    return [step["text"] for step in node["_ldraw_"] if step["op"] == "T"]


@needs_graphviz
def test_branches_silent_hops_counts_and_times_are_drawn() -> None:
    graph = drawn(stories.render("dot", stories.branching()))
    nodes = [texts(node) for node in graph["objects"]]
    assert nodes == [
        ["198.51.100.1", "1.000 ms"],
        ["*", "hop 2"],
        ["*", "hop 2"],
        ["198.51.100.30", "3.000 ms", "3 of 6 answers"],
        ["198.51.100.31", "3.000 ms", "3 of 6 answers"],
        ["192.0.2.80", "4.000 ms"],
        ["this host", "192.0.2.10"],
    ]
    edges = {(edge["tail"], edge["head"]): edge.get("label", "") for edge in graph["edges"]}
    assert edges == {
        (0, 1): "3, flow 0", (0, 2): "3, flow 1", (1, 3): "3, flow 0", (2, 4): "3, flow 1",
        (3, 5): "3, flow 0", (4, 5): "3, flow 1", (6, 0): "",
    }  # fmt: skip


@needs_graphviz
@settings(max_examples=25, deadline=None)
@given(
    st.text(min_size=1, max_size=20) | st.just(stories.HOSTILE) | st.text('\\"&;<>{}|nlrGNEHT', min_size=1)
)
def test_graphviz_shows_any_name_as_it_is(name: str) -> None:
    log = stories.events(samples.eventful())
    report = stories.named(samples.report(samples.eventful()), hostname=name, asn=None, place=None)
    graph = drawn(stories.told("dot", [report], log))
    assert texts(graph["objects"][0])[0].strip() == printable(name).strip()


@needs_graphviz
@pytest.mark.parametrize("log", [samples.blackhole(), samples.unsendable(), samples.unreachable()])
def test_paths_without_an_end_are_drawn_too(log: Any) -> None:
    assert drawn(stories.render("dot", stories.events(log)))["name"] == "example.com"


@needs_graphviz
def test_several_targets_are_several_graphs() -> None:
    one = stories.render("dot", stories.branching())
    done = subprocess.run(["gvpr", "BEG_G{print($G.name)}"], input=one * 2, capture_output=True, check=True)
    assert done.stdout.split() == [b"example.com"] * 2


def test_what_may_join_two_ways_is_said() -> None:
    assert GUESSED.encode() in stories.render("dot", stories.events(samples.eventful()))
    assert GUESSED.encode() not in stories.render("dot", stories.branching())


@given(st.text())
def test_a_quoted_text_ends_where_it_ends(text: str) -> None:
    body = quoted(text)[1:-1]
    assert '"' not in body.replace("\\\\", "").replace('\\"', "")
