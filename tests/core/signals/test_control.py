"""Limits from a budget: as many false alarms as were promised, and a real shift is seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter

from mlcontrol.core.signals.control import bucketed, control_chart

WEEK_MIN = 7 * 1440
AT = 60.0 * np.arange(4000.0)


@pytest.mark.parametrize(("kind", "loose"), [("ewma", 1.25), ("shewhart", 1.25), ("cusum", 1.25), ("nelson", 1.25)])
def test_false_alarms_come_as_often_as_the_budget_says(kind: str, loose: float) -> None:
    """One chart, a budget of 20 a week: a run length of 504 minutes. Counted over 12 weeks of white noise."""
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(12):
        chart = control_chart("x", 60.0 * np.arange(WEEK_MIN), rng.normal(5, 2, WEEK_MIN), kind, 20.0, 1)
        assert chart.arl0 == pytest.approx(504)
        assert chart.false_per_week == pytest.approx(20)
        alarms += chart.signals
    # Staying out counts once and charts with a memory stay out a while: there are at most as many as promised, and not far fewer.
    assert 20 * 12 / 2.5 < alarms < 20 * 12 * loose


def test_a_budget_shared_by_many_widens_the_limits() -> None:
    values = np.random.default_rng(1).normal(0, 1, AT.size)
    alone, fleet = (control_chart("x", AT, values, "ewma", 2.0, n) for n in (1, 100))
    assert fleet.limit > alone.limit
    assert fleet.false_per_week == pytest.approx(alone.false_per_week / 100)


@pytest.mark.parametrize("kind", ["shewhart", "nelson"])
def test_noise_that_hangs_together_does_not_break_the_promise(kind: str) -> None:
    rng = np.random.default_rng(2)
    signals = 0
    for _ in range(10):
        noise = np.zeros(AT.size)
        for i in range(1, AT.size):
            noise[i] = 0.6 * noise[i - 1] + rng.normal()
        signals += control_chart("x", AT, noise, kind, 2.0, 1).signals
    assert signals <= 10 * AT.size / WEEK_MIN * 2 * 1.5  # without the long run's variance it is many times that


def test_a_shift_is_seen_and_gaps_and_too_little_are_not_invented() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(10, 1, 400)
    values[300:] += 2.5
    at = 60.0 * np.arange(400.0)
    chart = control_chart("x", at, values, "ewma", 2.0, 12)
    seen = [i for i, out in enumerate(chart.out) if out]
    assert seen
    assert 300 <= seen[0] <= 320
    values[100:150] = np.nan
    assert len(control_chart("x", at, values, "ewma", 2.0, 12).at_s) == 350
    few = control_chart("x", at[:20], values[:20], "ewma", 2.0, 12)
    assert (few.low, few.out, few.note) == ((), (), "20 of 30 min for limits")
    assert control_chart("x", at, np.full(400, 3.0), "ewma", 2.0, 1).note == "it never changes"


def test_buckets_are_means_at_their_middle() -> None:
    at, means = bucketed(np.array([0.0, 30.0, 60.0, 200.0]), np.array([1.0, 3.0, np.nan, 5.0]), 60.0)
    assert at.tolist() == [30.0, 210.0]
    assert means.tolist() == [2.0, 5.0]


SKEWED: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "counts of what is rare": lambda rng: rng.poisson(0.05, WEEK_MIN).astype(float),
    "small counts": lambda rng: rng.poisson(0.5, WEEK_MIN).astype(float),
    "shares of forty": lambda rng: rng.binomial(40, 0.95, WEEK_MIN) / 40,
    "waits": lambda rng: rng.lognormal(0, 0.8, WEEK_MIN),
    "heavy tails": lambda rng: rng.standard_t(3, WEEK_MIN),
    "waits that hang together": lambda rng: np.exp(0.5 * lfilter([1.0], [1.0, -0.5], rng.normal(size=WEEK_MIN))),
}


@pytest.mark.parametrize("kind", ["ewma", "shewhart", "cusum", "nelson"])
@pytest.mark.parametrize("law", SKEWED)
def test_the_promise_holds_for_what_is_not_normal(law: str, kind: str) -> None:
    """Twenty a week promised, four weeks counted. With the textbook's limits it was 2 to 40 times as many."""
    rng, alarms = np.random.default_rng(11), 0
    for _ in range(4):
        chart = control_chart("x", 60.0 * np.arange(WEEK_MIN), SKEWED[law](rng), kind, 20.0, 1)
        assert (chart.own_noise, chart.note) == (True, "")
        alarms += chart.signals
    assert alarms <= 80 * 1.5
    assert (
        alarms >= 3 or kind == "shewhart"
    )  # a single count more may be fifty times as rare: no limit spends the budget


