"""What a test marked ``fault`` has seen, noted for docs/faults.md: see faults_page.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.lab.labkit.product import EventStream

ORDINARY = {
    "trace_started", "target_added", "probe_sent", "reply", "late", "duplicate", "port_skipped", "path_end",
    "path_mtu", "size_probed", "name_resolved", "load", "trace_ended",
}  # fmt: skip
"""Events that a trace tells without any fault."""

MS = 1_000_000
Record = Callable[[str, object], None]


class FaultNotes:
    """Notes properties of the test that is running."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def events(self, events: Iterable[dict[str, Any]]) -> None:
        """What the log told: kinds of events, and the sentence of every kind of failure."""
        noted: set[str] = set()
        for event in events:
            kind, failure = event["event"], event.get("failure")
            word = kind if failure is None else f"{kind} {failure['kind']}"
            if kind in ORDINARY or word in noted:
                continue
            noted.add(word)
            self.event(word)
            if failure is not None:
                self.says(failure["kind"], f"{failure['message']} {failure['remedy']}")

    def event(self, word: str) -> None:
        """A kind of event."""
        self._record("event", word)

    def says(self, about: str, text: str) -> None:
        """A sentence people read; the first one about each thing is kept."""
        self._record("says", f"{about}|{text}")

    def recovered(self, after_ns: int, rounds: int) -> None:
        """From the end of the fault to the next answer of the target."""
        self._record("recovered", f"{max(after_ns, 0) / MS:.0f} {rounds}")


def reaches(event: dict[str, Any]) -> bool:
    """The target has answered."""
    return bool(event["event"] == "reply" and event["reached"])


def recovers(stream: EventStream, notes: FaultNotes, within: int = 2) -> None:
    """The fault is over now: in so many rounds from the one under way the target answers; note how soon."""
    over_ns = stream.now_ns()
    seen = len(stream.events)
    now = stream.drain()
    answer = stream.until(lambda event: reaches(event) and event["round"] > now)
    assert answer["round"] <= now + within
    assert stream.process.poll() is None

    def is_after(event: dict[str, Any]) -> bool:
        return reaches(event) and bool(event["at_ns"] >= over_ns)

    first = next(filter(is_after, stream.events[seen:]), None) or stream.until(is_after)
    notes.recovered(first["at_ns"] - over_ns, max(first["round"] - now, 0))


class Marked:
    """The faults a test is marked with: ``@pytest.mark.fault(name, what hopscope does, way=...)``."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._given: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})

    @property
    def test(self) -> str:
        """File and function, as the page names them."""
        name = getattr(self._item, "originalname", None) or self._item.name
        return f"{self._item.path.stem}::{name}"

    def properties(self) -> Iterator[tuple[str, str]]:
        """For the results of pytest."""
        for marker in self._item.iter_markers("fault"):
            name, does = marker.args
            yield "fault", name.format(**self._given)
            yield "does", does
            yield "test", self.test
            yield (
                "way",
                marker.kwargs.get("way", "{way}" if "way" in self._given else "").format(**self._given),
            )
            yield "family", str(self._given.get("family", ""))
