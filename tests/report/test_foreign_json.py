"""mtr's and Trippy's JSON: keys, their order and their types are those of the programs themselves.

``golden/mtr-0.95.json`` and ``golden/trippy-0.13.json`` were written by these programs, on the scenario
``wan``.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.report import samples, stories
from tests.report.shapes import shape, shapes
from tests.report.write_golden import GOLDEN
from tests.stats.logbook import Log
from tracer.model import EndReason, UnknownExtension

OURS = {"mtr-0.95.json": "mtr-json", "trippy-0.13.json": "trippy-json"}


def ours(mode: str) -> Any:
    return json.loads(stories.render(mode, stories.events(samples.eventful())))


def theirs(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text())


def test_mtrs_keys_order_and_types() -> None:
    told, real = ours("mtr-json"), theirs("mtr-0.95.json")
    assert [*told] == [*real] == ["report"]
    assert shape(told["report"]["mtr"]) == shape(real["report"]["mtr"])
    assert shapes(told["report"]["hubs"]) == shapes(real["report"]["hubs"])


def test_mtr_writes_a_silent_hop_as_we_do() -> None:
    [silent] = [hub for hub in ours("mtr-json")["report"]["hubs"] if hub["host"] == "???"]
    real = next(hub for hub in theirs("mtr-0.95.json")["report"]["hubs"] if hub["host"] == "???")
    assert {**silent, "count": 0, "Snt": 0} == {**real, "count": 0, "Snt": 0}


def test_the_text_itself_is_laid_out_as_mtrs() -> None:
    """Indentation, separators and the form of numbers, line for line."""
    form = re.compile(r'(?<=: )"[^"]*"|\d+')
    real = {form.sub("_", line) for line in (GOLDEN / "mtr-0.95.json").read_text().splitlines()}
    told = stories.render("mtr-json", stories.events(samples.eventful())).decode()
    assert {form.sub("_", line) for line in told.splitlines()} <= real
    assert told.endswith("}\n")


def test_mtr_has_five_digits_of_whole_microseconds() -> None:
    hub = ours("mtr-json")["report"]["hubs"][2]
    assert (hub["Best"], hub["Wrst"], hub["Avg"]) == (12.346, 22.346, 17.346)
    assert ours("mtr-json")["report"]["hubs"][3]["Wrst"] == 100.4


def test_as_numbers_stand_where_mtr_puts_them() -> None:
    report = stories.named(samples.report(samples.eventful()))
    [first, silent, *_] = json.loads(stories.told("mtr-json", [report]))["report"]["hubs"]
    assert [*first][:3] == ["count", "host", "ASN"]
    assert (first["ASN"], silent["ASN"]) == ("AS64500", "AS???")


def test_trippys_keys_order_and_types() -> None:
    told, real = ours("trippy-json"), theirs("trippy-0.13.json")
    assert [*told] == [*real]
    assert shape(told["info"]) == shape(real["info"])
    for name in ("hosts", "extensions"):
        mine = shapes(item for hop in told["hops"] for item in hop[name])
        assert mine == shapes(item for hop in real["hops"] for item in hop[name][:1])
    bare: dict[str, list[Any]] = {"hosts": [], "extensions": []}
    assert shapes({**hop, **bare} for hop in told["hops"]) == shapes({**hop, **bare} for hop in real["hops"])


def test_trippys_numbers_are_texts_of_two_decimals() -> None:
    texts = [value for hop in ours("trippy-json")["hops"] for value in hop.values() if isinstance(value, str)]
    assert len(texts) == 4 * 10
    assert all(re.fullmatch(r"\d+\.\d\d", text) for text in texts)


def test_unknown_extensions_keep_their_bytes() -> None:
    log = Log()
    log.answered(1, 1, 400_000, extensions=(UnknownExtension(250, 7, b"\x00\xff"),))
    log.ended(EndReason.MAX_TTL)
    [hop] = json.loads(stories.render("trippy-json", stories.events(log)))["hops"]
    assert hop["extensions"] == [{"unknown": {"class_num": 250, "class_subtype": 7, "bytes": [0, 255]}}]


@pytest.mark.parametrize("mode", OURS.values())
def test_several_targets(mode: str) -> None:
    report = samples.report(samples.eventful())
    text = stories.told(mode, [report, report]).decode()
    one = stories.told(mode, [report]).decode()
    # mtr prints one document after the other; Trippy, which takes one target, says nothing of more.
    assert text == one * 2 if mode == "mtr-json" else json.loads(text) == [json.loads(one)] * 2
