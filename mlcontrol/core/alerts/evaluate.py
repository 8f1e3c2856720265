"""A rule over a stretch of history: where it alerts, from when until when, at which value against which limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mlcontrol.core.alerts.burn_rate import burning
from mlcontrol.core.alerts.rule import ChartKind, Rule, RuleKind
from mlcontrol.core.signals import spc
from mlcontrol.core.signals.adaptive import View, judge
from mlcontrol.core.signals.noise import Floats, spread
from mlcontrol.core.signals.own_limits import own_chart
from mlcontrol.core.signals.own_noise import own_noise

QUIET_READINGS = 30
"""So many readings in limits end an alert of a chart: what flaps is one alert."""
FEWEST = 30
DRAWN = 100_000
"""A backtest makes limits many times over."""
GRAVE = 2.0
"""So many times its limit is critical."""


@dataclass(frozen=True, slots=True)
class History:
    """One series. ``at_s``: ascending UTC seconds; ``values``: NaN for a gap."""

    name: str
    at_s: Floats
    values: Floats

    @property
    def step_s(self) -> float:
        return float(np.median(np.diff(self.at_s))) if self.at_s.size > 1 else 60.0

    def known(self) -> tuple[Floats, Floats]:
        kept = np.isfinite(self.values)
        return self.at_s[kept], self.values[kept]


@dataclass(frozen=True, slots=True)
class AlertSpan:
    """``until_s`` `None`: it had not ended when the history did."""

    at_s: float
    until_s: float | None
    rule: str
    kind: RuleKind
    severity: str
    series: str
    value: float
    limit: float
    why: str


def evaluate(rule: Rule, history: History, columns: Mapping[str, Floats]) -> tuple[AlertSpan, ...]:
    """``columns``: all series of the same times, for rules that need two. Fewer readings than a rule needs give no alert."""
    if rule.kind is RuleKind.THRESHOLD:
        return _threshold(rule, history)
    if rule.kind is RuleKind.ABSENCE:
        return _absence(rule, history, rule.for_s)
    if rule.kind is RuleKind.BURN_RATE:
        return _burn_rate(rule, history, columns)
    return adaptive(rule, history)[0] if rule.chart is ChartKind.ADAPTIVE else _chart(rule, history)


def _spans(
    at_s: Floats, on: np.ndarray, quiet: int, held_s: float, make: Callable[[int, float | None], AlertSpan]
) -> tuple[AlertSpan, ...]:
    """Stretches of ``on`` joined over up to ``quiet`` readings without, kept if they last ``held_s``."""
    hits = np.flatnonzero(on)
    found: list[list[int]] = []
    for i in hits.tolist():
        if found and i - found[-1][1] <= quiet + 1:
            found[-1][1] = i
        else:
            found.append([i, i])
    spans = []
    for first, last in found:
        confirmed = int(np.searchsorted(at_s, at_s[first] + held_s))
        if confirmed <= last:
            open_end = last + quiet + 1 >= at_s.size
            spans.append(make(confirmed, None if open_end else float(at_s[last + 1])))
    return tuple(spans)


def _threshold(rule: Rule, history: History) -> tuple[AlertSpan, ...]:
    at_s, values = history.known()
    on = np.zeros(values.size, dtype=bool)
    state = False
    high, low = rule.above, rule.below
    for i, value in enumerate(values.tolist()):
        # Hysteresis: what has alerted must come back by a share of the limit.
        back = rule.clear if state else 0.0
        over = high is not None and value > high - back * abs(high)
        under = low is not None and value < low + back * abs(low)
        state = on[i] = over or under

    def make(i: int, until_s: float | None) -> AlertSpan:
        over = high is not None and values[i] > high - rule.clear * abs(high)
        limit = high if over and high is not None else low if low is not None else high
        words = f"{values[i]:g} is {'above' if over else 'below'} {limit:g}"
        return _span(rule, history, float(at_s[i]), until_s, float(values[i]), float(limit or 0.0), words)

    return _spans(at_s, on, 0, rule.for_s, make)


def _burn_rate(rule: Rule, history: History, columns: Mapping[str, Floats]) -> tuple[AlertSpan, ...]:
    at_s = history.at_s
    if rule.bad:
        bad, total = columns[rule.bad], columns[rule.total]
    else:
        bad, total = history.values, np.ones(history.values.size)
    known = np.isfinite(bad) & np.isfinite(total)
    at_s, bad, total = at_s[known], bad[known], total[known]
    on, value, limit = burning(at_s, bad, total, rule.objective or 0.999)

    def make(i: int, until_s: float | None) -> AlertSpan:
        words = f"the error budget burns {value[i]:.1f} times as fast as it may"
        return _span(rule, history, float(at_s[i]), until_s, float(value[i]), float(limit[i]), words)

    return _spans(at_s, on, 1, rule.for_s, make)


def _absence(rule: Rule, history: History, longest_s: float) -> tuple[AlertSpan, ...]:
    at_s, _ = history.known()
    spans = []
    for i in np.flatnonzero(np.diff(at_s) > longest_s).tolist():
        gap_s = float(at_s[i + 1] - at_s[i])
        words = f"no reading for {gap_s:.0f} s"
        spans.append(_span(rule, history, float(at_s[i]) + longest_s, float(at_s[i + 1]), gap_s, longest_s, words))
    if history.at_s.size and at_s.size and history.at_s[-1] - at_s[-1] > longest_s:
        gap_s = float(history.at_s[-1] - at_s[-1])
        words = f"no reading for {gap_s:.0f} s"
        spans.append(_span(rule, history, float(at_s[-1]) + longest_s, None, gap_s, longest_s, words))
    return tuple(spans)


def unusual_gap_s(history: History) -> float:
    """A silence that is none of this series' habits: ten steps, half an hour, and thrice all but the longest hundredth."""
    at_s, _ = history.known()
    if at_s.size < 3:
        return float("inf")
    steps = np.diff(at_s)
    return max(10 * history.step_s, 1800.0, 3 * float(np.quantile(steps, 0.99)))


