"""What broke a moment ago is seen before there are readings enough for a segment."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mlcontrol.core.signals.sudden import sudden_change

AT_S = 1_000.0 + 5.0 * np.arange(41)


@pytest.mark.parametrize("bad", [1, 2, 3, 4])
def test_it_lies_between_the_last_reading_as_before_and_the_first_that_is_worse(bad: int) -> None:
    values = np.r_[np.zeros(41 - bad), np.full(bad, 1.0)]
    found = sudden_change(AT_S, values, 1)
    assert found is not None
    assert (found.low_s, found.at_s, found.high_s) == (AT_S[-bad - 1], AT_S[-bad], AT_S[-bad])
    assert (found.before, found.after, found.index) == (0.0, 1.0, 41 - bad)


def test_a_time_without_readings_is_part_of_when_it_may_have_begun() -> None:
    at_s = AT_S.copy()
    at_s[-1] += 600.0
    found = sudden_change(at_s, np.r_[np.zeros(40), 1.0], 1)
    assert found is not None
    assert found.high_s - found.low_s == 605.0


def test_less_can_be_worse() -> None:
    values = np.r_[np.full(40, 8.0), 0.5]
    found = sudden_change(AT_S, values, -1)
    assert found is not None
    assert (found.before, found.after) == (8.0, 0.5)
    assert sudden_change(AT_S, values, 1) is None


def test_what_was_as_bad_before_is_not_sudden() -> None:
    assert sudden_change(AT_S, np.r_[np.zeros(20), 1.0, np.zeros(19), 1.0], 1) is None


def test_few_readings_say_nothing() -> None:
    assert sudden_change(AT_S[:10], np.r_[np.zeros(9), 1.0], 1) is None
    assert sudden_change(AT_S[:0], np.zeros(0), 1) is None
    assert sudden_change(AT_S, np.full(41, np.nan), 1) is None


def test_noise_alone_is_as_often_sudden_as_its_confidence_allows() -> None:
    rng = np.random.default_rng(7)
    runs = 2_000
    found = sum(sudden_change(AT_S, rng.normal(size=41), 1) is not None for _ in range(runs))
    # One reading of forty-one, and the rarer runs of two to four.
    assert stats.binomtest(found, runs, 1 / 41).pvalue > 0.001
