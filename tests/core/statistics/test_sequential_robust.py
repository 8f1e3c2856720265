"""Ranks among same-size replicas, and the measure of scatter that says when they are needed."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from mlcontrol.core.statistics.sequential import log_e_rate_ratio
from mlcontrol.core.statistics.sequential_dispersion import (
    NOISES,
    _of_each,
    calm_noise,
    dispersion,
    rate_noise,
    split_dispersion,
    winsorized,
)
from mlcontrol.core.statistics.sequential_ranks import log_e_ranks, memory_buckets, ranks

MINUTES = 240


def _bursty(rng: np.random.Generator, mean: float, cv: float, arms: int) -> np.ndarray:
    """Events of ``arms`` same-size replicas whose rates scatter on their own each minute (gamma, coefficient ``cv``)."""
    noise = rng.gamma(1 / cv**2, cv**2, (arms, MINUTES)) if cv else np.ones((arms, MINUTES))
    return rng.poisson(mean * noise).astype(float)


@pytest.mark.parametrize("replicas", [1, 4, 9])
def test_ranks_keep_the_level_under_bursts_where_independent_requests_do_not(replicas: int) -> None:
    rng = np.random.default_rng(replicas)
    runs = 150
    robust = naive = 0
    for _ in range(runs):
        arms = _bursty(rng, 8.0, 1.0, replicas + 1)
        rank = ranks(arms[0], arms[1:], rng.random(MINUTES))
        robust += log_e_ranks(rank, replicas).max() >= log(20)
        n, m = np.full(MINUTES, 1000.0), np.full(MINUTES, 1000.0 * replicas)
        naive += log_e_rate_ratio(arms[0], arms[1:].sum(axis=0), n, m).max() >= log(20)
    assert robust / runs <= 0.06
    assert naive / runs > 0.2


def test_ranks_find_a_doubled_rate_under_bursts() -> None:
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(50):
        arms = _bursty(rng, 8.0, 0.5, 5)
        arms[0] = rng.poisson(2.0 * 8.0 * rng.gamma(4.0, 0.25, MINUTES))
        found += log_e_ranks(ranks(arms[0], arms[1:], rng.random(MINUTES)), 4).max() >= log(20)
    assert found >= 45


def test_ties_are_broken_by_chance_only() -> None:
    same = np.zeros(4)
    assert ranks(same, np.zeros((3, 4)), np.array([0.0, 0.3, 0.6, 0.999])).tolist() == [0, 1, 2, 3]


def test_memory_of_the_noise_in_buckets() -> None:
    rng = np.random.default_rng(1)
    white = rng.normal(size=(4, 400))
    slow = np.zeros((4, 400))
    for i in range(1, 400):
        slow[:, i] = 0.9 * slow[:, i - 1] + rng.normal(size=4)
    assert memory_buckets(white) == pytest.approx(0.5, abs=0.15)
    assert (memory_buckets(slow) or 0) > 4
    assert memory_buckets(white[:, :5]) is None


def _two_arms(rng: np.random.Generator, cv: float) -> tuple[np.ndarray, ...]:
    n, m = np.full(60, 1000.0), np.full(60, 9000.0)
    own = rng.gamma(1 / cv**2, cv**2, (2, 60)) if cv else np.ones((2, 60))
    return rng.poisson(n * 0.01 * own[0]).astype(float), rng.poisson(m * 0.01 * own[1]).astype(float), n, m


def test_scatter_of_independent_requests_is_about_one_and_bursts_are_noticed() -> None:
    rng = np.random.default_rng(4)
    calm = [dispersion(*_two_arms(rng, 0.0)) for _ in range(200)]
    wild = [dispersion(*_two_arms(rng, 0.7)) for _ in range(50)]
    assert np.mean([d.phi for d in calm]) == pytest.approx(1.0, abs=0.15)
    assert np.mean([d.excessive for d in calm]) <= 0.2
    assert np.mean([d.excessive for d in wild]) >= 0.9


def test_one_lasting_change_of_the_rate_is_no_scatter() -> None:
    rng = np.random.default_rng(4)
    noticed = 0
    for _ in range(100):
        a, b, n, m = _two_arms(rng, 0.0)
        a[30:] = rng.poisson(n[30:] * 0.05)
        noticed += dispersion(a, b, n, m).excessive
    assert noticed <= 35


def test_too_little_is_unknown_not_one() -> None:
    assert dispersion(np.ones(3), np.ones(3), np.full(3, 10.0), np.full(3, 10.0)).phi is None


@pytest.mark.parametrize("cv", [0.0, 0.5, 1.0])
def test_the_noise_of_a_rate_is_measured_and_a_drift_is_no_noise(cv: float) -> None:
    rng = np.random.default_rng(6)
    exposure = np.full(4000, 900.0)
    drift = 0.01 * 2.0 ** np.sin(np.arange(4000) / 400)
    own = rng.gamma(1 / cv**2, cv**2, 4000) if cv else np.ones(4000)
    assert rate_noise(rng.poisson(exposure * drift * own).astype(float), exposure) == pytest.approx(cv**2, abs=0.12)


def test_noise_that_was_not_looked_for_yet_is_assumed() -> None:
    unknown = NOISES.mean()
    assert rate_noise(np.array([1.0]), np.full(1, 100.0)) == pytest.approx(unknown)
    assert rate_noise(np.zeros(50), np.full(50, 500.0)) == pytest.approx(unknown), "no event, nothing known of the rate"
    few = rate_noise(np.array([4.0, 6.0, 5.0]), np.full(3, 500.0))
    calm = rate_noise(np.full(10, 5.0), np.full(10, 500.0))
    assert unknown > few > 2 * calm > 0.02, "a little is still assumed"


def test_what_is_typically_said_of_an_arm_without_noise() -> None:
    rng = np.random.default_rng(8)
    for buckets, events in ((6, 4.5), (12, 4.5), (60, 0.5), (120, 40.0)):
        said = [rate_noise(rng.poisson(events, buckets).astype(float), np.full(buckets, 500.0)) for _ in range(200)]
        assert calm_noise(buckets, events) == pytest.approx(float(np.median(said)), rel=0.5, abs=0.02)
    assert calm_noise(5, 0.0) == pytest.approx(NOISES.mean())


def test_the_likelihood_of_a_noisy_count_is_the_negative_binomials() -> None:
    """Against scipy, up to what does not depend on the noise."""
    from scipy.stats import nbinom, poisson

    y, mean = np.array([0.0, 3.0, 11.0]), np.array([2.0, 2.5, 4.0])
    for noise in NOISES[1:]:
        whole = nbinom.logpmf(y, 1 / noise, 1 / (1 + noise * mean)) - poisson.logpmf(y, mean)
        assert _of_each(y, mean, float(noise)) - _of_each(y, mean, 0.0) == pytest.approx(whole, abs=1e-9)


def test_the_split_of_noisy_arms_scatters_as_their_own_noise_lets_expect() -> None:
    rng = np.random.default_rng(7)
    n, m = np.full(3000, 125.0), np.full(3000, 375.0)
    own = rng.gamma(1.0, 1.0, (2, 3000))
    arms = rng.poisson(n * 0.01 * own[0]).astype(float), rng.poisson(m * 0.01 * own[1]).astype(float), n, m
    assert split_dispersion(*arms) == pytest.approx(1.0 + 2.0 * 1.25 * 0.75, rel=0.15)


def test_one_burst_counts_no_more_than_an_ordinary_bucket_could_hold() -> None:
    new, old = np.array([0.0, 1.0, 3.0, 40.0, 1.0]), np.full(5, 5.0)
    exposure = np.full(5, 50.0), np.full(5, 450.0)
    limited = winsorized(new, old, *exposure, 1.0)
    assert limited[[0, 1, 2, 4]].tolist() == [0.0, 1.0, 3.0, 1.0]
    assert 3.0 <= limited[3] < 15.0
    assert (log_e_rate_ratio(limited, old, *exposure) <= log_e_rate_ratio(new, old, *exposure) + 1e-9).all()
