"""Quantiles of histograms: few buckets, one at infinity alone, and an objective inside a bucket."""

from __future__ import annotations

from math import inf, isnan

import pytest
from hypothesis import given, strategies as st

from mlcontrol.core.signals.buckets import bound_of, quantile


def test_as_prometheus_interpolates() -> None:
    """Its documentation of histogram_quantile: linear inside the bucket in which the quantile falls."""
    counted = {10.0: 50.0, 50.0: 90.0, 100.0: 100.0, inf: 100.0}
    assert quantile(counted, 0.5) == 10.0
    assert quantile(counted, 0.9) == 50.0
    assert quantile(counted, 0.99) == pytest.approx(50 + 50 * 9 / 10)
    assert quantile(counted, 0.25) == 5.0


@pytest.mark.parametrize(
    "counted",
    [
        {},
        {inf: 0.0},
        {inf: 100.0},  # infinity alone tells nothing
        {10.0: 100.0},  # without it nobody knows how many there were
        {10.0: 0.0, inf: 0.0},  # nobody asked
        {10.0: 90.0, inf: 100.0},  # the slowest are beyond all bounds
        {float("nan"): 50.0, inf: 100.0},
    ],
)
def test_what_a_histogram_cannot_tell_is_not_told(counted: dict[float, float]) -> None:
    assert isnan(quantile(counted, 0.99))


def test_beyond_the_highest_bound_it_is_surely_too_slow_only_where_that_bound_is() -> None:
    """Prometheus gives the bound, 10 ms, and 10 ms would meet an objective of 150 ms that nobody knows to be met."""
    counted = {10.0: 90.0, inf: 100.0}
    assert isnan(quantile(counted, 0.99, limit=150.0))
    assert quantile(counted, 0.99, limit=5.0) == 10.0


def test_an_objective_inside_the_bucket_is_neither_met_nor_missed() -> None:
    """Between 100 and 250 ms: interpolated it would read 149 or 151 by chance."""
    counted = {100.0: 90.0, 250.0: 100.0, inf: 100.0}
    assert isnan(quantile(counted, 0.99, limit=150.0))
    assert quantile(counted, 0.99, limit=250.0) == pytest.approx(235.0)
    assert quantile(counted, 0.99, limit=100.0) == pytest.approx(235.0)


def test_the_label_of_a_bound() -> None:
    assert (bound_of("0.5"), bound_of("25"), bound_of("+Inf")) == (0.5, 25.0, inf)
    assert isnan(bound_of("much"))


@given(st.lists(st.floats(0.1, 900.0), min_size=1, max_size=60), st.floats(0.01, 1.0))
def test_it_lies_in_the_bucket_of_the_true_quantile(waits: list[float], share: float) -> None:
    bounds = [1.0, 10.0, 100.0, 1000.0, inf]
    counted = {bound: float(sum(wait <= bound for wait in waits)) for bound in bounds}
    found = quantile(counted, share)
    upper = next(bound for bound in bounds if counted[bound] >= share * len(waits))
    lower = max((bound for bound in (0.0, *bounds) if bound < upper), default=0.0)
    assert lower <= found <= upper
