"""The repeating part of a series: what a time of day, or of the week, usually adds. Removed only where it proves itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcontrol.core.signals.noise import Floats, median, rolling_median

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
SLOTS = {DAY_S: 96, WEEK_S: 168}
FEWEST_PERIODS = 3.0
FEWEST_PER_PERIOD = 8
PROVEN = 0.15  # share of the variance which a profile must foretell in periods it was not made of


@dataclass(frozen=True, slots=True)
class Season:
    """``profile``: what to take off, by slot of the period; its median is 0."""

    period_s: float
    profile: Floats

    def at(self, at_s: Floats) -> Floats:
        """The seasonal part at these times, linear between the middles of slots."""
        slots = self.profile.size
        place = (at_s % self.period_s) / self.period_s * slots - 0.5
        low = np.floor(place).astype(int)
        part = place - low
        here, following = self.profile[low % slots], self.profile[(low + 1) % slots]
        return np.asarray(here * (1 - part) + following * part, dtype=np.float64)


def find_season(at_s: Floats, values: Floats) -> Season | None:
    """The weekly season, else the daily, that foretells periods it was not made of; `None` when neither does.

    ``at_s``: UTC seconds, ascending; ``values``: finite. Needs three periods.
    """
    best: Season | None = None
    best_share = PROVEN
    for period_s in (DAY_S, WEEK_S):
        share, season = _try(at_s, values, period_s)
        # A week must beat a day clearly: it has seven times as many figures to be wrong in.
        if season is not None and share > best_share + (0.05 if best is not None else 0.0):
            best, best_share = season, share
    return best


def _try(at_s: Floats, values: Floats, period_s: float) -> tuple[float, Season | None]:
    span = at_s[-1] - at_s[0] if at_s.size else 0.0
    periods = span / period_s
    if periods < FEWEST_PERIODS or at_s.size / periods < FEWEST_PER_PERIOD:
        return 0.0, None
    slots = int(min(SLOTS[period_s], at_s.size / periods))
    level = _level(values, round(at_s.size / periods))
    rest = values - level
    slot = ((at_s % period_s) / period_s * slots).astype(int) % slots
    number = ((at_s - at_s[0]) // period_s).astype(int)
    order = _by_slot(rest, slot)
    first = number[order] % 2 == 0
    even, odd, profile = (_profile(rest[part], slot[part], slots) for part in (order[first], order[~first], order))
    if even is None or odd is None or profile is None:
        return 0.0, None
    # Each half is foretold by the other; absolute errors, so that one spike decides nothing.
    foretold = np.where(number % 2 == 0, odd[slot], even[slot])
    unexplained = float(np.sum(np.abs(rest - foretold)))
    whole = float(np.sum(np.abs(rest - np.median(rest))))
    return (1.0 - unexplained / whole, Season(period_s, profile)) if whole > 0 else (0.0, None)


def _level(values: Floats, per_period: int) -> Floats:
    """A slow level: medians of one period around every eighth of it, joined by lines."""
    half = max(1, per_period // 2)
    stride = max(1, per_period // 8)
    places = np.arange(0, values.size, stride)
    whole = (places >= half) & (places + half < values.size)
    medians = np.empty(places.size)
    if whole.any():
        windows = np.lib.stride_tricks.sliding_window_view(values, 2 * half + 1)
        medians[whole] = np.median(windows[places[whole] - half], axis=1)
    medians[~whole] = [median(values[max(0, p - half) : p + half + 1]) for p in places[~whole].tolist()]
    return np.interp(np.arange(values.size), places, medians)


def _by_slot(rest: Floats, slot: np.ndarray) -> np.ndarray:
    """The order of the readings by slot, and in each slot by size."""
    order = np.argsort(rest)
    return np.asarray(order[np.argsort(slot[order].astype(np.int16), kind="stable")])


def _profile(rest: Floats, slot: np.ndarray, slots: int) -> Floats | None:
    """Median by slot, lightly smoothed; `None` when a slot was never seen. In the order of `_by_slot`."""
    counts = np.bincount(slot, minlength=slots)
    if np.any(counts == 0):
        return None
    begins = np.cumsum(counts) - counts
    raw = (rest[begins + (counts - 1) // 2] + rest[begins + counts // 2]) / 2
    half = slots // 48
    if half:
        ring = np.concatenate([raw[-half:], raw, raw[:half]])
        raw = rolling_median(ring, half)[half:-half]
    return np.asarray(raw - np.median(raw), dtype=np.float64)