def silences(history: History) -> tuple[AlertSpan, ...]:
    """What the defaults say of missing readings."""
    return _absence(Rule("silence", RuleKind.ABSENCE, for_s=1.0), history, unusual_gap_s(history))


def adaptive(rule: Rule, history: History) -> tuple[tuple[AlertSpan, ...], Floats]:
    """The alerts, and the season by known reading."""
    at_s, values = history.known()
    unit = float(np.max(np.abs(values))) if values.size else 0.0
    unit = unit or 1.0
    verdict = judge(at_s, values / unit, rule.false_alarms_per_week)

    def make(i: int, until_s: float | None) -> AlertSpan:
        view = max(verdict.views, key=lambda v: _over(v, i))
        shown, bound = float(view.shown[i]) * unit, float(view.bound[i]) * unit
        words = f"{view.name} {shown:.6g} is {'above' if view.score[i] > 0 else 'below'} {bound:.6g}"
        grave = rule.severity == "critical" or _over(view, i) > GRAVE
        span = _span(rule, history, float(at_s[i]), until_s, shown, bound, words)
        return AlertSpan(
            span.at_s,
            until_s,
            rule.name,
            rule.kind,
            "critical" if grave else "warning",
            history.name,
            shown,
            bound,
            words,
        )

    return _spans(at_s, verdict.excess > 1.0, QUIET_READINGS, rule.for_s, make), unit * verdict.season


def _over(view: View, i: int) -> float:
    share = abs(view.score[i]) / view.limit[i]
    return float(share) if np.isfinite(share) else 0.0


def _chart(rule: Rule, history: History) -> tuple[AlertSpan, ...]:
    at_s, values = history.known()
    first = min(rule.baseline_rows, values.size)
    known = rule.centre is not None and rule.sigma is not None
    centre = rule.centre if rule.centre is not None else float(np.median(values[:first])) if first else 0.0
    sigma = rule.sigma if rule.sigma is not None else spread(values[:first])
    if sigma <= 0 or (not known and first < rule.baseline_rows):
        return ()
    arl0 = max(2.0, spc.arl_of_budget(rule.false_alarms_per_week, 1, history.step_s))
    noise = own_noise(values[:first]) if not known and first >= FEWEST else None
    runs = rule.chart is ChartKind.NELSON
    if noise is not None and not (noise.normal and (not runs or noise.independent)):
        centre, sigma = noise.centre, noise.sigma
        away = values - centre
        away[:first] = 0.0
        chart = own_chart(noise, away, rule.chart.value, arl0, DRAWN)
    else:
        z = (values - centre) / sigma
        if not known:
            z[:first] = 0.0  # what the limits were made of is not judged by them
        chart = chart_of(rule.chart, z, arl0)

    def make(i: int, until_s: float | None) -> AlertSpan:
        over = chart.value[i] > 0
        limit = float(chart.high[i] if over else chart.low[i])
        shown, bound = float(chart.value[i]), limit
        if rule.chart is not ChartKind.CUSUM:
            shown, bound = centre + sigma * shown, centre + sigma * bound
        words = f"{rule.chart.value} {shown:.6g} against {bound:.6g}"
        if runs and abs(chart.value[i]) <= abs(limit):
            words = f"{rule.chart.value} {chart.run} in a row on one side of {centre:.6g}"
        return _span(rule, history, float(at_s[i]), until_s, shown, bound, words)

    return _spans(at_s, chart.out, QUIET_READINGS, rule.for_s, make)


def chart_of(kind: ChartKind, z: Floats, arl0: float) -> spc.Chart:
    """The chart whose limit is made for ``arl0`` readings between false alarms."""
    if kind is ChartKind.SHEWHART:
        return spc.shewhart(z, spc.shewhart_limit(arl0))
    if kind is ChartKind.EWMA:
        return spc.ewma(z, limit=spc.ewma_limit(arl0))
    if kind is ChartKind.CUSUM:
        return spc.cusum(z, limit=spc.cusum_limit(arl0))
    return spc.nelson_chart(z, arl0)


def _span(
    rule: Rule, history: History, at_s: float, until_s: float | None, value: float, limit: float, why: str
) -> AlertSpan:
    return AlertSpan(at_s, until_s, rule.name, rule.kind, rule.severity, history.name, value, limit, why)
