"""Names, systems and places on the screen: which commands and columns there are, and what they show."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from tests.report import samples
from tests.stats.logbook import TARGET
from tests.tui.screen_driver import settled
from tests.tui.still_screen import opened, press, started, text_of
from tracer import prepare
from tracer.clock import VirtualClock
from tracer.config import TraceConfig
from tracer.events import Event, NameResolved
from tracer.lookup.lookup import Lookup
from tracer.model import Address
from tracer.names import AsnInfo, DnsMethod, Place
from tracer.session import Prepared
from tui.app import HopscopeApp
from tui.scene import Look
from tui.screens.settings import SettingsScreen
from tui.source import KEPT_EVENTS, LiveSource, Memory, Wanted
from tui.view.facts import Fact
from tui.view.privacy import Privacy
from tui.widgets import HopTable, ViewTabs
from tui.widgets.detail import Detail
from tui.widgets.lines import Lines
from tui.widgets.map_view import MapView

NEAR = Address("198.51.100.1")
HOSTILE = "\x1b[31m[bold]red"
NAMED = NameResolved(
    at_ns=3 * 10**9,
    target=TARGET.label,
    address=NEAR,
    hostnames=("gate.example",),
    asn=AsnInfo(number=64_496, name="Near Net"),
    place=Place(city="Ulm", country="Germany", country_code="DE", latitude=48.4, longitude=10.0),
)
PLAIN: list[Event] = [started(TARGET), *samples.eventful().events]
EVENTS = [*PLAIN, NAMED]


async def test_the_host_column_follows_the_keys() -> None:
    async with opened(EVENTS) as (pilot, screen):
        table = screen.query_one(HopTable)
        assert f"gate.example ({NEAR})" in text_of(table)
        await press(pilot, "i")
        assert "gate.example" not in text_of(table)
        await press(pilot, "n")
        assert "gate.example" in text_of(table)
        assert NEAR not in text_of(table)
        await press(pilot, "b")
        assert f"gate.example ({NEAR})" in text_of(table)


async def test_system_and_country_have_columns_once_they_are_known() -> None:
    look = Look(columns="hoAyl")
    async with opened(PLAIN, look) as (_, screen):
        assert "ASN" not in text_of(screen.query_one(HopTable))
    async with opened(EVENTS, look) as (pilot, screen):
        shown = text_of(screen.query_one(HopTable))
        assert "AS64496" in shown
        assert "DE" in shown.split()
        await press(pilot, "z")
        assert "AS64496" not in text_of(screen.query_one(HopTable))


async def test_the_map_is_offered_once_a_point_is_known() -> None:
    async with opened(PLAIN) as (pilot, screen):
        assert "Map" not in text_of(screen.query_one(ViewTabs))
        await press(pilot, "m")
        assert screen.view == "view-table"
    nowhere = msgspec.structs.replace(NAMED, place=Place(country_code="DE"))
    async with opened([*PLAIN, nowhere]) as (_, screen):
        assert "Map" not in text_of(screen.query_one(ViewTabs))
    async with opened(EVENTS, size=(120, 36)) as (pilot, screen):
        assert "Map" in text_of(screen.query_one(ViewTabs))
        await press(pilot, "m")
        shown = text_of(screen.query_one(MapView))
        assert shown.startswith("hop 1: Ulm, Germany (48.40, 10.00)")
        assert "1 Ulm, Germany" in shown


async def test_the_map_goes_when_its_hops_are_hidden() -> None:
    async with opened(EVENTS, Look(privacy=Privacy(1))) as (pilot, screen):
        await press(pilot, "m")
        assert "Ulm" not in text_of(screen.query_one(MapView))


async def test_a_click_on_a_place_selects_its_hop() -> None:
    async with opened(EVENTS, size=(120, 36)) as (pilot, screen):
        await press(pilot, "m")
        await pilot.click(MapView, offset=(100, 1))
        target = screen.scene.target
        assert target is not None
        screen.tick()
        assert screen.selected == {TARGET.label: (1, 0)}


async def test_the_detail_tells_system_and_place() -> None:
    async with opened(EVENTS, size=(120, 40)) as (pilot, screen):
        await press(pilot, "down", "d")
        shown = " ".join(text_of(screen.query_one(Detail)).split())
        assert "AS64496 Near Net" in shown
        assert "Ulm, Germany" in shown


async def test_hidden_hops_have_no_name_in_any_view() -> None:
    look = Look(columns="hoAyl", privacy=Privacy(1), all_events=True, details=True)
    async with opened(EVENTS, look, size=(160, 50)) as (pilot, screen):
        await press(pilot, "down")
        for key in ("t", "c", "e", "m", "l", "f", "x"):
            await press(pilot, key)
            for part in screen.query(Lines):
                for secret in ("gate.example", "64496", "Near Net", "Ulm", "DE "):
                    assert secret not in text_of(part), (key, part)


async def test_hostile_names_are_drawn_as_text() -> None:
    hostile = msgspec.structs.replace(
        NAMED,
        hostnames=(HOSTILE,),
        asn=AsnInfo(number=1, name=HOSTILE),
        place=Place(city=HOSTILE, country_code=HOSTILE, latitude=1.0, longitude=1.0),
    )
    async with opened([*PLAIN, hostile], Look(columns="oAy", all_events=True), size=(160, 50)) as (
        pilot,
        screen,
    ):
        await press(pilot, "down", "d")
        for key in ("t", "c", "e", "m", "l"):
            await press(pilot, key)
            shown = "\n".join(text_of(part) for part in screen.query(Lines))
            assert "\x1b" not in shown
            assert "[bold]" in shown


async def test_the_settings_open_at_the_options_of_names_and_places() -> None:
    async with opened(EVENTS) as (pilot, _):
        for key, option in (("3", "dns-resolve-method"), ("4", "geoip-mmdb-file")):
            await press(pilot, key)
            dialog = pilot.app.screen
            assert isinstance(dialog, SettingsScreen)
            assert dialog.item is not None
            assert dialog.item.key == option
            await press(pilot, "escape")


# A trace that runs


class Names:
    """A source of names that counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[Address] = []
        self.opened = 0

    async def find(self, address: Address) -> dict[str, Any]:
        self.asked.append(address)
        return {"hostnames": (f"host{len(self.asked)}.example",)}

    def look_up(self, config: TraceConfig) -> Wanted:
        self.opened += 1
        if config.dns_resolve_method is DnsMethod.OFF:
            return Wanted()
        return Wanted(Lookup([self.find], 5.0, 300.0), frozenset({Fact.NAMES}))


