"""The watch of loads: how often it cries wolf on calm ones beside what it says, and what it costs beside looks at whole series."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mlcontrol.core.signals.adaptive import judge
from mlcontrol.core.signals.load_watch import BUCKET_S, KEPT, LoadWatch
from tests.core.signals.loads import PER_DAY, STEP_S, Told, busy, calm, watched

pytestmark = pytest.mark.bench

BUDGETS = (1.0, 10.0)
DAYS = 21


@pytest.mark.timeout(300)
@pytest.mark.parametrize("budget", BUDGETS)
def test_false_alarms_are_at_most_twice_what_is_said(budget: float) -> None:
    """Three weeks of each kind of load. Where none is seen, half a one is what can be said against it."""
    said = budget * DAYS / 7
    counts = {}
    for name, told in calm(np.random.default_rng(31), DAYS * PER_DAY):
        _, found = watched(told, LoadWatch(told.metric, "server", budget_per_week=budget))
        counts[name] = sum(len(times) for times in found.values())
    print(f"\nfalse alarms in {DAYS} days, said {said:g}: {counts}")
    for name, count in counts.items():
        assert count <= 2 * said + 2 * said**0.5, name  # two standard errors of a count, beyond the twofold
    assert sum(counts.values()) <= 2 * said * len(counts)


def test_two_thousand_services_cost_a_small_part_of_a_core() -> None:
    """Four thousand loads read every five seconds: their share of a core, and beside judging the whole ring every two minutes."""
    hours = 6
    told = busy(np.random.default_rng(32), 2 * PER_DAY + hours * PER_DAY // 24)
    assert told.per_s is not None
    first = 2 * PER_DAY
    watch, _ = watched(Told(told.metric, told.value[:first], told.per_s[:first]))
    rest = Told(told.metric, told.value[first:], told.per_s[first:])
    began = time.process_time()
    watched(rest, watch, at_s=first * STEP_S)
    ours = time.process_time() - began
    at_s, ring = BUCKET_S * np.arange(KEPT), np.random.default_rng(33).normal(size=KEPT)
    began = time.process_time()
    for _ in range(5):
        judge(at_s, ring)
    plainly = (time.process_time() - began) / 5 * hours * 3600 / BUCKET_S
    share = 4000 * ours / (hours * 3600)
    ratio = plainly / ours
    print(
        f"\n4,000 loads: {100 * share:.1f} % of a core (goal 5 %), {ratio:.0f} times cheaper than whole looks (goal 10)"
    )
    assert ratio >= 5
