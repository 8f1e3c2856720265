"""Limits from a budget: as many false alarms as were promised, and a real shift is seen."""

from __future__ import annotations

import numpy as np
import pytest

from mlcontrol.core.signals.control import bucketed, control_chart

WEEK_MIN = 7 * 1440
AT = 60.0 * np.arange(4000.0)


@pytest.mark.parametrize(("kind", "loose"), [("ewma", 1.25), ("shewhart", 1.25), ("cusum", 1.25)])
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


def test_noise_that_hangs_together_does_not_break_the_promise() -> None:
    rng = np.random.default_rng(2)
    signals = 0
    for _ in range(10):
        noise = np.zeros(AT.size)
        for i in range(1, AT.size):
            noise[i] = 0.6 * noise[i - 1] + rng.normal()
        signals += control_chart("x", AT, noise, "shewhart", 2.0, 1).signals
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
    assert (few.low, few.out, few.note) == ((), (), "20 of 30 minutes that limits need")
    assert control_chart("x", at, np.full(400, 3.0), "ewma", 2.0, 1).note == "it never changes"


def test_buckets_are_means_at_their_middle() -> None:
    at, means = bucketed(np.array([0.0, 30.0, 60.0, 200.0]), np.array([1.0, 3.0, np.nan, 5.0]), 60.0)
    assert at.tolist() == [30.0, 210.0]
    assert means.tolist() == [2.0, 5.0]
