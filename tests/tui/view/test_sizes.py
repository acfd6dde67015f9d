"""What the screen says of packet sizes: header, column, hop detail, log, and what privacy hides of them."""

from __future__ import annotations

import msgspec
import pytest

from tests.tui.still_screen import traced
from tracer.events import Event, PathMtuFound, SizeProbed
from tracer.model import SizeOutcome
from tracer.report.fold import Fold
from tracer.stats.snapshot import TraceSnapshot
from tui.view.cells import plain
from tui.view.columns import DEFAULT, chosen, with_mtu
from tui.view.detail import Subject, detail
from tui.view.privacy import HIDDEN, Privacy, mask, mask_event
from tui.view.rows import build
from tui.view.timeline import NOTABLE, entry
from tui.view.verdict_line import Head, Status, header

STEP = """
name = "step"
[[hop]]
addresses = ["198.18.1.1"]
rtt = "1ms"
[[hop]]
addresses = ["198.18.2.1"]
rtt = "2ms"
mtu = 1400
[target]
addresses = ["203.0.113.9"]
rtt = "3ms"
"""


@pytest.fixture(scope="module")
def step_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("sizes") / "step.toml"
    path.write_text(STEP)
    return str(path)


@pytest.fixture
async def stepped(step_file: str) -> list[Event]:
    return await traced(step_file, mtu=True, report_cycles=3)


@pytest.fixture
async def vanishing() -> list[Event]:
    return await traced("blackhole", mtu=True, report_cycles=10)


def snapshot_of(events: list[Event]) -> TraceSnapshot:
    fold = Fold()
    fold.apply(events)
    (snapshot,) = fold.snapshots()
    return snapshot


def told(snapshot: TraceSnapshot, ttl: int) -> str:
    subject = Subject(
        hop=snapshot.hops[ttl - 1], verdict=snapshot.hop_verdicts[ttl - 1], path_mtu=snapshot.path_mtu
    )
    return "\n".join(plain(line) for line in detail(subject, 120, 30))


def test_the_default_columns_have_the_mtu_where_it_is_asked_for_and_the_users_stay() -> None:
    names = [column.name for column in chosen(with_mtu(DEFAULT))]
    assert names.index("mtu") == names.index("loss") + 1
    assert set(with_mtu(DEFAULT)) - set(DEFAULT) == {"U"}
    assert with_mtu("tho") == "tho"


async def test_each_row_shows_what_goes_on_from_there(stepped: list[Event]) -> None:
    (column,) = chosen("U")
    assert [column.text(row) for row in build(snapshot_of(stepped))] == ["1500", "1400", "1400"]


async def test_the_header_shows_the_path_mtu(stepped: list[Event]) -> None:
    first = plain(header(snapshot_of(stepped), Head(status=Status.ENDED), 80)[0])
    assert "MTU 1400" in first


async def test_the_detail_of_the_hop_that_lowers_it_says_who_says_so(stepped: list[Event]) -> None:
    snapshot = snapshot_of(stepped)
    assert "up to 1500 bytes go on" in told(snapshot, 1)
    assert "up to 1400 bytes go on" in told(snapshot, 2)
    assert "1500 bytes come here; 198.18.2.1 says it is too much" in told(snapshot, 2)
    assert "up to 1400 bytes reach it" in told(snapshot, 3)


async def test_the_verdict_line_and_the_detail_say_where_packets_vanish(vanishing: list[Event]) -> None:
    snapshot = snapshot_of(vanishing)
    line = plain(header(snapshot, Head(status=Status.ENDED), 80)[2])
    assert "MTU black hole: packets of 1401 bytes vanish behind hop 6" in line
    assert "1500 bytes come here; larger ones vanish, nobody says so" in told(snapshot, 6)


async def test_the_log_has_a_line_for_what_was_found_and_keeps_the_probes_to_itself(
    stepped: list[Event],
) -> None:
    found = [entry(event) for event in stepped if isinstance(event, PathMtuFound)]
    assert found[-1].text == "Path MTU 1400 bytes: hop 2 lowers it from 1500 and says so."
    assert {line.kind in NOTABLE for line in found} == {True}
    probes = [entry(event) for event in stepped if isinstance(event, SizeProbed)]
    assert {line.kind in NOTABLE for line in probes} == {False}
    assert "hop 3: 1500 bytes are too big for a router" in {line.text for line in probes}


async def test_masked_hops_are_not_named_by_what_is_said_of_sizes(stepped: list[Event]) -> None:
    privacy = Privacy(2)
    masked = mask(snapshot_of(stepped), privacy).path_mtu
    assert masked is not None
    assert [step.reported_by for step in masked.lowered_at] == [HIDDEN]
    events = [mask_event(event, privacy) for event in stepped if isinstance(event, SizeProbed | PathMtuFound)]
    written = b"".join(map(msgspec.json.encode, events)).decode()
    assert "198.18.1.1" not in written
    assert "198.18.2.1" not in written


@pytest.mark.parametrize("outcome", SizeOutcome)
async def test_every_outcome_has_a_text(stepped: list[Event], outcome: SizeOutcome) -> None:
    event = next(event for event in stepped if isinstance(event, SizeProbed))
    text = entry(msgspec.structs.replace(event, outcome=outcome)).text
    assert text.startswith(f"hop {event.ttl}: {event.size} bytes ")
