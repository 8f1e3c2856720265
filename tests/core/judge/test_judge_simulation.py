"""The judge's promises, simulated with a seed: few false alarms under continuous looking, quick on what is bad."""

from __future__ import annotations

import numpy as np
import pytest

from mlcontrol.core.judge.policy import ALPHA, ERRORS
from tests.performance.judge_simulation import SCENARIOS, draw, stopped_after, z_stopped_after

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
RUNS = 150
ALLOWED = 6  # of 150: at a true share of 1 % more come in one case of 1000


@pytest.mark.parametrize("name", [s.name for s in SCENARIOS if s.ratio == 1.0])
def test_a_good_version_is_hardly_ever_stopped_in_an_hour_of_looking(name: str) -> None:
    wild = BY_NAME[name].burst_cv >= 1.0  # each of its runs is looked at hundreds of times more often
    counts = draw(BY_NAME[name], RUNS // 4 if wild else RUNS, np.random.default_rng(20))
    assert np.isfinite(stopped_after(counts, ALPHA[ERRORS])).sum() <= (2 if wild else ALLOWED)


def test_a_repeated_z_test_stops_many_more() -> None:
    counts = draw(BY_NAME["as good, drift and ramp"], RUNS, np.random.default_rng(20))
    assert np.isfinite(z_stopped_after(counts, ALPHA[ERRORS])).mean() > 0.3
    assert np.isfinite(stopped_after(counts, ALPHA[ERRORS])).sum() <= ALLOWED


@pytest.mark.parametrize(("name", "median_minutes"), [("doubled", 6.5), ("tripled", 2.5)])
def test_a_bad_version_is_found_soon(name: str, median_minutes: float) -> None:
    counts = draw(BY_NAME[name], RUNS, np.random.default_rng(21))
    assert np.quantile(stopped_after(counts, ALPHA[ERRORS]), 0.5, method="inverted_cdf") <= median_minutes
