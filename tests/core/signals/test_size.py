"""How large a change is: intervals that hold the truth as often as they say, and no ratio where it says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from mlcontrol.core.signals.size import moved_mean, moved_share, times_the_mean


def test_a_ratio_and_a_difference_hold_the_truth_as_often_as_they_say() -> None:
    dice = np.random.default_rng(3)
    ratio, moved = [], []
    for _ in range(1000):
        before, now = dice.gamma(4.0, 1.0, 400), dice.gamma(4.0, 1.4, 80)
        times = times_the_mean(before, now)
        assert times is not None
        ratio.append(times.holds(1.4))
        moved.append(moved_mean(before, now).holds(1.6))
    assert 0.93 <= np.mean(ratio) <= 0.97
    assert 0.93 <= np.mean(moved) <= 0.97


@pytest.mark.parametrize(
    ("before", "now"),
    [([1.0, -1.0], [1.0, 2.0]), ([0.0, 0.0], [1.0, 2.0]), ([1.0, 2.0], [0.0, 0.0]), ([1.0], [1.0, 2.0])],
)
def test_where_a_ratio_says_nothing_there_is_none(before: list[float], now: list[float]) -> None:
    assert times_the_mean(np.array(before), np.array(now)) is None


def test_shares_are_those_of_the_published_example() -> None:
    """Newcombe 1998, table II, (a): 56 of 70 against 48 of 80 differ by 0.2, 95 % interval 0.0524 to 0.3339."""
    found = moved_share(48, 80, 56, 70)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_the_interval_of_shares_holds_their_difference_and_turns_with_them(n: int, m: int, data: st.DataObject) -> None:
    had, has = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    there, back = moved_share(had, n, has, m), moved_share(has, m, had, n)
    assert -1 - 1e-9 <= there.low <= there.value <= there.high <= 1 + 1e-9
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
