"""Accuracy from late labels."""

from __future__ import annotations

import pytest
from scipy import stats

from mlcontrol.core.facts import Known, Quality
from mlcontrol.core.signals.accuracy import accuracy_signal, rmse_interval
from mlcontrol.core.types import Health, Signal, Stamp


def judge(*quality: Quality, version: str | None = "2", regression: bool = False, age_s: float = 1.0) -> Signal:
    known = Known(quality, Stamp(0, 100 - age_s, 1))
    return accuracy_signal(known, version, regression, {"accuracy": 0.9, "rmse": 60.0}, 100.0, 15.0)


@pytest.mark.parametrize(
    ("correct", "n", "health"),
    [(960, 1000, Health.OK), (88, 100, Health.WARNING), (700, 1000, Health.CRITICAL), (10, 10, Health.UNKNOWN)],
)
def test_share_against_its_objective(correct: int, n: int, health: Health) -> None:
    assert judge(Quality("2", n, n, correct)).health is health


def test_only_the_version_that_answers_counts() -> None:
    found = judge(Quality("1", 1000, 1000, 0), Quality("2", 1000, 1000, 960))
    assert found.value == 0.96


def test_labels_that_have_not_come_are_no_zero() -> None:
    found = judge(Quality("2", 0, 500))
    assert (found.health, found.value, found.text) == (Health.UNKNOWN, None, "labels are late")


def test_old_data_is_unknown() -> None:
    assert judge(Quality("2", 1000, 1000, 960), age_s=31.0).health is Health.UNKNOWN
    assert judge(Quality("2", 1000, 1000, 960), age_s=60.0).value is None


def test_never_read_is_unknown() -> None:
    assert accuracy_signal(Known(), "2", False, {"accuracy": 0.9}, 100.0, 15.0).health is Health.UNKNOWN


def test_without_an_objective_it_is_not_judged() -> None:
    known = Known((Quality("2", 1000, 1000, 960),), Stamp(0, 99, 1))
    assert accuracy_signal(known, "2", False, {}, 100.0, 15.0).health is Health.UNKNOWN


def test_rmse_above_its_objective() -> None:
    assert judge(Quality("2", 400, 400, squared_error=400 * 80.0**2), regression=True).health is Health.CRITICAL
    assert judge(Quality("2", 400, 400, squared_error=400 * 50.0**2), regression=True).health is Health.OK


@pytest.mark.parametrize("n", [10, 30, 400])
def test_rmse_interval_is_the_chi_square_one(n: int) -> None:
    value, low, high = rmse_interval(n * 25.0, n)
    assert value == 5.0
    assert low == pytest.approx(5 * (n / stats.chi2.ppf(0.975, n)) ** 0.5, rel=0.01)
    assert high == pytest.approx(5 * (n / stats.chi2.ppf(0.025, n)) ** 0.5, rel=0.01)
