"""The laboratory's rules: everything here is marked ``lab`` and skips with a reason where it cannot run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.labkit.chain import Chain, chain
from tests.lab.labkit.namespace import remove_leftovers
from tests.lab.labkit.requirements import missing

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    reason = missing()
    if reason is not None and item.get_closest_marker("lab"):
        pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI=true nothing of the lab may be skipped silently: a skip is a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped under CI=true: {call.excinfo and call.excinfo.value}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _tidy() -> None:
    """What an earlier run that was killed has left behind goes first."""
    if missing() is None:
        remove_leftovers()


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A folder that everybody may write in and reach."""
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents:
        if Path(tempfile.gettempdir()) in folder.parents:
            folder.chmod(folder.stat().st_mode | 0o055)
    return tmp_path


@pytest.fixture(scope="session")
def ten_routers(_tidy: None) -> Iterator[Chain]:
    """Ten routers and a target, shared by every test that leaves it as it was."""
    with chain(10) as built:
        yield built


@pytest.fixture(scope="session")
def two_routers(_tidy: None) -> Iterator[Chain]:
    """The shortest chain, for tests that change routes, rules and sysctls and put them back."""
    with chain(2) as built:
        yield built
