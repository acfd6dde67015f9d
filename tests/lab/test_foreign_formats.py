"""``-m mtr-json`` beside mtr itself, on the same path: the same keys in the same order, types and hosts."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.labkit.families import Family
from tests.lab.labkit.namespace import User
from tests.lab.labkit.product import hopscope
from tests.lab.labkit.tun import TunLab, tun_lab
from tests.report.shapes import shape, shapes

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def wide_area() -> Iterator[TunLab]:
    with tun_lab("wan") as lab:
        yield lab


@pytest.mark.parametrize("family", Family)
def test_mtr_and_we_write_the_same_document(wide_area: TunLab, family: Family) -> None:
    if shutil.which("mtr") is None:
        pytest.skip("mtr is not installed")
    target = wide_area.target_address(family)
    quick = ["-n", "--json", "-c", "2", "-i", "0.2", "-G", "0.5"]
    done = wide_area.namespace.run(["mtr", family.flag, *quick, target], user=User.ROOT)
    theirs: dict[str, Any] = json.loads(done.stdout)["report"]
    run = hopscope(wide_area.namespace, target, "-m", "mtr-json", "-C", "2", "--icmp", "--packet-size", "64")
    ours: dict[str, Any] = json.loads(run.stdout)["report"]
    assert [*ours] == [*theirs]
    assert shape(ours["mtr"]) == shape(theirs["mtr"])
    assert {**ours["mtr"], "src": ""} == {**theirs["mtr"], "src": ""}
    assert shapes(ours["hubs"]) == shapes(theirs["hubs"])
    compared = [
        [(hub["count"], hub["host"] == "???", hub["Loss%"], hub["Snt"]) for hub in report["hubs"]]
        for report in (ours, theirs)
    ]
    assert compared[0] == compared[1]
    responders = wide_area.responders(family)
    assert all(hub["host"] in (responders[hub["count"] - 1] or {"???"}) for hub in ours["hubs"])
