"""Counters to rates: restarts give neither negative nor exaggerated rates."""

from __future__ import annotations

from hypothesis import given, strategies as st

from mlcontrol.core.signals.rates import CounterWindow


def test_rate_over_the_window_and_between_the_last_two() -> None:
    window = CounterWindow(30)
    for at, value in ((0.0, 100.0), (5.0, 140.0), (10.0, 240.0)):
        window.add(at, value)
    assert window.rate() == 14.0
    assert window.last_rate() == 20.0


def test_one_reading_is_no_rate() -> None:
    window = CounterWindow()
    window.add(0, 5)
    assert window.rate() is None
    assert window.increase() is None


def test_a_reset_is_told_and_counts_what_is_left() -> None:
    window = CounterWindow()
    window.add(0, 1000)
    assert not window.add(5, 1040)
    assert window.add(10, 15)
    assert window.last_rate() == 3.0


def test_not_finite_readings_are_left_out() -> None:
    window = CounterWindow()
    window.add(0, 1)
    for value in (float("nan"), float("inf")):
        assert not window.add(1, value)
    window.add(2, 3)
    assert window.rate() == 1.0


def test_own_queries_are_taken_out_but_never_below_zero() -> None:
    window = CounterWindow()
    window.add(0, 0)
    window.add(5, 10)
    window.spend(4)
    assert window.increase() == 6
    window.spend(100)
    assert window.increase() == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=2, max_size=40))
def test_never_above_what_was_really_counted(steps: list[tuple[int, bool]]) -> None:
    """``steps``: how much really happened since the last scrape, and whether the server was restarted first."""
    window, counter, real = CounterWindow(1e9), 0.0, 0.0
    window.add(0.0, counter)
    for number, (happened, restarted) in enumerate(steps, start=1):
        counter = float(happened) if restarted else counter + happened
        real += happened
        window.add(float(number), counter)
    increase = window.increase()
    assert increase is not None
    assert 0 <= increase <= real
