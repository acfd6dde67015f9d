"""What was looked up of the addresses, as the views tell it."""

from __future__ import annotations

from collections.abc import Iterator

from tracer.model import Address
from tracer.names import NOTHING, AsnInfo, Known, Place
from tracer.special_use import special_use
from tracer.stats.snapshot import TraceSnapshot
from tui.view.rows import AddressMode, Context
from tui.view.strings import say


def context(snapshot: TraceSnapshot, mode: AddressMode) -> Context:
    """Names, systems and countries of a trace. Mask the snapshot first: what is hidden has none of them."""
    known = snapshot.names
    answering = {responder.address for hop in snapshot.hops for responder in hop.responders}
    return Context(
        names={address: told.hostname for address, told in known.items() if told.hostname is not None},
        asns={address: told.asn.label for address, told in known.items() if told.asn is not None},
        marks={address: use.name for address in answering if (use := special_use(address)) is not None},
        countries={
            address: told.place.country_code
            for address, told in known.items()
            if told.place is not None and told.place.country_code is not None
        },
        known=known,
        address_mode=mode,
    )


def facts(address: Address, known: Known = NOTHING) -> Iterator[tuple[str, str]]:
    """What the detail of a hop says of an address: the label's key, and the text."""
    if len(known.hostnames) > 1:
        yield "detail.names", ", ".join(known.hostnames)
    if known.asn is not None:
        yield "detail.as", system_text(known.asn)
    if (use := special_use(address)) is not None:
        yield "detail.special", say("detail.special-values", name=use.name, reference=use.reference)
    if known.place is not None:
        yield "detail.place", place_text(known.place)


def system_text(asn: AsnInfo) -> str:
    """An autonomous system and the network it announces."""
    head = f"{asn.label} {asn.name or ''}".rstrip()
    further = ", ".join(f"AS{number}" for number in asn.further)
    parts = (head, asn.prefix, asn.registry, asn.country, asn.allocated)
    told = [part for part in parts if part]
    return ", ".join([*told, say("detail.as-further", systems=further)] if further else told)


def place_text(place: Place) -> str:
    """A place, and how well it is known."""
    if (at := place.coordinates) is None:
        return place.label
    spot = say("place.at", latitude=f"{at[0]:.2f}", longitude=f"{at[1]:.2f}")
    if place.radius_km:
        spot = say("place.within", spot=spot, radius=f"{place.radius_km:.0f}")
    return f"{place.label} ({spot})".strip()
