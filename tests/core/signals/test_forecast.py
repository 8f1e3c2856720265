"""The capacity forecast against certified values, two independent implementations, and series whose future is known."""

from __future__ import annotations

import numpy as np
import pytest

from mlcontrol.core.capacity import Capacity
from mlcontrol.core.signals.forecast import forecast
from mlcontrol.core.signals.saturation import saturation
from mlcontrol.core.signals.trend import DAY_S, WEEK_S, Fit, _design, _fit, fit, predict, trend_interval

HOUR_S = 3600.0
NORRIS_X = """0.2 337.4 118.2 884.6 10.1 226.5 666.3 996.3 448.6 777.0 558.2 0.4 0.6 775.5 666.9 338.0 447.5 11.6 556.0 228.1 995.8
887.6 120.2 0.3 0.3 556.8 339.1 887.2 999.0 779.0 11.1 118.3 229.2 669.1 448.9 0.5"""
NORRIS_Y = """0.1 338.8 118.1 888.0 9.2 228.1 668.5 998.5 449.1 778.9 559.2 0.3 0.1 778.1 668.8 339.3 448.9 10.8 557.7 228.3 998.0
888.8 119.6 0.3 0.6 557.6 339.3 888.0 998.5 778.9 10.2 117.6 228.9 668.4 449.2 0.2"""


