"""One proportion, always valid: published intervals, and scipy for the mixture."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy.special import betainc, betaln

from mlcontrol.core.statistics.sequential_proportion import log_e_above, log_e_below, proportion_interval


@pytest.mark.parametrize(
    ("good", "bad", "lower", "upper"),
    [(45, 5, 0.7123, 0.9843), (90, 10, 0.7717, 0.9712), (900, 100, 0.8616, 0.9312)],
)
def test_published_intervals(good: int, bad: int, lower: float, upper: float) -> None:
    assert proportion_interval(good, bad, 0.05) == pytest.approx((lower, upper), abs=6e-5)


def test_intervals_of_no_data_and_of_one_kind_only() -> None:
    assert proportion_interval(0, 0) == (0.0, 1.0)
    assert proportion_interval(50, 0)[1] == 1.0
    assert proportion_interval(0, 50)[0] == 0.0
    assert proportion_interval(0, 50)[1] == pytest.approx(1.0 - proportion_interval(50, 0)[0], abs=1e-9)


@pytest.mark.parametrize("counts", [(40, 10), (90, 15), (3, 0), (0, 30), (1, 1)])
@pytest.mark.parametrize("p0", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("prior", [(1.0, 1.0), (18.0, 2.0)])
def test_the_mixture_equals_scipys(counts: tuple[int, int], p0: float, prior: tuple[float, float]) -> None:
    good, bad = counts
    a, b = prior
    inside = betainc(a + good, b + bad, p0)
    expected = betaln(a + good, b + bad) + log(inside) - betaln(a, b) - log(betainc(a, b, p0))
    expected -= good * log(p0) + bad * log(1 - p0)
    assert log_e_below(good, bad, p0, prior) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert log_e_above(bad, good, 1 - p0, (b, a)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_many_observations_equal_scipys_too() -> None:
    good, bad, p0 = 9000, 1500, 0.9
    expected = betaln(1 + good, 1 + bad) + log(betainc(1 + good, 1 + bad, p0)) - log(p0)
    assert log_e_below(good, bad, p0) == pytest.approx(expected - good * log(p0) - bad * log(1 - p0), rel=1e-9)


def test_peeking_after_every_review_keeps_the_level_and_finds_what_is_bad() -> None:
    rng = np.random.default_rng(5)
    rejected = {0.9: 0, 0.75: 0}
    for truth in rejected:
        for _ in range(100):
            good = np.cumsum(rng.random(300) < truth)
            rejected[truth] += any(
                log_e_below(int(good[i]), int(i + 1 - good[i]), 0.9) >= log(20) for i in range(0, 300, 5)
            )
    assert rejected[0.9] <= 10
    assert rejected[0.75] >= 95


def test_a_proportion_of_nothing_or_all_cannot_be_tested_against() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        log_e_below(1, 1, 1.0)
