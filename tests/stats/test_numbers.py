"""Moments, jitter, percentiles and loss against the standard library and direct recomputation."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.stats.jitter import Jitter
from tracer.stats.loss import Z_95, loss_pct, wilson
from tracer.stats.quantiles import Window, median
from tracer.stats.running import Running
from tracer.stats.series import Recent, Series

RTTS = st.integers(0, 20_000_000_000)
MANY = st.lists(RTTS, min_size=2, max_size=60)


def running_of(samples: Sequence[int]) -> Running:
    running = Running()
    for sample in samples:
        running.add(sample)
    return running


def jitter_of(samples: Sequence[int]) -> Jitter:
    jitter = Jitter()
    for sample in samples:
        jitter.add(sample)
    return jitter


def window_of(samples: Sequence[int], size: int = 256) -> Window:
    window = Window(size)
    for sample in samples:
        window.add(sample)
    return window


@given(MANY)
def test_moments_and_extremes_agree_with_the_standard_library(samples: list[int]) -> None:
    running = running_of(samples)
    assert running.count == len(samples)
    assert running.mean_ns == pytest.approx(statistics.fmean(samples), rel=1e-12, abs=1e-6)
    assert running.stddev_ns == pytest.approx(statistics.stdev(samples), rel=1e-9, abs=1e-3)
    assert (running.best_ns, running.worst_ns, running.last_ns) == (min(samples), max(samples), samples[-1])


def test_a_small_spread_on_a_long_path_survives_many_samples() -> None:
    samples = [900_000_000_000 + index % 2 for index in range(10_000)]
    assert running_of(samples).stddev_ns == pytest.approx(statistics.stdev(samples), rel=1e-6)


def test_one_sample_has_no_spread_and_no_jitter() -> None:
    assert running_of([5]).stddev_ns is None
    jitter = jitter_of([5])
    assert (jitter.last_ns, jitter.mean_ns, jitter.max_ns, jitter.smoothed_ns) == (None, None, None, None)


def test_the_textbook_case_333_123_123() -> None:
    assert running_of([333, 123, 123]).stddev_ns == pytest.approx(121.2435565)
    jitter = jitter_of([333, 123, 123])
    assert (jitter.last_ns, jitter.mean_ns, jitter.max_ns) == (0, 105.0, 210)


@given(MANY)
def test_jitter_is_that_of_consecutive_differences(samples: list[int]) -> None:
    deltas = [abs(after - before) for before, after in pairwise(samples)]
    jitter = jitter_of(samples)
    assert (jitter.last_ns, jitter.max_ns) == (deltas[-1], max(deltas))
    assert jitter.mean_ns == pytest.approx(statistics.fmean(deltas), rel=1e-12, abs=1e-6)


@given(MANY)
def test_smoothed_jitter_is_the_closed_form_of_rfc_3550(samples: list[int]) -> None:
    # J(n) = sum of |D(i)| / 16 * (15/16)^(n-i), exactly, with no recurrence to share a mistake with.
    deltas = [abs(after - before) for before, after in pairwise(samples)]
    exact = sum(
        (Fraction(delta, 16) * Fraction(15, 16) ** age for age, delta in enumerate(reversed(deltas))),
        Fraction(0),
    )
    assert jitter_of(samples).smoothed_ns == pytest.approx(float(exact), rel=1e-9, abs=1e-6)


@given(MANY, st.integers(1, 99))
def test_percentiles_are_those_of_the_inclusive_method(samples: list[int], percent: int) -> None:
    expected = statistics.quantiles(samples, n=100, method="inclusive")[percent - 1]
    assert window_of(samples).percentile(percent) == expected


@given(st.lists(RTTS, min_size=1, max_size=60), st.integers(1, 8))
def test_percentiles_are_of_the_most_recent_samples_only(samples: list[int], size: int) -> None:
    recent = samples[-size:]
    window = window_of(samples, size)
    assert window.percentile(0) == min(recent)
    assert window.percentile(50) == statistics.median(recent)
    assert window.percentile(100) == max(recent)


def test_every_percentile_of_one_sample_is_that_sample() -> None:
    window = window_of([7])
    assert {window.percentile(percent) for percent in (0, 50, 90, 99, 100)} == {7.0}


def test_loss_is_unknown_before_the_first_probe_is_closed() -> None:
    assert loss_pct(0, 0) is None
    assert wilson(0, 0) is None


@pytest.mark.parametrize(
    ("lost", "total", "low", "high"),
    [
        # Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, method 3.
        (81, 263, 25.53, 36.62),
        (15, 148, 6.24, 16.05),
        (0, 20, 0.0, 16.11),
        (1, 29, 0.61, 17.18),
    ],
)
def test_the_interval_of_published_examples(lost: int, total: int, low: float, high: float) -> None:
    assert wilson(lost, total) == pytest.approx((low, high), abs=0.005)


@given(st.integers(1, 500), st.data())
def test_the_ends_of_the_interval_solve_the_score_equation(total: int, data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, total))
    interval = wilson(lost, total)
    assert interval is not None
    assert 0 <= interval[0] <= 100 * lost / total <= interval[1] <= 100
    for end in (interval[0] / 100, interval[1] / 100):
        assert (lost / total - end) ** 2 == pytest.approx(Z_95**2 * end * (1 - end) / total, abs=1e-9)


def test_nothing_lost_and_everything_lost_have_exact_ends() -> None:
    for total in range(1, 300):
        nothing, everything = wilson(0, total), wilson(total, total)
        assert nothing is not None
        assert nothing[0] == 0.0
        assert everything is not None
        assert everything[1] == 100.0


def test_a_series_without_samples_has_no_numbers() -> None:
    assert Series(8).snapshot() is None


def test_recent_outcomes_are_revised_where_they_stand_and_leave_in_order() -> None:
    recent = Recent(3)
    keys = [(0, sequence) for sequence in range(4)]
    for key, rtt_ns in zip(keys, (1, None, 3, 4), strict=True):
        recent.put(key, rtt_ns)  # type: ignore[arg-type]  # plain numbers read better here
    assert recent.snapshot() == (None, 3, 4)
    recent.revise(keys[1], 2)  # type: ignore[arg-type]  # as above
    recent.revise(keys[0], 9)  # type: ignore[arg-type]  # as above
    assert recent.snapshot() == (2, 3, 4)


@given(st.lists(RTTS, min_size=1, max_size=60) | st.lists(st.floats(0, 1e12), min_size=1, max_size=60))
def test_the_median_is_that_of_the_standard_library(values: list[float]) -> None:
    assert median(iter(values)) == statistics.median(values)