def live(names: Names, **options: Any) -> LiveSource:
    async def prepared(config: TraceConfig) -> Prepared:
        return prepare.simulated((), config, "lan", VirtualClock())

    async def another(*_: Any) -> Any:
        raise AssertionError

    return LiveSource(prepared, another, TraceConfig(report_cycles=3, **options), names.look_up)


async def all_named(app: HopscopeApp) -> set[str | None]:
    """The names in the report, once there is one for every responder."""
    for _ in range(10_000):
        reports = app.source.bridge.reports()
        found = {one.hostname for report in reports for hop in report.hops for one in hop.responders}
        if found and None not in found:
            return found
        await asyncio.sleep(0)
    raise AssertionError("not everybody is named")


async def test_a_trace_on_the_screen_names_who_answers_and_asks_again_when_told() -> None:
    names = Names()
    events: list[Event] = []
    source = live(names)
    source.listen(events.extend)
    app = HopscopeApp(source)
    async with app.run_test() as pilot:
        await settled(app)
        assert len(await all_named(app)) == 5
        asked = len(names.asked)
        assert asked == 5
        assert Fact.NAMES in app.source.facts
        assert source._naming is not None
        source._naming.hear(events)
        await source._naming.settle()
        assert len(names.asked) == asked, "they are known"
        await press(pilot, "ctrl+k")
        source._naming.hear(events)
        await source._naming.settle()
        assert len(names.asked) == 2 * asked


async def test_other_options_look_up_otherwise() -> None:
    names = Names()
    source = live(names)
    app = HopscopeApp(source)
    async with app.run_test():
        await settled(app)
        await all_named(app)
        asked = len(names.asked)
        await source.restart(msgspec.structs.replace(source.config, dns_resolve_method=DnsMethod.OFF))
        await settled(app)
        assert len(names.asked) == asked
        assert Fact.NAMES not in source.facts


def test_names_stay_in_memory_when_the_events_before_them_are_forgotten() -> None:
    memory = Memory(most=3)
    memory.keep([PLAIN[0], NAMED, *PLAIN[1:]])
    assert NAMED in memory.log()
    assert len(memory.log()) < KEPT_EVENTS


def test_of_ever_new_names_the_newest_stay_in_memory() -> None:
    memory = Memory(most=3, most_names=2)
    named = [
        msgspec.structs.replace(NAMED, at_ns=number, address=Address(address))
        for number, address in enumerate(["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3"])
    ]
    memory.keep([PLAIN[0], *named, *PLAIN[1:4]])
    assert [event for event in memory.log() if isinstance(event, NameResolved)] == named[2:]
