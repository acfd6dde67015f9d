"""What was looked up, as the views tell it, and that privacy takes it away everywhere."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.stats.logbook import TARGET, Log
from tests.tui.still_screen import started
from tests.tui.view.traces import traced
from tracer.events import Event, NameResolved
from tracer.model import Address
from tracer.names import AsnInfo, Known, Place
from tracer.ndjson import decode, encode
from tracer.stats.snapshot import TraceSnapshot
from tui.export import save_log
from tui.view import about, rows
from tui.view.columns import COLUMNS
from tui.view.detail import Subject, detail
from tui.view.privacy import HIDDEN, Masker, Privacy, mask, mask_event
from tui.view.rows import AddressMode
from tui.view.timeline import entry

NEAR, FAR = Address("198.51.100.1"), Address("192.0.2.80")
SYSTEM = AsnInfo(
    number=64_496, name="Near Net", prefix="198.51.100.0/24", registry="ripencc", further=(64_500,)
)
HOME = Place(city="Home", country="Germany", country_code="DE", latitude=48.4, longitude=10.0, radius_km=5)
NEAR_KNOWN = Known(hostnames=("alias.home.example", "gate.home.example"), asn=SYSTEM, place=HOME)
FAR_KNOWN = Known(hostnames=("www.example",), asn=AsnInfo(number=64_501))


def known() -> TraceSnapshot:
    return msgspec.structs.replace(traced(), names={NEAR: NEAR_KNOWN, FAR: FAR_KNOWN})


def text_of(lines: tuple[Any, ...]) -> str:
    return "\n".join("".join(part for part, _ in line) for line in lines)


@pytest.mark.parametrize(
    ("mode", "host"),
    [
        (AddressMode.IP, NEAR),
        (AddressMode.HOST, "alias.home.example"),
        (AddressMode.BOTH, f"alias.home.example ({NEAR})"),
    ],
)
def test_the_host_column_shows_what_the_user_wants_of_an_address(mode: AddressMode, host: str) -> None:
    first, *_ = rows.build(known(), about.context(known(), mode))
    assert first.host == host


def test_systems_and_countries_have_their_columns() -> None:
    first, *_, last = rows.build(known(), about.context(known(), AddressMode.IP))
    assert [COLUMNS[letter].text(first) for letter in "Ay"] == ["AS64496", "DE"]
    assert [COLUMNS[letter].text(last) for letter in "Ay"] == ["AS64501", "-"]


def test_an_address_that_nobody_announces_is_marked_in_place_of_a_system() -> None:
    first, *_ = rows.build(traced(), about.context(traced(), AddressMode.IP))
    assert COLUMNS["A"].text(first) == "documentation"


def test_the_detail_tells_all_of_it() -> None:
    snapshot = known()
    subject = Subject(
        hop=snapshot.hops[0], verdict=None, context=about.context(snapshot, AddressMode.BOTH), samples=()
    )
    shown = text_of(detail(subject, 100, 30))
    for part in (
        "alias.home.example, gate.home.example",
        "AS64496 Near Net, 198.51.100.0/24, ripencc",
        "AS64500",
        "documentation (RFC 5737)",
        "Home, Germany (48.40, 10.00, within 5 km)",
    ):
        assert part in " ".join(shown.split())


# Privacy


def test_masked_hops_have_no_names_anywhere() -> None:
    masked = mask(known(), Privacy(1))
    assert masked.names == {FAR: FAR_KNOWN}
    told = msgspec.json.encode(masked).decode()
    for secret in ("home.example", "Near Net", "64496", "48.4", "Home"):
        assert secret not in told
    assert "www.example" in told


def named(address: Address, told: Known) -> NameResolved:
    return NameResolved(
        at_ns=10**9,
        target=TARGET.label,
        address=address,
        hostnames=told.hostnames,
        asn=told.asn,
        place=told.place,
    )


def log() -> list[Event]:
    written = Log()
    written.answered(1, 1, 1_000_000, responder=NEAR)
    written.answered(2, 2, 2_000_000, responder=FAR)
    return [started(TARGET), *written.events, named(NEAR, NEAR_KNOWN), named(FAR, FAR_KNOWN)]


def test_an_event_alone_cannot_tell_who_is_near_so_no_name_is_shown() -> None:
    for event in (named(NEAR, NEAR_KNOWN), named(FAR, FAR_KNOWN)):
        masked = mask_event(event, Privacy(1))
        assert masked == NameResolved(at_ns=10**9, target=TARGET.label, address=HIDDEN)
        assert mask_event(event, Privacy()) is event
    assert entry(mask_event(named(NEAR, NEAR_KNOWN), Privacy(1))).text == "(hidden) has no name"


def test_a_log_in_its_order_keeps_the_names_of_hops_that_are_shown() -> None:
    masker = Masker()
    *_, near, far = [masker.mask(event, Privacy(1)) for event in log()]
    assert near == NameResolved(at_ns=10**9, target=TARGET.label, address=HIDDEN)
    assert far == named(FAR, FAR_KNOWN)


def test_who_is_both_near_and_far_is_taken_for_near() -> None:
    written = Log()
    written.answered(3, 1, 1_000_000, responder=NEAR)
    written.answered(1, 2, 1_000_000, responder=NEAR)
    masker = Masker()
    for event in written.events:
        masker.mask(event, Privacy(1))
    assert isinstance(masked := masker.mask(named(NEAR, NEAR_KNOWN), Privacy(1)), NameResolved)
    assert masked.address == HIDDEN


async def test_a_saved_recording_holds_no_name_of_a_masked_hop(tmp_path: Any) -> None:
    path = tmp_path / "trace.ndjson"
    await save_log(path, log(), Privacy(1))
    content = path.read_text()
    assert "home.example" not in content
    assert "Near Net" not in content
    assert "www.example" in content
    assert all(encode(decode(line.encode())) for line in content.splitlines())


def test_an_entry_of_the_log_tells_the_names() -> None:
    assert entry(named(FAR, FAR_KNOWN)).text == f"{FAR} is www.example, AS64501"
    assert entry(named(FAR, Known())).text == f"{FAR} has no name"
