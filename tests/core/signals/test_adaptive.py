"""The detector without settings: seldom wrong where nothing happens, quick where something does, blind to the future."""

from __future__ import annotations

import numpy as np
import pytest

from mlcontrol.core.alerts.evaluate import History, evaluate
from mlcontrol.core.alerts.rule import Rule, RuleKind
from mlcontrol.core.signals.adaptive import judge, past_median
from mlcontrol.core.signals.tail import limit_for, normal_limit, pareto_fit
from tests.core.signals.scenarios import ar, daily, times

RULE = Rule("adaptive", RuleKind.SPC)


def alerts_of(values: np.ndarray, step_s: float = 300.0) -> list[int]:
    at_s = times(values.size, step_s)
    return [int(np.searchsorted(at_s, a.at_s)) for a in evaluate(RULE, History("x", at_s, values), {})]


def test_it_never_looks_ahead() -> None:
    """The verdict on the first readings is the same whatever comes after: season, limits and levels are of the past."""
    rng = np.random.default_rng(1)
    at_s = times(2016, 300.0)
    values = ar(rng, 2016, 0.5) + daily(at_s, 4)
    other = values.copy()
    other[1500:] = 1e3
    one, two = judge(at_s, values), judge(at_s, other)
    np.testing.assert_allclose(one.excess[:1500], two.excess[:1500])
    assert two.excess[1500] > 1


def test_a_jump_is_seen_within_minutes_and_only_there() -> None:
    values = ar(np.random.default_rng(2), 2000, 0.5)
    values[1500:] += 5
    (first, *rest) = alerts_of(values)
    assert 1500 <= first <= 1504
    assert not rest


def test_a_level_that_lasts_becomes_the_level() -> None:
    values = ar(np.random.default_rng(3), 4032, 0.3)
    values[1000:] += 6
    (alert,) = evaluate(RULE, History("x", times(4032, 300.0), values), {})
    assert alert.until_s is not None
    assert alert.until_s - alert.at_s < 3 * 86_400


@pytest.mark.parametrize("spike", [8.0, -8.0])
def test_a_single_spike_is_one_alert(spike: float) -> None:
    values = ar(np.random.default_rng(4), 2000, 0.4)
    values[1200] += spike
    assert alerts_of(values) == [1200]


def test_a_day_that_does_not_come_is_seen() -> None:
    rng, at_s = np.random.default_rng(5), times(4032, 300.0)
    values = 0.5 * ar(rng, 4032, 0.5) + daily(at_s, 3)
    lost = values.copy()
    lost[3168:3456] -= daily(at_s, 3)[3168:3456]
    assert [i for i in alerts_of(lost) if 3168 <= i < 3456]
    assert not [i for i in alerts_of(values) if 3168 <= i < 3456]


def test_a_stuck_sensor_is_seen() -> None:
    values = ar(np.random.default_rng(6), 3000, 0.4)
    values[2000:2100] = values[1999]
    (first, *_) = alerts_of(values)
    assert 2000 < first < 2040


@pytest.mark.parametrize("values", [np.zeros(500), np.full(500, 7.5), np.arange(10.0), np.array([]), np.array([1.0])])
def test_what_never_moves_or_hardly_is_never_alerts(values: np.ndarray) -> None:
    assert alerts_of(values) == []


def test_a_past_median_is_of_the_past() -> None:
    values = np.arange(100.0)
    medians = past_median(values, 1, 10)
    assert np.all(medians[1:] < values[1:])
    assert medians[50] == np.median(values[40:50])


def test_the_pareto_fit_gives_its_law_back() -> None:
    """Against scipy's own draws of the law; exponential and heavy."""
    from scipy.stats import genpareto

    for shape in (0.0, 0.25):
        drawn = genpareto.rvs(shape, scale=2.0, size=40_000, random_state=9)
        fitted, scale = pareto_fit(drawn)
        assert fitted == pytest.approx(shape, abs=0.02)
        assert scale == pytest.approx(2.0, rel=0.05)


def test_limits_come_from_the_tail() -> None:
    assert normal_limit(0.0027) == pytest.approx(3.0, abs=1e-2)
    rng = np.random.default_rng(10)
    normal, heavy = (
        np.abs(x).reshape(-1, 12).max(axis=1) for x in (rng.normal(size=24_000), rng.standard_t(3, size=24_000))
    )
    assert limit_for(normal, 24_000, 1e-4) == pytest.approx(3.89, abs=0.5)
    assert 12 < limit_for(heavy, 24_000, 1e-4) < 50  # the true quantile is 22.2


@pytest.mark.parametrize("level", [5.0, 0.1, 1e6 / 3])
def test_a_series_that_never_moved_alerts_once_when_it_does_and_says_where_it_went(level: float) -> None:
    """Running sums round: on a flat series that must not look like a departure, however small its scatter is."""
    values = np.full(4000, level)
    values[2000:] *= 1.2
    at_s = times(values.size, 300.0)
    (alert,) = evaluate(RULE, History("x", at_s, values), {})
    assert alert.at_s == at_s[2000]
    assert "reading" in alert.why
    assert "above" in alert.why


@pytest.mark.parametrize("seed", range(3))
def test_a_job_that_comes_every_hour_is_a_habit_from_the_first_morning_on(seed: int) -> None:
    """It had come five times before the first verdict; that it comes again is no news, and twice as much of it is."""
    values = np.where(np.arange(140) % 12 == 0, 100.0, 10.0) + np.random.default_rng(seed).normal(size=140)
    assert alerts_of(values) == []
    values[132] = 250
    assert alerts_of(values) == [132]


@pytest.mark.parametrize("season", [0.0, 4.0])
def test_a_few_incidents_do_not_hide_the_next(season: float) -> None:
    """Four spikes of ten sigma in two weeks: the fourth is as much an alert as the first."""
    for seed in range(3):
        at_s = times(4032, 300.0)
        values = ar(np.random.default_rng(seed), 4032, 0.4) + daily(at_s, season)
        spikes = [1700, 2300, 2900, 3500]
        values[spikes] += 10
        assert set(spikes) <= set(alerts_of(values))


def test_readings_on_a_grid_that_rest_for_a_while_are_no_incident() -> None:
    """Whole numbers around 50 that often repeat: sixteen alike in a row are rare and mean nothing."""
    count = 0
    for seed in range(6):
        values = np.round(0.6 * ar(np.random.default_rng(seed), 4032, 0.7)) + 50
        spans = evaluate(RULE, History("x", times(4032, 300.0), values), {})
        count += sum("scatter" in span.why and "below" in span.why for span in spans)
    assert count <= 1
