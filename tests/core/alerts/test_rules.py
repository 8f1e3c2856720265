"""Rules as people write them, and what each kind says of history."""

from __future__ import annotations

import numpy as np
import pytest

from mlcontrol.core.alerts.burn_rate import burn
from mlcontrol.core.alerts.evaluate import AlertSpan, History, evaluate, silences
from mlcontrol.core.alerts.rule import ChartKind, Rule, RuleKind, parse_rules
from mlcontrol.core.problem import ProblemError
from tests.core.signals.scenarios import times


def say(rule: Rule, values: list[float], step_s: float = 60.0, **columns: list[float]) -> tuple[AlertSpan, ...]:
    at_s = times(len(values), step_s)
    return evaluate(rule, History("x", at_s, np.array(values)), {k: np.array(v) for k, v in columns.items()})


def minutes(alert: AlertSpan) -> tuple[float, float | None]:
    start = float(times(1)[0])
    return (alert.at_s - start) / 60, None if alert.until_s is None else (alert.until_s - start) / 60


def test_a_threshold_alerts_from_then_until_it_is_back() -> None:
    (alert,) = say(Rule("p99", RuleKind.THRESHOLD, above=1.2), [1, 1, 1.9, 1.5, 1, 1])
    assert minutes(alert) == (2, 4)
    assert (alert.value, alert.limit, alert.severity) == (1.9, 1.2, "warning")


def test_hysteresis_makes_one_alert_of_a_flapping_one_and_its_twin_makes_many() -> None:
    flapping = [1.0] + [1.25, 1.15] * 10 + [1.0]
    assert len(say(Rule("p99", RuleKind.THRESHOLD, above=1.2, clear=0.1), flapping)) == 1
    assert len(say(Rule("p99", RuleKind.THRESHOLD, above=1.2, clear=0.0), flapping)) == 10


def test_it_must_hold_for_a_time() -> None:
    rule = Rule("p99", RuleKind.THRESHOLD, above=1, for_s=120)
    assert say(rule, [0, 2, 2, 0, 0]) == ()
    (alert,) = say(rule, [0, 2, 2, 2, 2, 0])
    assert minutes(alert) == (3, 5)


def test_below_and_missing_values() -> None:
    (alert,) = say(Rule("acc", RuleKind.THRESHOLD, below=0.9), [0.95, float("nan"), 0.8, float("nan")])
    assert minutes(alert) == (2, None)
    assert alert.limit == 0.9


def test_burn_rate_is_the_share_of_bad_over_the_allowed() -> None:
    at_s = times(120)
    bad, total = np.full(120, 1.44), np.full(120, 100.0)
    rate = burn(at_s, bad, total, 0.999, 3600)
    assert rate[-1] == pytest.approx(14.4)
    assert np.isnan(rate[10])  # less than half of the window has been seen


def test_burn_rate_needs_both_windows() -> None:
    rule = Rule("slo", RuleKind.BURN_RATE, objective=0.99)
    calm, storm = [0.001] * 240, [0.5] * 60
    (alert,) = say(rule, calm + storm + calm)
    at, until = minutes(alert)
    assert 240 <= at <= 260
    assert until is not None
    assert until <= 330  # the six hours are still bad long after; their half hour ends it
    assert say(rule, calm * 2) == ()


def test_burn_rate_of_two_counts_waits_for_traffic() -> None:
    rule = Rule("slo", RuleKind.BURN_RATE, objective=0.99, bad="bad", total="total")
    nothing = [0.0] * 120
    assert say(rule, nothing, bad=nothing, total=nothing) == ()


def test_burn_rate_of_a_few_readings_after_a_gap_is_not_known_yet() -> None:
    at_s = np.concatenate([times(120), times(120)[-1] + 36_000 + 60 * np.arange(60.0)])
    rate = burn(at_s, np.concatenate([np.zeros(120), np.full(60, 50.0)]), np.full(180, 100.0), 0.999, 3600)
    assert np.isnan(rate[120:140]).all()  # the engine was off for ten hours: a minute is no window of an hour
    assert rate[179] == pytest.approx(500.0)


def test_absence_from_its_limit_on() -> None:
    values = [1.0] * 5 + [float("nan")] * 10 + [1.0] * 3 + [float("nan")] * 10
    first, last = say(Rule("gone", RuleKind.ABSENCE, for_s=300), values)
    assert minutes(first) == (9, 15)
    assert minutes(last) == (22, None)


def test_only_an_unusual_silence_is_told_by_default() -> None:
    at_s = times(500, 60.0)
    kept = np.r_[0:200, 300:500]
    assert len(silences(History("x", at_s[kept], np.ones(400)))) == 1
    sparse = np.sort(np.random.default_rng(1).choice(500, 300, replace=False))
    assert silences(History("x", at_s[sparse], np.ones(300))) == ()


@pytest.mark.parametrize("chart", [ChartKind.SHEWHART, ChartKind.EWMA, ChartKind.CUSUM, ChartKind.NELSON])
def test_every_chart_sees_a_shift(chart: ChartKind) -> None:
    values = np.random.default_rng(2).normal(10, 1, size=400)
    values[300:] += 6
    rule = Rule("chart", RuleKind.SPC, chart=chart, false_alarms_per_week=1 if chart is not ChartKind.NELSON else 50)
    found = say(rule, values.tolist())
    assert any(minutes(a)[0] <= 305 <= (minutes(a)[1] or 400) for a in found)
    few = say(rule, values[:50].tolist())
    assert few == ()  # fewer than its baseline: no limits, no alert


def test_a_file_of_rules() -> None:
    rules = parse_rules([{"name": "p99", "kind": "threshold", "above": 1.2, "severity": "critical"}], "rules.toml")
    assert rules == (Rule("p99", RuleKind.THRESHOLD, above=1.2, severity="critical"),)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "a", "kind": "thresold", "above": 1}, "no kind 'thresold'"),
        ({"name": "a", "kind": "threshold"}, "above or below"),
        ({"name": "a", "kind": "threshold", "above": "1"}, "above is no number"),
        ({"name": "a", "kind": "threshold", "abvoe": 1}, "'abvoe' is no word"),
        ({"name": "a", "kind": "burn_rate", "objective": 99.9}, "between 0 and 1"),
        ({"name": "a", "kind": "burn_rate", "objective": 0.9, "bad": "x"}, "go together"),
        ({"name": "a", "kind": "absence"}, "for_s"),
        ({"kind": "absence", "for_s": 3}, "no name"),
        ("p99 > 1", "no table"),
    ],
)
def test_a_wrong_rule_is_named_and_never_passed_over(entry: object, words: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_rules([entry], "rules.toml")
    assert words.casefold() in str(caught.value).casefold()
    assert caught.value.problem.code == "usage"


@pytest.mark.parametrize("chart", ["ewma", "cusum", "shewhart"])
def test_a_chart_of_waits_keeps_its_budget(chart: str) -> None:
    """Ten a week promised, of a skewed series; with the textbook's limits it was hundreds."""
    values = np.random.default_rng(2).lognormal(0.0, 0.8, 12_080)
    rule = Rule("waits", RuleKind.SPC, chart=ChartKind(chart), false_alarms_per_week=10.0, baseline_rows=2000)
    history = History("x", 60.0 * np.arange(values.size), values)
    assert len(evaluate(rule, history, {"x": values})) <= 20
