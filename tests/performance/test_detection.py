"""How good the detector without settings is: false alarms and finds beside a 3-sigma limit on the same series, as ratios."""

from __future__ import annotations

import numpy as np
import pytest

from mlcontrol.core.alerts.evaluate import History, evaluate
from mlcontrol.core.alerts.rule import Rule, RuleKind
from tests.core.signals.scenarios import CALM, CHANGED, Floats, Scenario, ar

pytestmark = pytest.mark.bench

SEEDS = (11, 12)
QUIET = 30


def adaptive(at_s: Floats, values: Floats) -> list[int]:
    found = evaluate(Rule("adaptive", RuleKind.SPC), History("x", at_s, values), {})
    return [int(np.searchsorted(at_s, alert.at_s)) for alert in found]


def three_sigma(_at_s: Floats, values: Floats) -> list[int]:
    """Mean and deviation of the first hundred readings, as a first rule is often written; alerts joined as ours are."""
    centre, sigma = values[:100].mean(), values[:100].std()
    starts: list[int] = []
    last = -QUIET - 2
    for i in np.flatnonzero(np.abs(values - centre) > 3 * sigma).tolist():
        if i - last > QUIET + 1:
            starts.append(i)
        last = i
    return starts


def counts(detect: object, scenarios: tuple[Scenario, ...]) -> tuple[int, int, list[int]]:
    """False alarms (before the change, or where none is), changes found within 200 readings, and the delays."""
    false, hits, delays = 0, 0, []
    for scenario in scenarios:
        for seed in SEEDS:
            starts = detect(*scenario.make(np.random.default_rng(seed)))  # type: ignore[operator]
            first = scenario.truth[0] if scenario.truth else 1 << 40
            false += sum(i < first for i in starts)
            after = [i - first for i in starts if first <= i <= first + 200]
            hits += bool(after)
            delays += after[:1]
    return false, hits, delays


def test_false_alarms_are_a_tenth_of_those_of_three_sigma() -> None:
    ours, _, _ = counts(adaptive, CALM)
    theirs, _, _ = counts(three_sigma, CALM)
    print(f"false alarms where nothing changes: {ours} against {theirs}")
    assert ours <= theirs / 10


def test_large_changes_are_found_and_early() -> None:
    large = tuple(s for s in CHANGED if s.name in ("step of 2 sigma", "step on days", "bump", "scatter"))
    _, hits, delays = counts(adaptive, large)
    print(f"found {hits} of {len(large) * len(SEEDS)}, median delay {np.median(delays):.0f} readings")
    assert hits >= len(large) * len(SEEDS) - 1
    assert np.median(delays) <= 40


def test_the_realised_rate_of_false_alarms_is_near_the_budget() -> None:
    """Half an alarm a week is asked for; 24 weeks of noise with memory have few more."""
    weeks, alarms = 0.0, 0
    for seed in range(6):
        values = ar(np.random.default_rng(100 + seed), 8064, 0.6)
        at_s = 1_700_006_400.0 + 300.0 * np.arange(8064)
        alarms += len(adaptive(at_s, values))
        weeks += 4.0
    print(f"{alarms} false alarms in {weeks:.0f} weeks: {alarms / weeks:.2f} a week for a budget of 0.5")
    assert alarms / weeks <= 1.5
