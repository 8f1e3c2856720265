"""Change points: found where they are, seldom where they are not, over kinds of series that nobody tuned for one by one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mlcontrol.core.signals import changepoint
from mlcontrol.core.signals.change import Shape
from mlcontrol.core.signals.changepoint import Noise, change_points, confidence_of, noise_of
from mlcontrol.core.signals.noise import long_run_variance, noise_sigma
from mlcontrol.core.signals.season import find_season
from tests.core.signals.scenarios import CALM, CHANGED, Scenario, ar, daily, times

RUNS = 4


@pytest.mark.parametrize("scenario", CALM, ids=lambda s: s.name)
def test_what_does_not_change_has_hardly_a_change_point(scenario: Scenario) -> None:
    found = [change_points(*scenario.make(np.random.default_rng(seed))) for seed in range(RUNS)]
    assert sum(map(len, found)) <= 1, found


@pytest.mark.parametrize("scenario", CHANGED, ids=lambda s: s.name)
def test_changes_are_found_near_their_place(scenario: Scenario) -> None:
    hits, covered, spurious = 0, 0, 0
    for seed in range(RUNS):
        at_s, values = scenario.make(np.random.default_rng(seed))
        found = change_points(at_s, values)
        near = [min(found, key=lambda c, k=true: abs(c.index - k), default=None) for true in scenario.truth]
        right = [
            (c, true)
            for c, true in zip(near, scenario.truth, strict=True)
            if c is not None and abs(c.index - true) <= max(12, 0.03 * values.size)
        ]
        hits += len(right)
        covered += sum(c.low_s <= at_s[true] <= c.high_s for c, true in right)
        spurious += len(found) - len(right)
    wanted = RUNS * len(scenario.truth)
    assert hits >= wanted - 1
    assert covered >= 0.8 * wanted
    assert spurious <= 3


def test_levels_and_confidence_are_those_of_the_data() -> None:
    at_s, rng = times(1000), np.random.default_rng(3)
    values = 0.98 + 0.05 * rng.normal(size=1000)
    values[600:] += 0.93
    (found,) = change_points(at_s, values)
    assert found.index == 600
    assert found.at_s == at_s[600]
    assert found.before == pytest.approx(0.98, abs=0.01)
    assert found.after == pytest.approx(1.91, abs=0.01)
    assert found.confidence > 0.99
    assert found.shape is Shape.STEP


def test_gaps_are_left_out_and_the_index_is_that_of_the_given_series() -> None:
    at_s, rng = times(600), np.random.default_rng(4)
    values = rng.normal(size=600) + 4 * (np.arange(600) >= 400)
    values[100:150] = np.nan
    values[::7] = np.inf
    (found,) = change_points(at_s, values)
    assert abs(found.index - 400) <= 2


def test_the_long_run_variance_is_that_of_the_noise_and_not_of_the_step() -> None:
    """AR(1): sigma² (1+rho)/(1-rho), the published penalty factor. Its twin, the plain variance, takes the step for noise."""
    values = ar(np.random.default_rng(5), 20_000, 0.4)
    truth = 1.4 / 0.6
    assert long_run_variance(values) == pytest.approx(truth, rel=0.6)
    stepped = values + 10 * (np.arange(20_000) > 12_345)
    assert long_run_variance(stepped) == pytest.approx(truth, rel=0.6)
    assert np.var(stepped) > 5 * truth
    assert noise_sigma(stepped) == pytest.approx(np.sqrt(1 - 0.4), rel=0.05)


def test_without_the_long_run_variance_memory_is_taken_for_change() -> None:
    """The broken twin: the same segmentation with the variance of single readings finds changes that are none."""
    from ruptures import KernelCPD

    false = 0
    for seed in range(5):
        values = ar(np.random.default_rng(seed), 1440, 0.8)
        naive = KernelCPD(kernel="linear", min_size=5).fit(values.reshape(-1, 1))
        false += len(naive.predict(pen=3 * np.log(1440) * np.var(values))) - 1
        assert change_points(times(1440), values) == ()
    assert false >= 5


def test_confidence_is_one_minus_the_chance_of_the_jump() -> None:
    """z = 1.96 in one place: 95 %."""
    left, right = np.array([-1.0, 1.0] * 200), np.array([-1.0, 1.0] * 200) + 1.959963984540054 * np.sqrt(2 / 400)
    assert confidence_of(left, right, Noise(1.0, 1.0, 1.0), 1.0) == pytest.approx(0.95, abs=1e-9)
    assert confidence_of(left, right, Noise(1.0, 1.0, 1.0), 10.0) == pytest.approx(0.5, abs=1e-9)


def test_a_season_is_found_where_there_is_one_only() -> None:
    at_s, rng = times(2016, 300.0), np.random.default_rng(6)
    noise = ar(rng, 2016, 0.4)
    season = find_season(at_s, noise + daily(at_s, 3))
    assert season is not None
    assert season.period_s == 86_400
    assert np.abs(season.at(at_s) - daily(at_s, 3)).mean() < 0.5
    assert find_season(at_s, noise) is None
    assert find_season(at_s[:500], daily(at_s[:500], 3)) is None


@pytest.mark.parametrize("calm", [60, 200, 400])
@pytest.mark.parametrize("burst", [6, 10, 24, 60])
@pytest.mark.parametrize("after", range(10))
def test_the_first_good_readings_after_a_burst_do_not_hide_it(calm: int, burst: int, after: int) -> None:
    """No errors, then a fifth of the answers, then none: whenever one looks, it is there, and began where it began."""
    values = np.repeat([0.0, 0.2, 0.0], [calm, burst, after])
    found = [c for c in change_points(times(values.size), values) if c.after > c.before]
    assert [c.index for c in found] == [calm]


def test_twin_where_steps_pass_for_memory_it_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changepoint, "noise_of", lambda sigma, long_run, _: noise_of(sigma, long_run, long_run))
    monkeypatch.setattr(changepoint, "FEW_AT_AN_END", 0)
    values = np.repeat([0.0, 0.2, 0.0], [200, 24, 4])
    assert change_points(times(values.size), values) == ()


def test_noise_too_small_to_be_squared_has_no_memory() -> None:
    assert noise_of(1e-170, 1e-24, 1e-24).memory == 1.0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64) | st.sampled_from([0.0, 1.0]), max_size=120),
)
def test_any_numbers_are_borne(raw: list[float]) -> None:
    values = np.array(raw, dtype=np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = change_points(times(values.size), values)
    assert all(0 <= c.index < values.size and c.low_s <= c.at_s <= c.high_s for c in found)


@pytest.mark.parametrize("seed", range(12))
def test_a_slope_that_begins_where_a_step_is_leaves_no_empty_stretch(seed: int) -> None:
    """A share of answers over a window jumps, then slopes: two changes at one place made a mean of nothing, and a level of NaN."""
    rng = np.random.default_rng(seed)
    for _ in range(25):
        n = int(rng.integers(40, 400))
        first, last = sorted(rng.integers(5, n - 2, 2))
        values = np.zeros(n)
        values[first:] += rng.normal() * rng.choice([0.0, 1.0, 5.0])
        values[first : last + 1] += np.linspace(0.0, 3.0 * rng.normal(), last + 1 - first)
        values[last + 1 :] += values[last] - values[last + 1]
        values = np.round(values + rng.normal(0.0, rng.choice([0.0, 1e-6, 0.01, 0.1]), n), 2)
        assert all(np.isfinite((c.before, c.after)).all() for c in change_points(np.arange(n) * 5.0, values))


@pytest.mark.parametrize("seed", range(4))
def test_another_unit_is_one_change_and_its_greater_noise_is_none(seed: int) -> None:
    """Seconds that become milliseconds: a thousand times the level and a thousand times the scatter."""
    values = np.exp(np.random.default_rng(seed).normal(size=2000) * 0.3 - 3)
    values[1200:] *= 1000
    found = change_points(times(2000), values)
    assert found[0].index == 1200
    assert len(found) == 1
