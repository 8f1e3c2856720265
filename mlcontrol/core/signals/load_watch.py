"""The watch of one load of a server (CPU, memory, a device), every two minutes: its level, and how much it swings.

The views, limits and budget are those of the detector without settings (`core.signals.adaptive`), which looks at whole series. Here
a reading costs a few additions and two minutes a few means and medians; the limits are learned anew about once an hour. CPU and
devices are judged by what their server is asked, where that is known. How much it swings is judged in logarithms, whose own scatter
does not depend on its size (Crowder & Hamilton 1992, J. Quality Technology 24:12), and of steps in place of variances: a shift of
the level is one step.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import exp, inf, isfinite, log, nan

import numpy as np

from mlcontrol.core import series
from mlcontrol.core.load import Aspect, Load, Unusual
from mlcontrol.core.signals import adaptive
from mlcontrol.core.signals.load_traffic import ByTraffic, by_traffic
from mlcontrol.core.signals.noise import Floats, median
from mlcontrol.core.signals.slope import steady_climb
from mlcontrol.core.signals.tail import share_above

BUCKET_S = 120.0
DAY = 720
KEPT = 2 * DAY
"""Buckets: with yesterday whole, its rises and falls are known as a habit before they come again."""
SLACK = 120
VIEWS = adaptive.VIEWS[1:]
"""A single bucket is nobody's concern: it is judged in the mean of four."""
SLOW = 16
"""Means of so many buckets and more cannot be told from a daily swing before there is a day to compare with."""
SWING = adaptive.SCATTER
LEARNING = adaptive.LEARNING
NEW_PART = 4
"""The newest of so many parts teaches no limits: what climbs slowly must not pass for a habit while it is being found."""
JUDGED_AGAIN = 60
SET_BACK = 3
"""Buckets: what is dated earlier than that is no late answer, but a clock that was set."""
QUIET = 5
"""Buckets within limits that end what is unusual: what flaps is one."""
BACK = 0.7
"""Of the limit: what is unusual must come back so far."""
AT_LEAST = 0.03
"""Of its level, or of the machine: a smaller change is nobody's concern, however sure it is."""
AT_LEAST_SWING = 0.002
OFTEN = 1.5
"""Times the usual swing, or that part of it, that is worth a word."""
ONSET = DAY // 2
LEFT = 0.3
"""Of the way from what was usual to where it was found: there it began."""
CLIMBS = (180, 45)
"""Buckets that a climb is seen over: a gentle one needs long, one that has ended is not seen any more in the last of them."""
LEAST_CLIMB = 0.5
"""Of how far it may be from its level: what moves less than that meanwhile does not climb."""
SHARES = (series.CPU_SHARE, series.GPU_SHARE)
ASKED = (*SHARES, series.CPU_CORES)
"""What rises with the queries that a server is asked."""
AT, VALUE, PER_S, STEP, N, REST, MOVED = range(7)


