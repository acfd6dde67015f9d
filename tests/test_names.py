"""Values made of strangers' texts: harmless the moment they exist, live or read from a recording."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.events import NameResolved
from tracer.model import Address
from tracer.names import AsnInfo, Known, Place, server_address
from tracer.ndjson import decode, encode
from tracer.text import LONGEST_SHOWN

texts = st.text(st.characters())


def event(*names: str, asn: AsnInfo | None = None, place: Place | None = None) -> NameResolved:
    return NameResolved(
        at_ns=1, target="t\n", address=Address("192.0.2.1"), hostnames=names, asn=asn, place=place
    )


@given(st.lists(texts, max_size=8), texts, texts)
def test_every_text_is_printable_and_bounded_however_it_was_made(
    names: list[str], system: str, city: str
) -> None:
    made = event(*names, asn=AsnInfo(number=1, name=system, prefix=system), place=Place(city=city))
    assert made.asn is not None
    assert made.place is not None
    shown = [*made.hostnames, made.asn.name, made.asn.prefix, made.place.city, made.place.label]
    for text in shown:
        assert text is not None
        assert text.isprintable()
        assert len(text) <= LONGEST_SHOWN
    assert decode(encode(made)) == made
    assert made.target == "t\n", "the label is not a name: it has to be found again"


def test_a_recording_from_elsewhere_is_made_harmless_as_it_is_read() -> None:
    line = (
        b'{"event":"name_resolved","at_ns":1,"target":"t","address":"192.0.2.1","hostnames":["\\u001b[2J"],'
    )
    line += b'"asn":{"number":1,"name":"\\u202e"},"place":{"city":"\\u0007"}}'
    read = decode(line)
    assert isinstance(read, NameResolved)
    assert read.known == Known(
        hostnames=("\\x1b[2J",), asn=AsnInfo(number=1, name="\\u202e"), place=Place(city="\\x07")
    )


@pytest.mark.parametrize(
    "field",
    [
        '"hostnames":["1","2","3","4","5","6","7","8","9"]',
        '"asn":{"number":-1}',
        '"asn":{"number":4294967296}',
        '"place":{"latitude":90.1}',
        '"place":{"longitude":1e308}',
        '"place":{"radius_km":-1}',
    ],
)
def test_a_recording_with_impossible_values_is_damaged(field: str) -> None:
    line = f'{{"event":"name_resolved","at_ns":1,"target":"t","address":"192.0.2.1",{field}}}'
    with pytest.raises(msgspec.ValidationError):
        decode(line.encode())


def test_a_place_reads_from_small_to_large_and_says_nothing_twice() -> None:
    assert Place(city="Singapore", country="Singapore").label == "Singapore"
    assert Place(city="Ulm", region="Swabia", country="Germany", country_code="DE").label == (
        "Ulm, Swabia, Germany"
    )
    assert Place(country_code="DE").label == "DE"
    assert Place(latitude=1.0, longitude=2.0).label == ""


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        (" 2001:db8::53 ", ("2001:db8::53", 53)),
        ("[2001:db8::53]", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
        ("::1", ("::1", 53)),
    ],
)
def test_a_server_is_written_with_or_without_its_port(text: str, server: tuple[str, int]) -> None:
    assert server_address(text) == server


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dns.example",
        "192.0.2",
        "192.0.2.53:",
        "192.0.2.53:0",
        "192.0.2.53:65536",
        "[192.0.2.53",
        ":::",
        "[]",
    ],
)
def test_what_is_no_server_is_none(text: str) -> None:
    assert server_address(text) is None
