"""Since when: the signal that broke is asked first, also when it broke a moment ago."""

from __future__ import annotations

import numpy as np
import pytest

from mlcontrol.core.incidents.others import Told
from mlcontrol.services.onsets import Track, onset

NOW_S = 10_000.0
AT_S = NOW_S - 5.0 * np.arange(240)[::-1]


def traffic_that_fell_long_ago() -> Track:
    values = np.where(AT_S < NOW_S - 800, 8.0, 3.5) + 0.1 * np.random.default_rng(3).normal(size=240)
    return Track("traffic", AT_S, values, -1, 0.5)


def test_errors_of_the_last_two_readings_began_then_and_not_where_something_else_changed_before() -> None:
    errors = np.zeros(240)
    errors[-2:] = 1.0
    found = onset((Track("errors", AT_S, errors, 1, 0.005, True), traffic_that_fell_long_ago()), NOW_S)
    assert found is not None
    assert found[0].signal == "errors"
    assert (found[0].low_s, found[0].high_s) == (AT_S[-3], AT_S[-2])


def test_where_the_errors_are_as_ever_it_is_the_next_signal_that_changed() -> None:
    found = onset((Track("errors", AT_S, np.zeros(240), 1, 0.005, True), traffic_that_fell_long_ago()), NOW_S)
    assert found is not None
    assert found[0].signal == "traffic"
    assert abs(found[0].at_s - (NOW_S - 800)) <= 10


def other_versions(from_s: float) -> Track:
    return Track("versions", AT_S, np.where(from_s <= AT_S, 1.0, 0.0), 1, 0.2, True)


def test_another_version_that_answers_since_just_before_is_where_it_began_and_not_a_noisy_latency() -> None:
    calm = Track("errors", AT_S, np.zeros(240), 1, 0.005, True)
    found = onset((calm, traffic_that_fell_long_ago()), NOW_S, other_versions(NOW_S - 20))
    assert found is not None
    assert (found[0].signal, abs(found[0].at_s - (NOW_S - 20)) <= 5) == ("versions", True)
    # Twin: a version that has answered for ten minutes began nothing now.
    found = onset((calm, traffic_that_fell_long_ago()), NOW_S, other_versions(NOW_S - 600))
    assert found is not None
    assert found[0].signal == "traffic"


@pytest.mark.parametrize(
    "since_s", [float("-inf"), NOW_S - 400], ids=["twin: whatever is old", "after the last one began"]
)
def test_what_changed_before_the_last_incident_began_is_no_beginning_of_this_one(since_s: float) -> None:
    calm = Track("errors", AT_S, np.zeros(240), 1, 0.005, True)
    found = onset((calm, traffic_that_fell_long_ago()), NOW_S, None, (), since_s)
    assert (found is None) is (since_s == NOW_S - 400)


@pytest.mark.parametrize(("after", "over"), [(0.0, True), (0.2, False)])
def test_errors_of_another_incident_are_its_own_unless_they_go_on_after_it(after: float, over: bool) -> None:
    values = np.where(AT_S < NOW_S - 300, 0.0, 0.2)
    values[AT_S > NOW_S - 150] = after
    told = (Told("digits", NOW_S - 290, NOW_S - 100),)
    found = onset((Track("errors", AT_S, values, 1, 0.005, True),), NOW_S, None, told)
    assert (found is None) is over
    if found is not None:
        assert abs(found[0].at_s - (NOW_S - 300)) <= 10
