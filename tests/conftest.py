"""Settings that hold for every test."""

import os

import pytest
from hypothesis import settings

from tests.lab.labkit.fault_notes import FaultNotes, Marked, Record
from tracer.net import privileges

# "fast" runs on every change; HYPOTHESIS_PROFILE=deep looks longer. Under CI a failure must be repeatable.
settings.register_profile("fast", max_examples=100, deadline=None, derandomize="CI" in os.environ)
settings.register_profile("deep", max_examples=5000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@pytest.fixture(autouse=True)
def _privileges_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that runs inside this process must not give up what the next tests need."""
    monkeypatch.setattr(privileges, "keep_nothing", lambda: None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The results of a fault test say of which fault."""
    item.user_properties.extend(Marked(item).properties())


@pytest.fixture
def notes(record_property: Record) -> FaultNotes:
    """Takes down what a fault test sees, for docs/faults.md."""
    return FaultNotes(record_property)
