"""Masking: nothing private is left anywhere in what the masks return."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report import samples
from tests.stats.logbook import Log, failure
from tests.tui.view.traces import SOURCE, traced
from tracer.events import Event, NameResolved, PathChanged, SendFailed, TargetAdded
from tracer.model import Address, QuotedDiff, QuotedHeader, RoundId, Ttl
from tracer.stats.path_changes import PathChange
from tracer.stats.snapshot import ErrorSnapshot, TraceSnapshot
from tui.view import privacy, rows
from tui.view.privacy import _MASKERS, HIDDEN, Masker, Privacy, mask, mask_event, mask_text, secrets

A, B, C = (Address(f"198.51.100.{last}") for last in (1, 31, 99))


def telling() -> TraceSnapshot:
    """A snapshot whose errors and changes quote addresses."""
    snapshot = traced()
    told = failure(
        message=f"{SOURCE} is not usable.", remedy=f"Drop {SOURCE}.", evidence={"tuple": [SOURCE, 1]}
    )
    error = ErrorSnapshot(
        kind=told.kind, message=told.message, remedy=told.remedy, evidence=told.evidence, count=1
    )
    change = PathChange(
        at_ns=0, round=RoundId(1), ttl=Ttl(1), old=(C, None, B), new=(A, None, B), rtt_before_ns=None
    )
    return msgspec.structs.replace(snapshot, errors=(error,), changes=(change,))


def text_of(value: object) -> str:
    return msgspec.json.encode(value).decode()


def test_without_privacy_nothing_changes() -> None:
    snapshot = telling()
    assert mask(snapshot, Privacy()) is snapshot
    assert secrets(snapshot, Privacy()) == set()


def test_masked_hops_and_the_source_are_gone_from_everywhere() -> None:
    masked = text_of(mask(telling(), Privacy(1)))
    assert SOURCE not in masked
    assert f'"{A}"' not in masked
    assert f'"{C}"' not in masked
    assert "eth0" not in masked
    assert f'"{B}"' in masked


def test_extensions_of_masked_hops_go_too() -> None:
    assert "24015" in text_of(mask(telling(), Privacy(2)))
    assert "24015" not in text_of(mask(telling(), Privacy(3)))


def test_a_target_among_the_masked_hops_is_hidden() -> None:
    masked = mask(telling(), Privacy(4))
    assert masked.target.query == masked.target.address == HIDDEN
    assert "192.0.2.80" not in text_of(masked)


def test_numbers_stay() -> None:
    plain, masked = telling(), mask(telling(), Privacy(9))
    assert [hop.rtt for hop in masked.hops] == [hop.rtt for hop in plain.hops]


def test_rows_show_the_word_for_it_and_keep_their_keys() -> None:
    plain, masked = rows.build(telling()), rows.build(mask(telling(), Privacy(3)))
    assert [row.host for row in masked] == ["(hidden)", "???", "(hidden)", "(hidden)", "192.0.2.80"]
    assert [row.key for row in masked] == [row.key for row in plain]


def test_names_of_masked_addresses_are_not_found() -> None:
    context = rows.Context(names={A: "home.example.com"})
    assert rows.build(mask(telling(), Privacy(1)), context)[0].host == "(hidden)"


def test_one_secret_within_another_is_no_trap() -> None:
    assert mask_text("192.0.2.1 and 192.0.2.10", {"192.0.2.1", "192.0.2.10"}) == "hidden and hidden"


@pytest.mark.parametrize("event", [samples.HEADER, *samples.eventful().events, *samples.unsendable().events])
def test_events_tell_nothing_private(event: Event) -> None:
    if isinstance(event, SendFailed):
        event = msgspec.structs.replace(
            event, failure=failure(message=f"from {SOURCE}", evidence={"a": SOURCE})
        )
    masked = text_of(mask_event(event, Privacy(1)))
    assert SOURCE not in masked
    assert f'"{A}"' not in masked
    assert mask_event(event, Privacy()) is event


PRIVATE = ("Address", "SourceInfo", "TargetInfo", "bytes", "Failure", "Extension", "PathMtu")
"""Types of which a value may tell where the user is."""


@pytest.mark.parametrize("kind", get_args(Event))
def test_no_kind_of_event_with_room_for_an_address_passes_as_it_is(kind: type[Event]) -> None:
    held = " ".join(str(field.type) for field in msgspec.structs.fields(kind))
    assert kind in _MASKERS or not any(name in held for name in PRIVATE)


def test_the_source_of_a_target_that_is_added_is_gone() -> None:
    masked = mask_event(TargetAdded(at_ns=1, target="x", info=samples.TRACED), Privacy(1))
    assert SOURCE not in text_of(masked)
    assert "eth0" not in text_of(masked)
    assert isinstance(masked, TargetAdded)
    assert masked.info.address == samples.TRACED.address


def test_of_too_many_addresses_no_further_names_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, "MOST_SHOWN", 1)
    masker = Masker()
    log = Log()
    for ttl, address in ((2, B), (3, C)):
        log.answered(ttl, ttl, 1000, responder=address)
    for event in log.events:
        masker.mask(event, Privacy(1))
    named = [
        masker.mask(NameResolved(at_ns=9, target=log.events[0].target, address=one), Privacy(1))
        for one in (B, C)
    ]
    assert [event.address for event in named if isinstance(event, NameResolved)] == [B, HIDDEN]


def test_path_changes_in_the_log_are_masked_by_their_hops() -> None:
    event = PathChanged(at_ns=0, target="x", round=RoundId(1), ttl=Ttl(1), old=(A, B), new=(C, None))
    masked = mask_event(event, Privacy(1))
    assert isinstance(masked, PathChanged)
    assert (masked.old, masked.new) == ((HIDDEN, B), (HIDDEN, None))


@given(st.integers(0, 300))
def test_privacy_grows_and_shrinks_by_one_hop(hops: int) -> None:
    privacy = Privacy(min(hops, 255))
    assert privacy.more().hops == min(privacy.hops + 1, 255)
    assert privacy.less().hops == max(privacy.hops - 1, 0)


def test_the_source_is_gone_from_what_hops_quote_and_so_is_what_a_translator_made_of_it() -> None:
    log = Log()
    diff = (QuotedDiff("source", SOURCE, "203.0.113.9"), QuotedDiff("dscp", 46, 0))
    for ttl in (1, 2):
        log.answered(ttl, ttl, quoted=QuotedHeader(ttl=1, dscp=0, ecn=0, diff=diff))
    masked = mask(traced(log), Privacy(1))
    for text in (text_of(masked), *(text_of(mask_event(event, Privacy(1))) for event in log.events)):
        assert SOURCE not in text
        assert "203.0.113.9" not in text
    assert masked.hops[1].quoted == QuotedHeader(
        ttl=1, dscp=0, ecn=0, diff=(QuotedDiff("source", HIDDEN, HIDDEN), diff[1])
    )
    assert [finding.kind for finding in masked.findings] == [finding.kind for finding in traced(log).findings]


@pytest.mark.parametrize("old", ["192.0.2.123", "2001:db8:77::123"])
def test_an_older_source_in_the_text_of_an_error_is_masked_too(old: str) -> None:
    """After the address has changed, nothing in the snapshot says that it was this host's."""
    snapshot = telling()
    target = snapshot.target.address
    error = ErrorSnapshot(
        kind=telling().errors[0].kind,
        message=f"{old} is no address of this host. Probes go to {target} at 12:30.",
        remedy=f"Give up {old}.",
        evidence={"source": old, "tried": [old]},
        count=1,
    )
    (masked,) = mask(msgspec.structs.replace(snapshot, errors=(error,)), Privacy(1)).errors
    assert old not in f"{masked}"
    assert str(target) in masked.message
    assert "12:30" in masked.message
