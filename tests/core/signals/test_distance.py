"""Distances equal independent calculations, and follow their published law where nothing has changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mlcontrol.core.signals.distance import (
    chi_square,
    corrected,
    js_distance,
    kolmogorov,
    of_counts,
    of_numbers,
    one_sided_test,
    psi,
    psi_limit,
    share_test,
    total_variation,
)


def test_jensen_shannon_is_to_base_two() -> None:
    p, q = np.array([0.81, 0.19]), np.array([0.9, 0.1])
    assert js_distance(p, q) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-12)
    assert js_distance(np.array([1.0, 0]), np.array([0, 1.0])) == 1.0


def test_chi_square_is_of_homogeneity_and_not_against_the_reference_taken_as_exact() -> None:
    before, after = np.array([810, 190]), np.array([900, 100])
    assert chi_square(before, after) == pytest.approx(
        stats.chi2_contingency([before, after], correction=False).pvalue, rel=1e-9
    )
    one_sample = stats.chisquare(after, before).pvalue
    assert chi_square(before, after) > 1e3 * one_sample


def test_rare_categories_are_taken_together() -> None:
    before, after = np.array([500, 500, 1, 0, 2]), np.array([480, 520, 0, 3, 1])
    assert chi_square(before, after) == pytest.approx(
        stats.chi2_contingency([[500, 500, 3], [480, 520, 4]]).pvalue, rel=0.05
    )


def test_numbers_are_compared_as_scipy_does() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.normal(size=3000), rng.normal(0.3, 1.2, size=2000)
    far = of_numbers(before, after)
    ks = stats.ks_2samp(before, after, method="asymp")
    assert (far.effect, far.p_value) == (pytest.approx(ks.statistic), pytest.approx(ks.pvalue))
    assert far.wasserstein == pytest.approx(stats.wasserstein_distance(before, after) / before.std())


def test_psi_by_hand() -> None:
    before, after = np.array([50, 50]), np.array([30, 70])
    p, q = np.array([50.5, 50.5]) / 101, np.array([30.5, 70.5]) / 101
    assert psi(before, after) == pytest.approx(float(((q - p) * np.log(q / p)).sum()), abs=1e-12)


@pytest.mark.parametrize(("m", "published"), [(100, 0.170), (300, 0.057), (1000, 0.0178), (5000, 0.0042)])
def test_psi_limits_are_the_published_ones(m: int, published: float) -> None:
    """Yurdakul & Naranjo's law for ten bins and 20,000 in the reference."""
    assert psi_limit(10, 20_000, m) == pytest.approx(published, rel=0.02)


def test_without_change_psi_passes_its_limit_once_in_twenty() -> None:
    rng = np.random.default_rng(2)
    passed = 0
    for _ in range(400):
        before = rng.multinomial(20_000, [0.1] * 10)
        after = rng.multinomial(300, [0.1] * 10)
        far = of_counts(before, after)
        passed += far.psi > far.psi_limit
    assert 8 <= passed <= 36  # 20 expected, four standard errors
    # The folk threshold .1 is passed by chance in a third of samples of 100.
    folk = sum(psi(rng.multinomial(20_000, [0.1] * 10), rng.multinomial(100, [0.1] * 10)) > 0.1 for _ in range(200))
    assert folk > 30


def test_benjamini_hochberg_equals_scipys() -> None:
    p = np.random.default_rng(3).random(57) ** 2
    np.testing.assert_allclose(corrected(p), stats.false_discovery_control(p), rtol=1e-12)


def test_shares_with_few_counts_use_fishers_exact_test() -> None:
    assert share_test(1, 100, 7, 100) == pytest.approx(stats.fisher_exact([[1, 99], [7, 93]]).pvalue)
    assert share_test(0, 100, 0, 50) == 1.0


samples = st.lists(st.floats(-5, 5).map(lambda x: round(x, 1)), min_size=2, max_size=40).map(np.array)
counts = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any).map(np.array)


@given(samples, samples)
def test_kolmogorovs_distance_is_scipys(a: np.ndarray, b: np.ndarray) -> None:
    assert kolmogorov(a, b) == pytest.approx(stats.ks_2samp(a, b, method="asymp").statistic)


@given(counts, counts)
def test_total_variation_is_between_equal_and_disjoint(a: np.ndarray, b: np.ndarray) -> None:
    p, q, nothing = a / a.sum(), b / b.sum(), np.zeros(3)
    assert total_variation(p, q) == pytest.approx(total_variation(q, p))
    assert 0 <= total_variation(p, q) <= 1 + 1e-12
    assert total_variation(p, p) == 0
    assert total_variation(np.r_[p, nothing], np.r_[nothing, q]) == pytest.approx(1)


@given(counts, counts)
def test_homogeneity_is_scipys(a: np.ndarray, b: np.ndarray) -> None:
    before, after = 20 * a + 10, 20 * b + 10  # nothing rare
    assert chi_square(before, after) == pytest.approx(stats.chi2_contingency([before, after], correction=False).pvalue)


def test_categories_of_one_sample_alone_are_judged_by_how_often_chance_does_that() -> None:
    """Two halves of one stream, with a long tail of names: below 5 % in at most about 5 % of the cases."""
    rng = np.random.default_rng(60)
    low = 0
    for _ in range(200):
        drawn = [np.bincount(rng.zipf(1.5, size=n) % 400, minlength=400) for n in (2000, 500)]
        low += one_sided_test(drawn[0], drawn[1], 0.8) < 0.05
    assert low <= 14
    assert one_sided_test(np.array([50, 50]), np.array([100, 0]), 0.5) == pytest.approx(2 * 2 * 0.5**50)
    assert one_sided_test(np.array([5, 5]), np.array([5, 5]), 0.5) == 1.0
