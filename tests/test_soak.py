"""The soak in small: every book is exercised, and what it must find is found."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from soak.sizes import SMOKE, WHOLE, asked
from soak.virtual import BLOCKS_GROW, FULL, RESIDENT_GROWS_MB, Seen, Soak, verdict
from tracer.report.document import Report


def looks(count: int = 20, **of_the_last: Any) -> list[Seen]:
    flat = Seen(
        probes=0,
        virtual_h=0,
        seconds=1,
        resident_mb=60,
        blocks=500_000,
        objects=90_000,
        traced_kb=700,
        peak_kb=800,
    )
    return [flat] * (count - 1) + [flat._replace(**of_the_last)]


def total(reports: list[Report], name: str) -> int:
    return sum(getattr(hop, name) for report in reports for hop in report.hops)


def test_a_small_soak_fills_every_book_and_draws() -> None:
    soak = Soak(SMOKE)
    asyncio.run(soak.run())
    reports = soak.picture.bridge.reports()
    assert soak.world.sent >= SMOKE.probes
    assert len(soak.seen) >= SMOKE.probes // SMOKE.window - 1
    assert all(look.traced_kb > 0 for look in soak.seen)
    assert soak.picture.drawn > 3
    for name in ("received", "lost", "late", "duplicates"):
        assert total(reports, name) > 0, name
    for name in ("foreign", "malformed", "ports_skipped"):
        assert sum(getattr(report.health, name) for report in reports) > 0, name
    assert any(len(hop.responders) > 10 for report in reports for hop in report.hops)
    assert any(
        msgspec.to_builtins(one)["hostname"] for r in reports for hop in r.hops for one in hop.responders
    )


def test_flat_memory_is_no_finding_and_each_kind_of_growth_is_one() -> None:
    flat = looks()
    assert verdict(flat) == []
    (blocks,) = verdict(looks(blocks=int(flat[FULL].blocks * (1 + BLOCKS_GROW)) + 1))
    (resident,) = verdict(looks(resident_mb=flat[FULL].resident_mb + RESIDENT_GROWS_MB + 0.1))
    (traced,) = verdict([look._replace(traced_kb=700 + 100 * number) for number, look in enumerate(flat)])
    assert ("blocks" in blocks, "resident" in resident, "traced" in traced) == (True, True, True)


def test_one_late_table_among_the_traced_probes_is_no_finding() -> None:
    assert verdict(looks(traced_kb=2000)) == []


def test_the_sizes_are_what_is_asked_for() -> None:
    assert asked("", []) == WHOLE
    small = asked("", ["--probes", "20000", "--seconds", "6"])
    assert (small.probes, small.seconds, small.told_every_s) == (20_000, 6, 2)
    assert small.traced < small.window < small.probes
