"""The always-valid comparison of rates, against the oracle of its formula and against what it promises."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from mlcontrol.core.statistics.sequential import (
    STANDARD,
    Mixture,
    always_valid_p,
    average_log_e,
    log_e_rate_ratio,
    ratio_interval,
)

N = np.array([100.0, 100.0])
M = np.array([900.0, 900.0])


def test_the_oracle_of_the_formula() -> None:
    log_e = log_e_rate_ratio(np.array([2.0, 3.0]), np.array([10.0, 12.0]), N, M, 1.0, Mixture.of(2.0))
    assert log_e[-1] == pytest.approx(0.8923610480829574, abs=1e-12)


def test_the_product_written_out_in_full_is_the_same() -> None:
    theta = {r: r * 100 / (r * 100 + 900) for r in (1.5, 3.0)}
    null = 1.5
    product = 1.0
    for x, y in ((2, 10), (3, 12)):
        product *= (theta[3.0] / theta[null]) ** x * ((1 - theta[3.0]) / (1 - theta[null])) ** y
    log_e = log_e_rate_ratio(np.array([2.0, 3.0]), np.array([10.0, 12.0]), N, M, null, Mixture.of(2.0))
    assert log_e[-1] == pytest.approx(log(product), abs=1e-12)


def test_the_weights_of_the_mixture_sum_to_one_over_24_ratios() -> None:
    assert len(STANDARD.ratios) == 24
    assert STANDARD.weights.sum() == pytest.approx(1.0)
    assert (STANDARD.ratios[0], STANDARD.ratios[-1]) == pytest.approx((1.05, 6.0))


def test_a_bucket_without_exposure_in_one_arm_says_nothing() -> None:
    log_e = log_e_rate_ratio(np.array([2.0, 0.0]), np.array([10.0, 50.0]), np.array([100.0, 0.0]), M)
    assert log_e[1] == log_e[0]


def _looks(rng: np.random.Generator, runs: int, ratio: float, ramp: bool) -> np.ndarray:
    """ln E of runs of an hour at 50 requests/s with a drifting common rate, looked at every minute."""
    minutes = 60
    rate = 0.005 * np.exp(np.sin(np.arange(minutes) / 9.0))
    share = np.repeat([0.01, 0.05, 0.25, 0.5], 15) if ramp else np.full(minutes, 0.1)
    n, m = 3000 * share, 3000 * (1 - share)
    a = rng.poisson(n * rate * ratio, (runs, minutes)).astype(float)
    b = rng.poisson(m * rate, (runs, minutes)).astype(float)
    return log_e_rate_ratio(a, b, n, m)


@pytest.mark.parametrize("ramp", [False, True])
def test_looking_at_every_minute_keeps_the_level_under_drift_and_ramp(ramp: bool) -> None:
    log_e = _looks(np.random.default_rng(7), 400, 1.0, ramp)
    rejected = (log_e.max(axis=-1) >= log(1 / 0.05)).mean()
    assert rejected <= 0.05


def test_the_broken_twin_pooling_over_a_ramp_does_not_keep_it() -> None:
    """What the strata are for: pooled counts mistake the drifting common rate for a difference of the arms."""
    rng = np.random.default_rng(7)
    share = np.repeat([0.01, 0.5], 30)
    rate = np.repeat([0.002, 0.02], 30)
    n, m = 3000 * share, 3000 * (1 - share)
    a, b = rng.poisson(n * rate, (200, 60)).astype(float), rng.poisson(m * rate, (200, 60)).astype(float)
    honest = log_e_rate_ratio(a, b, n, m)
    pooled = log_e_rate_ratio(
        *(x.sum(axis=-1, keepdims=True) for x in (a, b, np.tile(n, (200, 1)), np.tile(m, (200, 1))))
    )
    assert (honest.max(axis=-1) >= log(20)).mean() <= 0.05
    assert (pooled.max(axis=-1) >= log(20)).mean() > 0.9


def test_a_doubled_rate_is_found_and_an_equal_one_is_shown_to_be_less_than_double() -> None:
    rng = np.random.default_rng(3)
    n, m = np.full(120, 300.0), np.full(120, 2700.0)
    doubled = log_e_rate_ratio(rng.poisson(n * 0.02).astype(float), rng.poisson(m * 0.01).astype(float), n, m)
    assert doubled.max() > log(1000)
    equal = rng.poisson(n * 0.01).astype(float), rng.poisson(m * 0.01).astype(float)
    promote = log_e_rate_ratio(equal[1], equal[0], m, n, null_ratio=1 / 2.0)
    assert promote.max() > log(20)


def test_the_interval_narrows_holds_the_truth_and_matches_the_test() -> None:
    rng = np.random.default_rng(11)
    n, m = np.full(60, 300.0), np.full(60, 2700.0)
    a, b = rng.poisson(n * 0.03).astype(float), rng.poisson(m * 0.015).astype(float)
    lower, upper = ratio_interval(a, b, n, m, alpha=0.05)
    assert (np.diff(lower) >= 0).all()
    assert (np.diff(upper) <= 0).all()
    assert lower[-1] < 2.0 < upper[-1]
    assert lower[-1] > 1.0
    at_edge = log_e_rate_ratio(a, b, n, m, null_ratio=float(lower[-1]))
    assert at_edge.max() >= log(2 / 0.05)


def test_p_never_rises_and_is_at_most_one() -> None:
    p = always_valid_p(np.array([-3.0, 1.0, 0.2, 4.0, 2.0]))
    assert p == pytest.approx([1.0, np.exp(-1), np.exp(-1), np.exp(-4), np.exp(-4)])


def test_the_average_of_e_values_lies_under_their_maximum() -> None:
    assert average_log_e(np.array([log(40.0)]), np.array([log(2.0)])) == pytest.approx([log(21.0)])
