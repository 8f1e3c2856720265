"""A rule of Nelson's in an alert keeps the budget it was given, and says which of both it was."""

from __future__ import annotations

import numpy as np
import pytest

from mlcontrol.core.alerts.rule import ChartKind, Rule, RuleKind
from tests.core.alerts.test_rules import say

WEEK_MIN = 7 * 1440


@pytest.mark.parametrize("budget", [2.0, 20.0])
def test_false_alarms_come_as_often_as_the_rule_allows(budget: float) -> None:
    """Whatever was allowed, it had been one in 218 readings: 46 a week."""
    rule = Rule("chart", RuleKind.SPC, chart=ChartKind.NELSON, false_alarms_per_week=budget, centre=5, sigma=1)
    rng, alarms, weeks = np.random.default_rng(7), 0, 6
    for _ in range(weeks):
        alarms += len(say(rule, rng.normal(5, 1, WEEK_MIN).tolist()))
    assert budget * weeks / 4 < alarms < budget * weeks * 1.6


def test_a_run_is_named_as_one() -> None:
    values = np.random.default_rng(1).normal(0, 1, 600)
    values[500:] = np.abs(values[500:]) * 0.5 + 0.2
    rule = Rule("chart", RuleKind.SPC, chart=ChartKind.NELSON, false_alarms_per_week=20)
    why = [span.why for span in say(rule, values.tolist())]
    assert any("in a row on one side of" in words for words in why), why
