"""The map: coasts that are where they are on earth, and hops where they were said to be."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.view.traces import traced
from tracer.model import Address
from tracer.names import Known, Place
from tui.view.cells import line_width
from tui.view.coastline import COASTS, Point
from tui.view.glyphs import ASCII, GLYPHS, UNICODE
from tui.view.privacy import Privacy, mask
from tui.view.style import Style
from tui.view.worldmap import Pin, Projection, caption, legend, pins, size_within, world

LAND = {
    "Madrid": (-3.7, 40.4), "Paris": (2.3, 48.9), "Berlin": (13.4, 52.5), "Warsaw": (21.0, 52.2),
    "Moscow": (37.6, 55.8), "Ankara": (32.9, 39.9), "Riyadh": (46.7, 24.7), "Tehran": (51.4, 35.7),
    "Delhi": (77.2, 28.6), "Lhasa": (91.1, 29.7), "Beijing": (116.4, 39.9), "Novosibirsk": (82.9, 55.0),
    "Yakutsk": (129.7, 62.0), "Hanoi": (105.8, 21.0), "Cairo": (31.2, 30.0), "Nairobi": (36.8, -1.3),
    "Kinshasa": (15.3, -4.3), "Johannesburg": (28.0, -26.2), "Timbuktu": (-3.0, 16.8),
    "Denver": (-105.0, 39.7),
    "Ottawa": (-75.7, 45.4), "Mexico": (-99.1, 19.4), "Fairbanks": (-147.7, 64.8), "Brasilia": (-47.9, -15.8),
    "La Paz": (-68.1, -16.5), "Bogota": (-74.1, 4.7), "Cordoba": (-64.2, -31.4),
    "Alice Springs": (133.9, -23.7),
    "Birmingham": (-1.9, 52.5), "Nuuk ice": (-42.0, 72.0), "Antananarivo": (47.5, -18.9),
}  # fmt: skip
SEA = {
    "Atlantic": (-35.0, 30.0), "South Atlantic": (-15.0, -25.0), "Pacific": (-150.0, 0.0),
    "Indian Ocean": (80.0, -20.0), "Mediterranean": (18.0, 35.0), "Black Sea": (34.0, 43.2),
    "Baltic": (19.5, 57.0), "North Sea": (3.0, 56.0), "Bay of Bengal": (88.0, 15.0),
    "Arabian Sea": (62.0, 15.0),
    "Hudson Bay": (-85.0, 60.0), "Gulf of Mexico": (-90.0, 25.0), "Caribbean": (-75.0, 15.0),
    "Tasman Sea": (160.0, -40.0), "Sea of Japan": (135.0, 40.0), "Beaufort Sea": (-140.0, 74.0),
    "South China Sea": (114.0, 15.0), "Labrador Sea": (-55.0, 58.0), "Norwegian Sea": (0.0, 67.0),
}  # fmt: skip


def inside(point: Point, coast: tuple[Point, ...]) -> bool:
    """By the crossings of a ray to the east."""
    x, y = point
    crossings = 0
    for (x1, y1), (x2, y2) in pairwise(coast):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            crossings += 1
    return crossings % 2 == 1


@pytest.mark.parametrize("city", LAND)
def test_cities_stand_on_land(city: str) -> None:
    assert [inside(LAND[city], coast) for coast in COASTS].count(True) == 1


@pytest.mark.parametrize("sea", SEA)
def test_seas_are_water(sea: str) -> None:
    assert not any(inside(SEA[sea], coast) for coast in COASTS)


def test_every_coast_is_closed_and_on_earth() -> None:
    for coast in COASTS:
        assert coast[0] == coast[-1]
        assert all(abs(longitude) <= 180 and abs(latitude) <= 90 for longitude, latitude in coast)


def pin(ttl: int, longitude: float, latitude: float, city: str | None = None) -> Pin:
    place = Place(longitude=longitude, latitude=latitude, city=city)
    return Pin(ttl=ttl, place=place, at=(longitude, latitude))


def text(lines: tuple[object, ...]) -> list[str]:
    return ["".join(part for part, _ in line) for line in lines]  # type: ignore[attr-defined]


@pytest.mark.parametrize("glyphs", GLYPHS.values())
@given(
    width=st.integers(0, 200),
    height=st.integers(0, 60),
    spots=st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), max_size=5),
)
def test_the_map_fits_whatever_the_size_and_wherever_the_hops(
    glyphs: object, width: int, height: int, spots: list[Point]
) -> None:
    found = [pin(ttl, *spot) for ttl, spot in enumerate(spots, 1)]
    lines = world(found, width, height, 1, glyphs)  # type: ignore[arg-type]
    assert len(lines) <= height
    assert all(line_width(line) <= width for line in lines)


def test_a_hop_stands_at_its_place_by_proportion() -> None:
    width, height = size_within(120, 40)
    for longitude, latitude in ((0.0, 51.5), (-74.0, 40.7), (151.2, -33.9), (-179.0, 0.0)):
        lines = text(world([pin(7, longitude, latitude)], 120, 40, None, ASCII))
        [(row, column)] = [(row, line.index("7")) for row, line in enumerate(lines) if "7" in line]
        assert column == pytest.approx((longitude + 180) / 360 * (width - 1), abs=1)
        assert row == pytest.approx((84 - latitude) / 142 * (height - 1), abs=1)


def test_the_map_is_not_distorted() -> None:
    for room in ((200, 20), (60, 60), (120, 30)):
        width, height = size_within(*room)
        assert width / 360 == pytest.approx(2 * height / 142, rel=0.06), "a cell is twice as high as wide"


def test_a_number_at_the_right_edge_is_whole() -> None:
    lines = text(world([pin(123, 179.9, 0.0)], 100, 30, None, UNICODE))
    assert any("123" in line for line in lines)


def test_the_way_across_the_date_line_goes_over_the_edges() -> None:
    """From Tokyo to San Francisco nobody crosses Europe."""
    lines = world([pin(1, 139.7, 35.7), pin(2, -122.4, 37.8)], 120, 40, None, ASCII)
    columns = [
        at
        for line in lines
        for at, style in enumerate(style for part, style in line for _ in part)
        if style is Style.CHART_SELECTED
    ]
    width = size_within(120, 40)[0]
    assert columns
    assert all(at < width * 0.2 or at > width * 0.85 for at in columns)
    assert {0, width - 1} <= set(columns)


def test_the_projection_keeps_what_is_beyond_an_edge_on_it() -> None:
    projection = Projection(100, 50)
    assert projection.dot((-180.0, 84.0)) == (0, 0)
    assert projection.dot((180.0, -58.0)) == (99, 49)
    assert projection.dot((180.0, -90.0)) == (99, 49)
    assert projection.dot((-180.0, 90.0)) == (0, 0)


def test_a_hop_is_where_its_busiest_responder_with_a_place_is() -> None:
    snapshot = traced()
    [busy, other] = sorted(snapshot.hops[2].responders, key=lambda one: -one.received)
    spots = {other.address: Known(place=Place(city="B", latitude=1.0, longitude=2.0))}
    placed = msgspec.structs.replace(snapshot, names=spots)
    assert [(one.ttl, one.place.city) for one in pins(placed)] == [(3, "B")]
    spots[busy.address] = Known(place=Place(city="A", latitude=3.0, longitude=4.0))
    assert [one.at for one in pins(msgspec.structs.replace(snapshot, names=spots))] == [(4.0, 3.0)]
    spots[busy.address] = Known(place=Place(city="A"))
    assert [one.place.city for one in pins(msgspec.structs.replace(snapshot, names=spots))] == ["B"]


def test_hidden_hops_are_not_on_the_map() -> None:
    near = Address("198.51.100.1")
    snapshot = msgspec.structs.replace(
        traced(), names={near: Known(place=Place(city="Home", latitude=1.0, longitude=2.0))}
    )
    assert [one.place.city for one in pins(snapshot)] == ["Home"]
    assert pins(mask(snapshot, Privacy(1))) == ()


def test_the_caption_is_about_the_selected_hop_and_the_legend_about_all() -> None:
    found = [pin(2, 8.7, 50.1, city="Frankfurt"), pin(5, -74.0, 40.7, city="New York")]
    assert text((caption(found, None, 60),))[0].startswith("hop 5: New York (40.70, -74.00)")
    assert text((caption(found, 2, 60),))[0].startswith("hop 2: Frankfurt")
    assert text((caption(found, 3, 60),))[0].startswith("hop 3: nobody knows")
    lines = legend(found, 2, 30)
    assert text(lines) == ["  2 Frankfurt", "  5 New York"]
    assert lines[0][1][1] is Style.SELECTED
    assert all(not math.isnan(value) for one in found for value in one.at)