@pytest.mark.parametrize("law", ["waits", "small counts", "shares of forty"])
def test_a_few_hours_promise_no_more_than_they_can(law: str) -> None:
    """Limits for one false alarm in six weeks, from six hours: forty looks at quiet hours, 0.24 expected.
    How far tails of infinite variance reach, no six hours tell."""
    rng, alarms = np.random.default_rng(6), 0
    for _ in range(40):
        values = SKEWED[law](rng)[:360]
        alarms += control_chart("x", 60.0 * np.arange(360.0), values, "ewma", 2.0, 12).signals
    assert alarms <= 3


def test_an_incident_of_minutes_does_not_make_its_own_limits() -> None:
    """Twenty minutes of tenfold errors among six hours of rare ones, and a shift of waits: both are seen."""
    rng = np.random.default_rng(9)
    at = 60.0 * np.arange(360.0)
    errors = rng.poisson(0.5, 360) / 100.0
    errors[200:220] += 0.05
    for kind in ("ewma", "cusum"):
        out = np.flatnonzero(control_chart("errors", at, errors, kind, 2.0, 12).out)
        assert out.size
        assert 200 <= out[0] < 212
    waits = rng.lognormal(0, 0.4, 360)
    waits[300:] *= 2.0
    assert control_chart("waits", at, waits, "ewma", 2.0, 12).signals


@pytest.mark.parametrize("kind", ["ewma", "shewhart", "cusum", "nelson"])
@pytest.mark.parametrize(
    "values",
    [
        np.r_[np.zeros(399), 1.0],
        np.r_[np.zeros(200), np.ones(200)],
        np.arange(400.0),
        np.arange(400) % 2 * 1.0,
        (np.arange(400) % 97 == 0) * 1.0,
        1e300 * np.random.default_rng(0).lognormal(0, 1, 400),
        1e-300 * np.random.default_rng(0).lognormal(0, 1, 400),
        np.random.default_rng(0).lognormal(0, 1, 30),
    ],
    ids=["one spike", "a step", "a slope", "to and fro", "seldom", "huge", "tiny", "few"],
)
def test_whatever_a_series_looks_like_its_limits_are_numbers(values: np.ndarray, kind: str) -> None:
    with np.errstate(all="raise", under="ignore"):
        chart = control_chart("x", 60.0 * np.arange(float(values.size)), values, kind, 2.0, 12)
    assert len(chart.low) == values.size
    assert np.isfinite([*chart.low, *chart.high, chart.centre, chart.sigma, chart.limit]).all()


def test_the_first_error_ever_is_out_of_the_limits() -> None:
    chart = control_chart("errors", 60.0 * np.arange(400.0), np.r_[np.zeros(399), 1.0], "shewhart", 2.0, 12)
    assert [i for i, out in enumerate(chart.out) if out] == [399]


def test_a_small_shift_is_a_run_on_one_side_before_it_is_beyond_the_limits() -> None:
    first, within = [], 0
    for seed in range(9):
        values = np.random.default_rng(seed).normal(10, 1, 400)
        values[300:] += 1.8
        chart = control_chart("x", 60.0 * np.arange(400.0), values, "nelson", 2.0, 1)
        # Half of the false alarms of 5,040 readings are for runs, and 2^14 - 1 is the first that is above 10,080.
        assert (chart.run, chart.arl0) == (14, 5040) or chart.own_noise
        at = chart.out.index(True)
        first.append(at)
        within += chart.low[at] < chart.value[at] < chart.high[at]
    assert 313 <= float(np.median(first)) < 340
    assert within > 4