def traffic(
    days: float, seed: int = 0, per_day: float = 0.5, rho: float = 0.6, week: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Hourly: a level, a trend, a day's wave, and noise that hangs together."""
    rng = np.random.default_rng(seed)
    n = round(24 * days)
    at_s = HOUR_S * np.arange(n) + HOUR_S / 2
    noise = np.empty(n)
    noise[0] = rng.normal()
    for i in range(1, n):
        noise[i] = rho * noise[i - 1] + np.sqrt(1 - rho**2) * rng.normal()
    waves = 10 * np.sin(2 * np.pi * at_s / DAY_S) + week * np.sin(2 * np.pi * at_s / WEEK_S)
    return at_s, 50 + per_day * at_s / DAY_S + waves + noise


def white(at_s: np.ndarray, values: np.ndarray) -> Fit:
    return _fit(at_s, values, 1.0, (), 0.0)


def test_the_certified_values_of_norris() -> None:
    """NIST Statistical Reference Datasets, linear regression, Norris: certified to 15 digits."""
    x, y = (np.array(text.split(), dtype=float) for text in (NORRIS_X, NORRIS_Y))
    found = white(x, y)
    assert found.beta[1] == pytest.approx(1.00211681802045, rel=1e-12)
    assert found.beta[0] - found.beta[1] * found.origin_s == pytest.approx(-0.262323073774029, rel=1e-10)
    assert found.covariance[1, 1] ** 0.5 == pytest.approx(0.429796848199937e-03, rel=1e-11)
    assert found.sigma == pytest.approx(0.884796396144373, rel=1e-11)


def test_without_correlation_the_limits_are_those_of_least_squares_in_statsmodels() -> None:
    import statsmodels.api as sm

    at_s, values = traffic(6)
    ahead = at_s[-1] + HOUR_S * np.arange(1, 49)
    found = _fit(at_s, values, HOUR_S, (DAY_S,), 0.0)
    expected, low, high = predict(found, ahead)
    unit = np.array([1.0, 1 / DAY_S] + [1.0] * 8)
    theirs = sm.OLS(values, _design(at_s, found.origin_s, (DAY_S,)) * unit).fit()
    frame = theirs.get_prediction(_design(ahead, found.origin_s, (DAY_S,)) * unit).summary_frame()
    assert expected == pytest.approx(frame["mean"].to_numpy(), rel=1e-9)
    assert low == pytest.approx(frame["obs_ci_lower"].to_numpy(), rel=1e-9)
    assert high == pytest.approx(frame["obs_ci_upper"].to_numpy(), rel=1e-9)


def test_with_correlation_it_agrees_with_glsar_of_statsmodels() -> None:
    import statsmodels.api as sm

    at_s, values = traffic(21)
    found = _fit(at_s, values, HOUR_S, (DAY_S,), None)
    unit = np.array([1.0, 1 / DAY_S] + [1.0] * 8)
    model = sm.GLSAR(values, _design(at_s, found.origin_s, (DAY_S,)) * unit, rho=1)
    theirs = model.iterative_fit(20)
    assert found.rho == pytest.approx(float(model.rho[0]), abs=0.01)  # they take nothing back of the bias
    assert found.beta[1] * DAY_S == pytest.approx(theirs.params[1], rel=0.01)
    assert found.covariance[1, 1] ** 0.5 * DAY_S == pytest.approx(theirs.bse[1], rel=0.02)


@pytest.mark.parametrize("days", [4, 14])
def test_the_limits_hold_what_they_promise(days: int) -> None:
    """Of readings the fit never saw, about 95 % lie between the limits; of true trends about 95 % in their interval."""
    inside, trends = [], []
    for seed in range(40):
        at_s, values = traffic(1.5 * days, seed)
        n = 24 * days
        found = fit(at_s[:n], values[:n], HOUR_S)
        _, low, high = predict(found, at_s[n:])
        inside.append(float(np.mean((values[n:] >= low) & (values[n:] <= high))))
        _, least, most = trend_interval(found)
        trends.append(least <= 0.5 / DAY_S <= most)
    assert 0.88 < float(np.mean(inside)) < 0.98
    assert float(np.mean(trends)) > 0.82


def test_the_week_is_taken_where_it_is_there_and_seen_three_times() -> None:
    assert fit(*traffic(28, week=8.0), HOUR_S).periods == (DAY_S, WEEK_S)
    assert fit(*traffic(14, week=8.0), HOUR_S).periods == (DAY_S,)
    none = 0
    for seed in range(10):
        at_s, values = traffic(28, seed)
        none += fit(at_s, values - 10 * np.sin(2 * np.pi * at_s / DAY_S), HOUR_S).periods == ()
    assert none >= 8  # the criterion lets chance through now and then


def test_the_day_on_which_capacity_is_reached_is_found_before_it_comes() -> None:
    at_s, values = traffic(40, seed=3)
    seen = 24 * 20
    now_s = float(at_s[seen - 1]) + HOUR_S
    limit = 74.0
    found = forecast(at_s[:seen], values[:seen], Capacity(limit, source="declared"), now_s)
    first = float(at_s[np.flatnonzero(values >= limit)[0]])
    assert found.earliest_s is not None
    assert found.reached_s is not None
    assert found.earliest_s <= first <= (found.latest_s or np.inf)
    assert abs(found.reached_s - first) < 6 * DAY_S
    assert (found.n, found.season) == (seen, "daily")
    assert found.per_day_low is not None
    assert found.per_day_high is not None
    assert found.per_day_low < 0.5 < found.per_day_high


def test_it_looks_no_further_ahead_than_it_looks_back() -> None:
    at_s, values = traffic(8)
    found = forecast(at_s, values, Capacity(1000.0, source="declared"), float(at_s[-1]) + HOUR_S)
    assert found.horizon_s == pytest.approx(8 * DAY_S)
    assert (found.reached_s, found.earliest_s) == (None, None)
    assert found.at_s[-1] <= at_s[-1] + 8 * DAY_S


def quiet_weekends(days: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """No growth at all: busy working days, weekends with half of it, begun on any day of the week."""
    at_s, values = traffic(days, seed, per_day=0.0)
    at_s = at_s + seed % 7 * DAY_S
    return at_s, np.where((at_s // DAY_S) % 7 >= 5, 0.5, 1.0) * values


@pytest.mark.parametrize("days", [3, 5, 6, 7, 10, 14])
def test_a_weekend_is_no_trend_that_fills_the_capacity(days: int) -> None:
    """Of weeks that never carry more than about 63 a second, almost none is told to reach 80 on some day, however few days of it
    were seen."""
    told = 0
    for seed in range(28):
        at_s, values = quiet_weekends(days, seed)
        found = forecast(at_s, values, Capacity(80.0, source="declared"), float(at_s[-1]) + HOUR_S)
        told += found.reached_s is not None
    assert told <= 2


@pytest.mark.parametrize("days", [7, 10, 14])
def test_the_limits_hold_through_weekends_not_seen_often_enough_to_be_a_season(days: int) -> None:
    inside = []
    for seed in range(28):
        at_s, values = quiet_weekends(2 * days, seed)
        n = 24 * days
        found = forecast(at_s[:n], values[:n], Capacity(80.0, source="declared"), float(at_s[n - 1]) + HOUR_S)
        seen = np.interp(found.at_s, at_s, values)
        inside.append(float(np.mean((seen >= np.array(found.low)) & (seen <= np.array(found.high)))))
    assert float(np.mean(inside)) > 0.85


@pytest.mark.parametrize(
    ("days", "kept", "late_s", "why"),
    [
        (1.5, 1.0, 0.0, "of the 7 days"),
        (10, 0.3, 0.0, "readings for only"),
        (10, 1.0, 2 * DAY_S, "no readings for a day"),
    ],
)
def test_too_little_to_go_by_is_unknown(days: float, kept: float, late_s: float, why: str) -> None:
    at_s, values = traffic(days)
    some = np.random.default_rng(1).random(at_s.size) < kept
    some[[0, -1]] = True
    found = forecast(at_s[some], values[some], Capacity(60.0, source="declared"), float(at_s[-1]) + HOUR_S + late_s)
    assert why in found.why
    assert (found.reached_s, found.at_s) == (None, ())


def test_twin_noise_taken_for_independent_would_promise_too_much() -> None:
    """What the correlation is for: without it the true trend would often lie outside its interval."""
    missed = 0
    for seed in range(40):
        at_s, values = traffic(14, seed, rho=0.9)
        _, least, most = trend_interval(_fit(at_s, values, HOUR_S, (DAY_S,), 0.0))
        missed += not least <= 0.5 / DAY_S <= most
    assert missed > 12


# -- capacity measured from latency


def queue(n: int, seed: int = 0, most: float = 95.0) -> tuple[np.ndarray, np.ndarray]:
    """A server of 100 a second as queueing theory has it (M/M/1): p99 = ln(100) / (mu - lambda), with measurement noise."""
    rng = np.random.default_rng(seed)
    load = rng.uniform(5.0, most, n)
    return load, 1000 * np.log(100) / (100.0 - load) * rng.lognormal(0.0, 0.15, n)


def test_the_traffic_at_which_a_queue_passes_its_objective() -> None:
    found = saturation(*queue(2000), objective_ms=200.0)
    true = 100.0 - 1000 * np.log(100) / 200.0
    assert found.source == "measured"
    assert found.low is not None
    assert found.high is not None
    assert found.per_s == pytest.approx(true, rel=0.06)
    assert found.low - 3 < true < found.high + 3
    assert found.n == 2000


def test_what_was_never_full_has_no_measured_capacity() -> None:
    assert "up to the most that was seen" in saturation(*queue(500, most=40.0), objective_ms=200.0).why
    assert "readings" in saturation(*queue(20), objective_ms=200.0).why


def test_a_slow_day_is_not_a_full_one() -> None:
    load, latency = queue(500, most=40.0)
    latency[100:200] = 900.0
    found = saturation(load, latency, 200.0)
    assert found.per_s is None
    assert "not because of the traffic" in found.why
