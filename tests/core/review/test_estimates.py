"""Estimates and the always-valid preference, by simulation and against other formulas."""

from __future__ import annotations

import numpy as np
import pytest

from mlcontrol.core.review.estimates import simple, stratified, weighted
from mlcontrol.core.review.judging import wilson
from mlcontrol.core.review.prediction_powered import ppi_mean
from mlcontrol.core.review.preference import Verdict, decided, win_rate


def test_a_simple_sample_has_wilsons_interval() -> None:
    assert (simple(45, 50).low, simple(45, 50).high) == wilson(45, 50)
    assert simple(0, 0).value is None


def test_a_stratified_share_is_weighted_by_the_population() -> None:
    found = stratified({"a": (50, 100), "b": (100, 100)}, {"a": 900, "b": 100})
    assert found.value == pytest.approx(0.9 * 0.5 + 0.1 * 1.0)
    assert found.low < 0.55 < found.high


def test_a_stratum_nobody_judged_leaves_the_whole_unknown() -> None:
    found = stratified({"a": (50, 100)}, {"a": 900, "b": 100})
    assert found.value is None
    assert "b" in found.design


def test_a_census_has_no_sampling_error() -> None:
    assert stratified({"a": (9, 10)}, {"a": 10}).half_width == 0


def test_weighting_undoes_a_biased_sample_and_covers() -> None:
    rng = np.random.default_rng(11)
    hard = rng.random(20_000) < 0.2
    right = np.where(hard, rng.random(20_000) < 0.5, rng.random(20_000) < 0.95)
    chance = np.where(hard, 0.04, 0.01)
    truth, hits, naive = right.mean(), 0, []
    for _ in range(100):
        drawn = rng.random(20_000) < chance
        found = weighted([(float(y), float(p)) for y, p in zip(right[drawn], chance[drawn], strict=True)])
        hits += found.low <= truth <= found.high
        naive.append(right[drawn].mean())
    assert hits >= 88  # 95 % nominal, binomial noise
    assert abs(np.mean(naive) - truth) > 0.08


def test_a_probability_of_zero_is_refused() -> None:
    with pytest.raises(ValueError):
        weighted([(1.0, 0.0)])


def test_a_true_preference_of_70_percent_is_decided_after_a_few_dozen() -> None:
    rng = np.random.default_rng(5)
    looks = [win_rate(list((rng.random(200) < 0.7).astype(int))).decided_at or 200 for _ in range(100)]
    assert 24 <= np.median(looks) <= 60


def test_no_preference_is_rarely_called_one_at_any_look() -> None:
    rng = np.random.default_rng(6)
    wrong = peeking = 0
    for _ in range(300):
        outcomes = (rng.random(200) < 0.5).astype(int)
        wrong += win_rate(list(outcomes)).decided_at is not None
        n = np.arange(1, 201)
        z = np.abs(np.cumsum(outcomes) - n / 2) / np.sqrt(n / 4)
        peeking += bool((z[9:] > 1.96).any())  # the broken twin: a fixed-sample test at every look
    assert wrong / 300 <= 0.05 + 0.03
    assert peeking / 300 > 0.2


def test_too_little_is_inconclusive_and_nothing_is_none() -> None:
    assert win_rate([1, 0, 1, 1]).verdict is Verdict.INCONCLUSIVE
    assert win_rate([]).verdict is Verdict.NONE
    assert win_rate([], ties=4).verdict is Verdict.INCONCLUSIVE
    assert win_rate([1] * 12).verdict is Verdict.BETTER
    assert win_rate([0] * 12).verdict is Verdict.WORSE
    assert win_rate([1, 0] * 600, margin=0.1).verdict is Verdict.SAME
    assert decided(90, 10, 0.7, 0.05) is Verdict.BETTER
    assert decided(0, 0, 0.7, 0.05) is Verdict.NONE


def test_a_decision_that_was_allowed_is_not_taken_back() -> None:
    found = win_rate([1] * 12 + [0] * 12)
    assert (found.verdict, found.decided_at) == (Verdict.BETTER, win_rate([1] * 12).decided_at)


def test_model_scores_narrow_the_interval_and_keep_its_promise() -> None:
    rng = np.random.default_rng(8)
    hits, ratios = 0, []
    for _ in range(150):
        p = rng.beta(4, 1, 4200)
        y = (rng.random(4200) < p).astype(float)
        score = np.clip(p + rng.normal(0, 0.05, 4200), 0, 1)
        found = ppi_mean(y[:200], score[:200], score[200:])
        assert found is not None
        hits += found.low <= y.mean() <= found.high
        ratios.append(found.width_ratio)
    assert hits / 150 >= 0.89
    assert np.median(ratios) < 0.97


def test_scores_that_say_nothing_are_not_used() -> None:
    rng = np.random.default_rng(9)
    y = (rng.random(400) < 0.8).astype(float)
    constant = ppi_mean(y, np.ones(400), np.ones(4000))
    assert constant is not None
    assert (constant.weight, constant.value) == (0.0, pytest.approx(y.mean()))
    assert ppi_mean(y[:10], y[:10], y) is None
    assert ppi_mean(y, y, []) is None
    with pytest.raises(ValueError):
        ppi_mean(y, y[:3], y)


def test_ppi_equals_its_published_formula() -> None:
    y, f, rest = np.arange(40) % 3 / 2, np.arange(40) % 5 / 4, np.arange(90) % 7 / 6
    found = ppi_mean(y, f, rest)
    assert found is not None
    both = np.concatenate([f, rest])
    weight = np.clip(np.cov(y, f, bias=True)[0, 1] / ((1 + 40 / 90) * both.var()), 0, 1)
    assert found.weight == pytest.approx(weight)
    assert found.value == pytest.approx(np.mean(y) + weight * (rest.mean() - f.mean()))
