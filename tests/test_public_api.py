"""What ``import tracer`` promises."""

from __future__ import annotations

import pytest

import tracer


def test_every_public_name_is_there_and_no_other_is_promised() -> None:
    promised = [name for names in tracer._HOMES.values() for name in names]
    assert sorted(promised) == sorted(tracer.__all__)
    assert len(set(promised)) == len(promised)
    for name in tracer.__all__:
        assert getattr(tracer, name).__name__ == name


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        tracer.no_such_name  # noqa: B018 - the look-up is the test
