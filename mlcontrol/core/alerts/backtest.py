"""What alert rules and change points would have said over a stretch of history, and how often they would cry wolf."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mlcontrol.core.alerts.evaluate import AlertSpan, History, adaptive, evaluate, silences
from mlcontrol.core.alerts.rule import ChartKind, Rule, RuleKind
from mlcontrol.core.signals.adaptive import LEARNING, WEEK_S, seasonal_part
from mlcontrol.core.signals.change import ChangePoint
from mlcontrol.core.signals.changepoint import change_points
from mlcontrol.core.signals.noise import Floats, without_spikes

SIMULATED_READINGS = 24_000
MOST_SIMULATED = 200_000
SIMULATED_IN_ALL = 480_000
"""Of many series: their rates are added up, and so each may be the less sure."""
ORDER = 3
SHORTEST = LEARNING + 30
DEFAULT = Rule("adaptive", RuleKind.SPC)


@dataclass(frozen=True, slots=True)
class Backtest:
    """``changes``: per series. ``false_per_week``: expected alarms where nothing happens, from ``simulated_weeks`` of noise like
    the series' own; `None` where there was too little to learn it from."""

    rows: int
    alerts: tuple[AlertSpan, ...]
    changes: tuple[tuple[str, ChangePoint], ...]
    false_per_week: float | None
    simulated_weeks: float
    notes: tuple[str, ...]


def backtest(
    histories: Sequence[History],
    rules: Sequence[Rule],
    seed: int = 1,
    begun: Callable[[int, History], None] = lambda _number, _history: None,
) -> Backtest:
    """``rules`` empty: the adaptive chart and unusual silences, for every series. ``begun``: told of each before its turn."""
    columns = {history.name: history.values for history in histories}
    defaults = not rules
    alerts: list[AlertSpan] = []
    changes: list[tuple[str, ChangePoint]] = []
    notes: list[str] = []
    rates: list[float] = []
    weeks = 0.0
    readings = min(SIMULATED_READINGS, SIMULATED_IN_ALL / max(1, len(histories)))
    for number, history in enumerate(histories):
        begun(number, history)
        mine = [DEFAULT] if defaults else [r for r in rules if r.series in ("", history.name)]
        found: list[AlertSpan] = []
        season: Floats | None = None
        for rule in mine:
            if rule.kind is RuleKind.SPC and rule.chart is ChartKind.ADAPTIVE:
                told, season = adaptive(rule, history)
                found += told
            else:
                found += evaluate(rule, history, columns)
        found += silences(history) if defaults else ()
        alerts += found
        changes += [(history.name, change) for change in change_points(history.at_s, history.values)]
        missing = int(np.count_nonzero(~np.isfinite(history.values)))
        if missing:
            notes.append(f"{history.name}: {missing} of {history.values.size} readings are missing or no number")
        if history.values.size - missing < SHORTEST:
            notes.append(
                f"{history.name}: {history.values.size - missing} readings are too few to learn its noise from"
            )
            continue
        rate, simulated = false_alarm_rate(history, mine, found, columns, seed, season, readings)
        rates.append(rate)
        weeks += simulated
    alerts.sort(key=lambda a: (a.at_s, a.rule, a.series))
    changes.sort(key=lambda one: one[1].at_s)
    rows = max((history.values.size for history in histories), default=0)
    whole = sum(rates) if rates else None
    return Backtest(rows, tuple(alerts), tuple(changes), whole, weeks, tuple(notes))


def false_alarm_rate(
    history: History,
    rules: Sequence[Rule],
    alerts: Sequence[AlertSpan],
    columns: Mapping[str, Floats],
    seed: int,
    season: Floats | None = None,
    readings: float = SIMULATED_READINGS,
) -> tuple[float, float]:
    """Alarms a week of the same rules on simulated noise like this series' own, and for how many weeks it was simulated.

    The noise: AR(3) fitted to what is left outside alerts and between change points once its season is off, its innovations drawn
    from those seen, so that tails are as heavy. ``season``: by known reading, where it is known already; ``readings``: how many are
    simulated. Half an alarm is added (Jeffreys): none seen does not mean never.
    """
    at_s, values = history.known()
    unit = float(np.max(np.abs(values))) or 1.0
    if season is None:
        season = unit * seasonal_part(at_s, values / unit)
    fitted = _fit(at_s, values / unit, season / unit, alerts)
    step_s = float(np.median(np.diff(at_s)))
    n = min(values.size, MOST_SIMULATED)
    runs = max(1, round(readings / n))
    rng = np.random.default_rng(seed)
    count = 0
    times = at_s[0] + step_s * np.arange(n)
    own = [rule for rule in rules if not rule.bad]
    for _ in range(runs):
        noise = History(history.name, times, unit * fitted.draw(rng, n))
        others = {**{name: one[:n] for name, one in columns.items()}, history.name: noise.values}
        count += sum(len(evaluate(rule, noise, others)) for rule in own)
    weeks = runs * max(n - LEARNING, 1) * step_s / WEEK_S
    # Of readings every second, what can be simulated is an hour or two: until it says otherwise, a chart keeps to its budget.
    budgets = [rule.false_alarms_per_week for rule in own]
    known = bool(own) and all(rule.kind is RuleKind.SPC for rule in own) and sum(budgets) > 0
    return (count + 0.5) / (weeks + (0.5 / sum(budgets) if known else 0.0)), weeks


@dataclass(frozen=True, slots=True)
class _Noise:
    level: float
    weights: Floats
    innovations: Floats

    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        warm = 200
        a, b, c = self.weights.tolist()
        one = two = three = 0.0
        drawn = []
        # A loop over 24,000 numbers takes 5 ms; the library that has it as a filter takes two seconds to load.
        for shock in rng.choice(self.innovations, size=n + warm).tolist():
            one, two, three = shock + a * one + b * two + c * three, one, two
            drawn.append(one)
        return np.asarray(self.level + np.array(drawn[warm:]), dtype=np.float64)


def _fit(at_s: Floats, values: Floats, season: Floats, alerts: Sequence[AlertSpan]) -> _Noise:
    rest = values - season
    cuts = [c.index for c in change_points(at_s, rest)]
    bounds = [0, *cuts, rest.size]
    for a, b in pairwise(bounds):
        rest[a:b] -= np.median(rest[a:b])
    calm = np.ones(rest.size, dtype=bool)
    for alert in alerts:
        calm &= ~((at_s >= alert.at_s) & (at_s <= (alert.until_s if alert.until_s is not None else at_s[-1])))
    if np.count_nonzero(calm) < 10 * ORDER:
        calm[:] = True
    tame = without_spikes(rest, 10)
    lags = np.stack([tame[ORDER - k - 1 : rest.size - k - 1] for k in range(ORDER)], axis=1)
    usable = calm[ORDER:]
    weights = np.linalg.lstsq(lags[usable], tame[ORDER:][usable], rcond=None)[0]
    if np.sum(np.abs(weights)) > 0.99:  # not surely stationary: shrink until it is
        weights = weights * 0.99 / np.sum(np.abs(weights))
    innovations = (rest[ORDER:] - lags @ weights)[usable]
    centred = np.asarray(innovations - np.mean(innovations), dtype=np.float64)
    return _Noise(float(np.median(values)), np.asarray(weights, dtype=np.float64), centred)