@dataclass(slots=True)
class _View:
    """``unit`` and ``limit``: as `adaptive.learned` gives them; NaN until there is enough to learn from."""

    width: int
    before: int
    unit: float = nan
    limit: float = nan
    base: float = nan
    due: int = 0

    def look(self, values: Floats) -> tuple[float, float]:
        """How far the newest mean is from those before, and how far it may be."""
        if self.due <= 0:
            end = max(1, values.size - self.width + 1)
            self.base = float(median(values[max(0, end - self.before) : end]))
            self.due = max(1, self.before // 16)
        self.due -= 1
        return float(values[-self.width :].mean(dtype=np.float64)) - self.base, self.unit * self.limit

    def learn(self, values: Floats, per_reading: float, finest: float) -> None:
        learning = LEARNING + self.width
        if values.size >= learning:
            away = adaptive.trailing_mean(values, self.width) - adaptive.past_median(values, self.width, self.before)
            unit, limit = adaptive.learned(away[learning // 2 :], values, finest, per_reading)
            self.unit, self.limit = float(unit), float(limit)  # of an idle device, so small that numpy would warn
        self.due = 0


@dataclass(slots=True)
class _Held:
    """What was found and has not ended. ``base``, ``reach``: what was usual when it began. ``quiet``: buckets in limits since."""

    up: bool
    base: float
    reach: float
    since_s: float
    quiet: int = 0


@dataclass(slots=True)
class LoadWatch:
    """``limit``: what the load cannot pass. ``budget_per_week``: false alarms of this one load. *Thread:* one."""

    metric: str
    source: str
    device: str = ""
    limit: float | None = None
    budget_per_week: float = 0.5
    _rows: np.ndarray = field(default_factory=lambda: np.zeros((7, KEPT + SLACK), np.float32))
    _begun: float = 0.0  # the bucket that times are counted from: a short number cannot hold them
    _used: int = 0
    _open: list[float] = field(default_factory=list)  # bucket, n, sum, queries per second, steps, how many steps
    _last: tuple[float, float] = (-inf, nan)
    _since_learned: int = 0
    _traffic: ByTraffic | None = None
    _least_step: float = 1e-12
    _views: tuple[_View, ...] = field(default_factory=lambda: tuple(_View(*view) for view in VIEWS))
    _swing: _View = field(default_factory=lambda: _View(1, 288))
    _held: dict[Aspect, _Held] = field(default_factory=dict)

    def add(self, at_s: float, value: float, per_s: float | None) -> bool:
        """Take a reading; true when it closed a bucket. ``per_s``: queries that its server is asked, where that is known."""
        bucket = at_s // BUCKET_S
        if self._open and bucket < self._open[0]:
            if self._open[0] - bucket <= SET_BACK:
                return False
            self._set_back(self._open[0] - bucket)
        closed = bool(self._open) and bucket > self._open[0]
        if closed:
            self._close()
        if not self._open:
            self._open = [bucket, 0.0, 0.0, 0.0, 0.0, 0.0]
        known, (before_s, before) = self._open, self._last
        known[1] += 1
        known[2] += value
        known[3] += nan if per_s is None else per_s
        if at_s - before_s < 3 * BUCKET_S:
            known[4] += abs(value - before)
            known[5] += 1
        self._last = at_s, value
        return closed

    def _set_back(self, by: float) -> None:
        """The clock that dates readings was set: what is past stays as long ago as it was."""
        self._open[0] -= by
        self._begun -= by
        for held in self._held.values():
            held.since_s -= by * BUCKET_S

    def remember(self, past: Floats) -> None:
        """Put a past before what was seen. ``past``: rows of buckets (UTC s / `BUCKET_S`, ascending), means, queries a second (NaN:
        not known), mean steps, and readings. It is learned from all but the last two hours, and these are judged: what was unusual
        when the engine ended still is."""
        seen = self._rows[:5, : self._used].astype(np.float64)
        seen[AT] += self._begun
        first = seen[AT, 0] if self._used else self._open[0] if self._open else inf
        whole = np.concatenate([past[:, past[AT] < first], seen], axis=1)[:, -KEPT:]
        learned = max(0, whole.shape[1] - JUDGED_AGAIN)
        self._held.clear()
        self._used = learned
        if learned:
            self._begun = whole[AT, 0]
            self._rows[:5, :learned] = whole[:, :learned]
            self._rows[AT, :learned] = whole[AT, :learned] - self._begun
            self._learn()
        for row in whole[:, learned:].T:
            self._take(row)

    def newest_per_s(self) -> float | None:
        """Queries a second over the newest whole bucket."""
        known = float(self._rows[PER_S, self._used - 1]) if self._used else nan
        return known if isfinite(known) else None

    def load(self) -> Load:
        """What it says now."""
        found = Load(self.metric, self.source, self.device, limit=self.limit, by_traffic=self._traffic is not None)
        rows = self._newest()
        if not rows.shape[1]:
            return replace(found, why="it has been read for less than two minutes")
        value, n = float(rows[VALUE, -1]), int(rows[N].sum())
        span_s = float(rows[AT, -1] - rows[AT, 0] + 1) * BUCKET_S
        found = replace(found, value=value, span_s=span_s, n=n)
        if not isfinite(self._views[0].unit):
            known, needed = (round(n * BUCKET_S / 60) for n in (rows.shape[1], LEARNING + VIEWS[0][0]))
            return replace(found, why=f"{known} of the {needed} minutes that it takes to know")
        quick, held = self._views[0], self._held.get(Aspect.LEVEL)
        # What is unusual does not become usual while it is told.
        limits = (quick.base, quick.unit * quick.limit) if held is None else (held.base, held.reach)
        low, high = self._usual(rows, *limits)
        unusual = tuple(self._told(aspect, held, rows) for aspect, held in self._held.items())
        return replace(found, low=low, high=high, unusual=unusual)

    def _close(self) -> None:
        bucket, n, total, asked, steps, pairs = self._open
        self._open = []
        self._take(np.array([bucket, total / n, asked / n, steps / pairs if pairs else 0.0, n]))

    def _take(self, row: Floats) -> None:
        if self._traffic is not None and not isfinite(row[PER_S]):
            return  # what it has to do with its traffic cannot be told of this bucket
        if self._used == self._rows.shape[1]:
            self._rows[:, :KEPT] = self._rows[:, -KEPT:].copy()
            self._used = KEPT
        if not self._used:
            self._begun = row[AT]
        new = self._rows[:, self._used]
        new[:5] = row
        new[AT] = row[AT] - self._begun
        self._used += 1
        self._since_learned += 1
        if not self._held and self._since_learned >= max(adaptive.STRETCH, min(self._used // 24, 30)):
            self._learn()
        else:
            new[REST] = self._unexplained(self._rows[:, self._used - 1 : self._used])[0]
            new[MOVED] = self._moved(self._rows[:5, max(0, self._used - SWING) : self._used])[-1]
        if isfinite(self._views[0].unit):
            self._look(self._newest())

    def _newest(self) -> Floats:
        return self._rows[:, max(0, self._used - KEPT) : self._used]

    def _learn(self) -> None:
        self._since_learned = 0
        rows = self._newest().astype(np.float64)
        asked = np.isfinite(rows[PER_S])
        self._traffic = None
        if self.metric in ASKED and np.count_nonzero(asked) > 0.9 * rows.shape[1]:
            rows = rows[:, asked]
            old = self._older(rows)
            self._traffic = by_traffic(old[PER_S], old[VALUE], self.limit)
        rows[REST] = self._unexplained(rows)
        self._least_step = adaptive.least_scatter(self._steps(rows))
        rows[MOVED] = self._moved(rows)
        self._used = rows.shape[1]
        self._rows[:, : self._used] = rows
        old = self._older(rows)
        share = share_above(self.budget_per_week, adaptive.WEEK_S / BUCKET_S) / (len(VIEWS) + 1)
        finest = adaptive.ROUNDING * float(np.max(np.abs(rows[VALUE])))
        for view in self._views:
            view.learn(old[REST], share, finest)
        self._swing.learn(old[MOVED], share, adaptive.SMALLEST_UNIT)

    def _older(self, rows: Floats) -> Floats:
        """What is learned from: all but the newest, once there is enough."""
        enough = max(LEARNING + VIEWS[0][0], rows.shape[1] - rows.shape[1] // NEW_PART)
        return rows[:, : min(rows.shape[1], enough)]

    def _unexplained(self, rows: Floats) -> Floats:
        value: Floats = np.asarray(rows[VALUE], dtype=np.float64)
        return value if self._traffic is None else self._traffic.unexplained(rows[PER_S], value)

    def _steps(self, rows: Floats) -> Floats:
        step: Floats = np.asarray(rows[STEP], dtype=np.float64)
        return step if self._traffic is None else step / self._traffic.scale(rows[PER_S])

    def _moved(self, rows: Floats) -> Floats:
        """Logarithms of the mean step over sixteen buckets, the greatest of them left out: that may be a shift of the level."""
        steps = self._steps(rows)
        if steps.size < SWING:
            return np.asarray(np.log(adaptive.trailing_mean(steps, SWING) + self._least_step), dtype=np.float64)
        windows = np.lib.stride_tricks.sliding_window_view(steps, SWING)
        whole = (windows.sum(axis=1) - windows.max(axis=1)) / (SWING - 1)
        early = adaptive.trailing_mean(steps[: SWING - 1], SWING)
        return np.asarray(np.log(np.concatenate([early, np.maximum(whole, 0.0)]) + self._least_step), dtype=np.float64)

    def _look(self, rows: Floats) -> None:
        level = max(float(median(np.abs(rows[VALUE]))), 1.0)
        level = 1.0 if self.metric in SHARES else level  # of the machine
        whole_day = rows[AT, -1] - rows[AT, 0] >= DAY
        blind = self.metric in ASKED and self._traffic is None and not whole_day
        best, chosen = (0.0, 0.0, inf), self._views[0]
        for view in self._views:
            if not isfinite(view.unit) or (blind and view.width >= SLOW):
                continue
            away, reach = view.look(rows[REST])
            if abs(away) / reach > best[0] and abs(away) >= AT_LEAST * level:
                best, chosen = (abs(away) / reach, away, reach), view
        self._hold(Aspect.LEVEL, best[0], best[1], chosen, rows)
        if not isfinite(self._swing.unit) or Aspect.LEVEL in self._held:
            return  # who is elsewhere swings as one does there
        away, reach = self._swing.look(rows[MOVED])
        if self._traffic is not None and not self._traffic.knows(float(rows[PER_S, -4:].mean())):
            return  # how much it swings when it is asked so much is not known
        swings = max(exp(self._swing.base), exp(self._swing.base + away)) - self._least_step
        worth = abs(away) >= log(OFTEN) and swings >= AT_LEAST_SWING * level
        self._hold(Aspect.SPREAD, abs(away) / reach if worth else 0.0, away, self._swing, rows)

    def _hold(self, aspect: Aspect, excess: float, away: float, view: _View, rows: Floats) -> None:
        held, up = self._held.get(aspect), away > 0
        if excess > 1.0 and (held is None or held.up is not up):
            since_s = self._onset(rows, view, away, aspect)
            self._held[aspect] = _Held(up, view.base, view.unit * view.limit, since_s)
        elif held is not None:
            held.quiet = 0 if excess > BACK and held.up is up else held.quiet + 1
            if held.quiet >= QUIET:
                del self._held[aspect]

    def _onset(self, rows: Floats, view: _View, away: float, aspect: Aspect) -> float:
        """When it had left what is usual by a good part of how far it has come."""
        if aspect is Aspect.SPREAD:
            far = rows[MOVED, -ONSET:] - view.base
        else:
            far = adaptive.trailing_mean(rows[REST, -ONSET:], VIEWS[0][0]) - view.base
        usual = np.flatnonzero(far / away < LEFT)
        first = min(int(usual[-1]) + 1, far.size - 1) if usual.size else 0
        return float(self._begun + rows[AT, -far.size + first]) * BUCKET_S

    def _usual(self, rows: Floats, base: float, reach: float) -> tuple[float, float]:
        """Between what values that base, and a departure from it, lie at the traffic of now."""
        low, high = base - reach, base + reach
        if self._traffic is not None:
            now = rows[PER_S, -VIEWS[0][0] :].mean(keepdims=True, dtype=np.float64)
            (least,), (most,) = self._traffic.between(now)
            scale = float(self._traffic.scale(now)[0])
            low, high = least + scale * low, most + scale * high
        return max(0.0, float(low)), min(float(high), inf if self.limit is None else max(self.limit, 0.0))

    def _told(self, aspect: Aspect, held: _Held, rows: Floats) -> Unusual:
        if aspect is Aspect.SPREAD:
            now, low, high = (
                max(0.0, exp(one) - self._least_step)
                for one in (float(rows[MOVED, -1]), held.base - held.reach, held.base + held.reach)
            )
            return Unusual(aspect, held.up, now, low, high, held.since_s)
        low, high = self._usual(rows, held.base, held.reach)
        now = float(rows[VALUE, -VIEWS[0][0] :].mean(dtype=np.float64))
        lasted = rows[VALUE, (self._begun + rows[AT]) * BUCKET_S >= held.since_s].astype(np.float64)
        least = LEAST_CLIMB * held.reach
        per_s = next((climb for n in CLIMBS if (climb := steady_climb(lasted[-n:], least))), 0.0) / BUCKET_S
        climbs = per_s if (per_s > 0) is held.up else 0.0
        reaches_s = None
        if climbs > 0 and self.limit is not None and now < self.limit:
            reaches_s = (self._begun + float(rows[AT, -1]) + 1) * BUCKET_S + (self.limit - now) / climbs
        return Unusual(aspect, held.up, now, low, high, held.since_s, 60.0 * climbs, reaches_s)
