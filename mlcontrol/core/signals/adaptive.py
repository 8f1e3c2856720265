"""The detector that runs without being told anything: what departs from the level, the scatter and the season so far.

Strictly causal: the verdict on a reading uses earlier readings only. Several views look at once, each at its own pace: a single
reading against the last few, means of 4, 16 and 48 against what went before, and the scatter of neighbours. Each view's scores are
scaled by their own past, and its limit is where the tail of its past peaks meets its part of the alert budget: heavy tails,
autocorrelation and habitual spikes raise the limit by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlcontrol.core.signals.noise import Floats, median, spread
from mlcontrol.core.signals.season import DAY_S, Season, find_season
from mlcontrol.core.signals.tail import limit_for, normal_limit, share_above

WEEK_S = 7 * DAY_S
BUDGET_PER_WEEK = 0.5
LEARNING = 60
"""Readings before the first verdict."""
STRETCH = 12
"""Readings that count as one when peaks are counted."""
REMEMBERED_S = 28 * DAY_S
VIEWS = ((1, 12), (4, 60), (16, 288), (48, 1152))
"""Means of so many readings, against the median of so many before them."""
SCATTER = 16
GRID_PART = 4
SMALLEST_UNIT = 0.02
WIDEST_SPREAD = 1.5
"""Of the range: no robust spread is wider."""
ROUNDING = 1e-9
"""Of the greatest reading: what running sums lose, and no source measures."""
TINY = 1e-300
FEWEST_STRETCHES = 12
HABIT_MARGIN = 1.3
MOST_REMEMBERED = 8_000
MOST_REFITS = 20
MEDIAN_COST = 1.2
"""Variance that a profile of medians over N periods adds to what is left, times N."""


@dataclass(frozen=True, slots=True)
class View:
    """One way of looking. ``score``: departures in spreads, signed; ``limit``: for its absolute value; both by reading, NaN while
    learning. ``shown``, ``bound``: what was compared, in the unit of the series."""

    name: str
    score: Floats
    limit: Floats
    shown: Floats
    bound: Floats


@dataclass(frozen=True, slots=True)
class Verdict:
    views: tuple[View, ...]
    season: Floats
    excess: Floats  # the greatest score over its limit, by reading; above 1 is an alarm; 0 while learning


def judge(at_s: Floats, values: Floats, budget_per_week: float = BUDGET_PER_WEEK) -> Verdict:
    """``at_s``: ascending UTC seconds; ``values``: finite, equal length."""
    n = values.size
    step_s = max(float(np.median(np.diff(at_s))), 1e-6) if n > 1 else 60.0
    per_reading = share_above(budget_per_week, WEEK_S / step_s) / (len(VIEWS) + 1)
    kept = int(min(max(REMEMBERED_S / step_s, 2000), MOST_REMEMBERED))
    names = [*(f"mean of {width}" if width > 1 else "reading" for width, _ in VIEWS), "scatter"]
    columns = {name: np.full((4, n), np.nan) for name in names}
    season = np.zeros(n)
    for start, stop, found in _stretches(at_s, values):
        # With every new season the past is looked at anew: limits must be those of what is left when it is taken off.
        begin = 0 if found is None else max(0, start - kept)
        seasonal = np.zeros(stop - begin) if found is None else found.at(at_s[begin:stop])
        season[start:stop] = seasonal[start - begin :]
        periods = 1e9 if found is None else (at_s[start] - at_s[begin]) / found.period_s
        flatter = ((1 + MEDIAN_COST / periods) / max(1 - MEDIAN_COST / periods, 0.2)) ** 0.5
        part = _Part(values[begin:stop], seasonal, start - begin, per_reading, kept, flatter)
        for name, (width, before) in zip(names, VIEWS, strict=False):
            columns[name][:, start:stop] = part.means(width, before)
        columns["scatter"][:, start:stop] = part.scatter()
    views = tuple(View(name, *columns[name]) for name in names)
    excess = np.zeros(n)
    for view in views:
        excess = np.fmax(excess, np.abs(view.score) / view.limit)
    return Verdict(views, season, excess)


def seasonal_part(at_s: Floats, values: Floats) -> Floats:
    """The season that each reading is judged with."""
    season = np.zeros(values.size)
    for start, stop, found in _stretches(at_s, values):
        if found is not None:
            season[start:stop] = found.at(at_s[start:stop])
    return season


def _stretches(at_s: Floats, values: Floats) -> Iterator[tuple[int, int, Season | None]]:
    """Which readings are judged with which season: that of the days before them. None for the first three."""
    days = (at_s - at_s[0]) / DAY_S if at_s.size else at_s
    start, refit = 0, 3.0
    found: Season | None = None
    while at_s.size and refit < days[-1]:
        end = int(np.searchsorted(days, refit))
        first = int(np.searchsorted(days, refit - REMEMBERED_S / DAY_S))
        fresh = find_season(at_s[first:end], values[first:end])
        if fresh is not None or found is not None:
            if end > start:
                yield start, end, found
            start, found = end, fresh
        refit += max(1.0, days[-1] / MOST_REFITS)
    if at_s.size > start:
        yield start, at_s.size, found


@dataclass(frozen=True, slots=True)
class _Part:
    """Readings judged with one season, after ``start`` readings of past. ``flatter``: how much smaller what is left looks in
    the days that the season was made of than in the days to come."""

    values: Floats
    season: Floats
    start: int
    per_reading: float
    kept: int
    flatter: float

    def means(self, width: int, before: int) -> Floats:
        rest = self.values - self.season
        mean, base = trailing_mean(rest, width), past_median(rest, width, before)
        finest = ROUNDING * float(np.max(np.abs(self.values), initial=0.0))
        score, limit, unit = self._scored(mean - base, LEARNING + width, self.values, finest)
        bound = base + self.season + np.sign(mean - base) * limit * unit
        return np.stack([score, limit, mean + self.season, bound])[:, self.start :]

    def scatter(self) -> Floats:
        rest = self.values - self.season
        steps = np.abs(np.diff(rest, prepend=rest[:1]))
        moved = trailing_mean(steps, SCATTER)
        least = least_scatter(steps[: max(self.start, LEARNING + SCATTER)])
        logs = np.log(moved + least)
        base = past_median(logs, SCATTER, 288)
        score, limit, unit = self._scored(logs - base, LEARNING + SCATTER, logs, SMALLEST_UNIT)
        bound = np.exp(base + np.sign(logs - base) * np.minimum(limit * unit, 700.0))
        return np.stack([score, limit, moved, bound])[:, self.start :]

    def _scored(self, away: Floats, learning: int, raw: Floats, finest: float) -> tuple[Floats, Floats, Floats]:
        """Departures in spreads of their own past, the limit of each, and the spread; looked at anew every few readings.

        ``finest``: as `learned` has it.
        """
        n = away.size
        score, limit, units = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
        start = max(learning, self.start)
        while start < n:
            stop = min(n, start + max(STRETCH, min(start // 24, 288)))
            past = away[max(learning // 2, start - self.kept) : start]
            lately = raw[max(0, start - self.kept) : start]
            unit, top = learned(past, lately, finest, self.per_reading, self.flatter)
            score[start:stop] = away[start:stop] / unit
            limit[start:stop] = top
            units[start:stop] = unit
            start = stop
        return score, limit, units


def learned(
    past: Floats, lately: Floats, finest: float, per_reading: float, flatter: float = 1.0
) -> tuple[float, float]:
    """What past departures teach: their spread, and the limit in spreads that is passed ``per_reading`` times a reading.

    ``lately``: the readings themselves; ``finest``: the least spread that means anything, for a past that never moved;
    ``flatter``: how much smaller the past looks than what comes.
    """
    # Departures far below what the series does anyway are nobody's concern, however regular it is.
    unit = flatter * spread(past)
    if unit < SMALLEST_UNIT * WIDEST_SPREAD * float(np.ptp(lately)):
        unit = max(unit, SMALLEST_UNIT * spread(lately))
    unit = max(unit or float(np.max(np.abs(past))), finest, TINY)
    if past.size < 3 * LEARNING:
        unit *= 1.0 + LEARNING / (2 * past.size)  # a spread from few readings is itself unsure
    least = normal_limit(per_reading)
    count = past.size // STRETCH
    peaks = flatter * np.abs(past[past.size - count * STRETCH :]).reshape(count, STRETCH).max(axis=1) / unit
    top = limit_for(peaks, past.size, per_reading) if count >= FEWEST_STRETCHES else _early(peaks, least)
    return unit, max(least, top)


def _early(peaks: Floats, least: float) -> float:
    """The limit while there are too few peaks for their tail: above what has come in three stretches, or in all so far."""
    habit = float(np.sort(peaks)[-min(3, peaks.size)]) if peaks.size > 1 else 0.0
    return max(1.6 * least, HABIT_MARGIN * habit)


def least_scatter(steps: Floats) -> float:
    """What is added to a mean of steps before its logarithm is taken. Of readings on a grid, sixteen that rest are little less than
    sixteen of which four move by one."""
    if not steps.any():
        return 1e-12
    return max(0.02 * float(np.mean(steps)), float(np.min(steps[steps > 0])) / GRID_PART)


def trailing_mean(values: Floats, width: int) -> Floats:
    """Mean of each reading and the width-1 before it; of those there are at the beginning."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, values.size + 1)
    begins = np.maximum(ends - width, 0)
    return np.asarray((sums[ends] - sums[begins]) / (ends - begins), dtype=np.float64)


def past_median(values: Floats, skip: int, window: int) -> Floats:
    """Median of the ``window`` readings before the last ``skip``; renewed every sixteenth of the window."""
    n = values.size
    stride = max(1, window // 16)
    starts = np.arange(0, n, stride)
    ends = np.maximum(1, starts - skip + 1)
    medians = np.empty(starts.size)
    whole = ends >= window
    if whole.any():
        windows = np.lib.stride_tricks.sliding_window_view(values, window)
        medians[whole] = np.median(windows[ends[whole] - window], axis=1)
    medians[~whole] = [median(values[:end]) for end in ends[~whole].tolist()]
    return np.repeat(medians, stride)[:n]
