"""Change points of a series, each with the interval in which it lies and how sure it is.

Segments by exact least squares, penalty 3·log(n)·long-run variance: with the plain variance, autocorrelated noise yields several
false changes a day.
The location interval is Bai's (1997, REStat 79:551): 11 long-run variances over the squared jump, to either side, for 95 %.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, erfc, log, sqrt

import numpy as np

from mlcontrol.core.signals.change import ChangePoint, Shape
from mlcontrol.core.signals.noise import Floats, long_run_variance, noise_sigma, spread, without_spikes
from mlcontrol.core.signals.ramp import find_ramp
from mlcontrol.core.signals.season import find_season
from mlcontrol.core.signals.segmentation import best_cuts
from mlcontrol.core.signals.slope import steady_slope

FEWEST = 20
MOST_SEGMENTED = 2500
"""The exact segmentation takes quadratic time where nothing changes: longer series are segmented by means of neighbours."""
BAI_95 = 11.0
FEWEST_STAIRS = 2
SURE = 0.95
FEW_AT_AN_END = 10  # readings
SMALLEST_JUMP = 0.4  # of the spread of single readings
SMALLEST_RATIO = 1.8  # of spreads
PENALTY_LOGS = 3.0
NOISIER = 9.0
"""Of variances: three times the scatter."""


@dataclass(frozen=True, slots=True)
class Noise:
    """``sigma`` of single readings; ``long_run`` variance per reading of long means; ``memory``: how much more a long mean varies
    than one of independent readings."""

    sigma: float
    long_run: float
    memory: float


def change_points(at_s: Floats, values: Floats) -> tuple[ChangePoint, ...]:
    """Changes of level, of trend and of scatter, oldest first.

    ``at_s``: UTC seconds, ascending; ``values`` of equal length, NaN for a gap. Fewer than 20 readings have none.
    """
    kept = np.flatnonzero(np.isfinite(values) & np.isfinite(at_s))
    if kept.size < FEWEST:
        return ()
    times, clean = at_s[kept].astype(np.float64), values[kept].astype(np.float64)
    unit = float(np.max(np.abs(clean))) or 1.0  # keeps squares of 1e300 finite
    clean = clean / unit
    season = find_season(times, clean)
    if season is not None:
        clean = clean - season.at(times)
    shortest = max(5, min(30, clean.size // 100))
    calm = without_spikes(clean, shortest)
    found = _levels(times, calm, shortest)
    sloping = any(c.shape is Shape.RAMP for c in found)
    if (sloping or len(found) >= FEWEST_STAIRS) and (slope := _slope(calm, shortest)):
        drift = slope * np.arange(clean.size)
        on_slope = _levels(times, calm - drift, shortest, slope)
        # A ramp is told at least as well by a corner between two slopes, and never goes untold.
        if (on_slope or not sloping) and len(on_slope) < len(found) + sloping:
            found, clean, calm = on_slope, clean - drift, calm - drift
    level = np.repeat(*_steps(calm, [c.index for c in found]))
    spreads = [] if found and _mostly_moving(found, calm.size) else _spreads(times, clean - level, shortest, found)
    ordered = sorted([*found, *spreads], key=lambda c: c.index)
    return tuple(replace(c, index=int(kept[c.index]), before=c.before * unit, after=c.after * unit) for c in ordered)


def _slope(values: Floats, shortest: int) -> float:
    """The slope that the changes stand on, where telling the series as steps on it costs less than as steps alone."""
    step = PENALTY_LOGS * log(values.size) * segment(values, shortest)[1]

    def cost(series: Floats) -> float:
        cuts, _ = segment(series, shortest)
        rest = series - np.repeat(*_steps(series, cuts))
        return float(rest @ rest) + step * len(cuts)

    return steady_slope(values, cost, step)


def _mostly_moving(found: list[ChangePoint], n: int) -> bool:
    """So many changes of level that what is left over says nothing of the scatter."""
    return len(found) > max(8, n // 200)


def _steps(values: Floats, cuts: list[int]) -> tuple[Floats, np.ndarray]:
    bounds = sorted(
        {0, *cuts, values.size}
    )  # a slope may begin where a step is: one place, not an empty stretch between two
    means = np.array([np.mean(values[a:b]) for a, b in pairwise(bounds)])
    return means, np.diff(bounds)


def segment(values: Floats, shortest: int, penalty_logs: float = PENALTY_LOGS) -> tuple[list[int], float]:
    """Where segments begin (without 0), and the long-run variance per reading that the penalty was made of."""
    bin_size = ceil(values.size / MOST_SEGMENTED)
    whole = values.size // bin_size * bin_size
    means = values[:whole].reshape(-1, bin_size).mean(axis=1)
    variance = max(long_run_variance(means), 1e-24)
    least = max(2, ceil(shortest / bin_size))
    if means.size < 2 * least:
        return [], variance * bin_size
    penalty = penalty_logs * log(means.size) * variance
    cuts = [cut * bin_size for cut in best_cuts(means, least, penalty)]
    return _refined(values, cuts, 2 * bin_size) if bin_size > 1 else cuts, variance * bin_size


def _refined(values: Floats, cuts: list[int], reach: int) -> list[int]:
    """Each cut at its best place within ``reach`` readings, one after the other."""
    moved = list(cuts)
    for i, cut in enumerate(moved):
        start = moved[i - 1] if i else 0
        stop = moved[i + 1] if i + 1 < len(moved) else values.size
        places = np.arange(max(start + 2, cut - reach), min(stop - 2, cut + reach) + 1)
        if places.size:
            sums = np.cumsum(values[start:stop])
            left = places - start
            below, above = sums[left - 1], sums[-1] - sums[left - 1]
            moved[i] = int(places[np.argmax(below**2 / left + above**2 / (stop - start - left))])
    return moved


def confidence_of(left: Floats, right: Floats, noise: Noise, tries: float) -> float:
    """1 - chance that noise alone shows such a jump between two means in one of ``tries`` places.

    A side that scatters more than the whole series counts with its own variance, memory included.
    """
    return max(0.0, 1.0 - tries * erfc(_jump(left, right, noise)[0] / sqrt(2)))


def _jump(left: Floats, right: Floats, noise: Noise) -> tuple[float, bool]:
    """The jump in its own standard errors, and whether a side is much noisier than the series as a whole."""
    own = [max(noise.long_run, float(np.var(side)) * noise.memory) for side in (left, right)]
    if max(own) > NOISIER * noise.long_run:  # a few readings do not tell that they are calm amid noise
        own = [max(own) if side.size < FEWEST else variance for variance, side in zip(own, (left, right), strict=True)]
    error = sqrt(sum(variance / side.size for variance, side in zip(own, (left, right), strict=True)))
    noisy = max(own) > NOISIER * noise.long_run
    return abs(float(np.mean(right) - np.mean(left))) / error, noisy


def _levels(times: Floats, values: Floats, shortest: int, slope: float = 0.0) -> list[ChangePoint]:
    """``slope``: per reading, what was taken off; levels are told with it."""
    cuts, variance = segment(values, shortest)
    rest = values - np.repeat(*_steps(values, cuts))
    # Where most values are equal, the steps themselves would pass for memory.
    wander = min(variance, long_run_variance(rest)) if rest.any() else variance
    noise = noise_of(spread(rest) or noise_sigma(values), variance, wander)
    tries = max(2.0, values.size / noise.memory / shortest)
    cuts = _sure_cuts(values, cuts, noise, SMALLEST_JUMP * noise.sigma, tries)
    bounds = [0, *cuts, values.size]
    found: list[ChangePoint] = []
    skip_to = 0
    for i in range(len(cuts)):
        if i < skip_to:
            continue
        ramp = find_ramp(values, bounds, i, PENALTY_LOGS * log(values.size) * variance)
        if ramp is not None:
            skip_to = ramp.last_cut + 1
            if ramp.start > 0:
                point = _ramp_point(times, values, ramp.start, ramp.stop, bounds[i], bounds[ramp.last_cut + 2])
                found.append(_raised(point, slope * ramp.start, slope * ramp.stop))
            continue
        point = _step_point(times, values, bounds[i : i + 3], noise, tries)
        found.append(_raised(point, slope * point.index, slope * point.index))
    return found


def _raised(point: ChangePoint, before: float, after: float) -> ChangePoint:
    return replace(point, before=point.before + before, after=point.after + after)


def noise_of(sigma: float, long_run: float, wander: float) -> Noise:
    """``wander``: the long-run variance that memory is told by."""
    variance = sigma**2  # 0 also where so small a number cannot be squared
    return Noise(sigma, long_run, max(1.0, wander / variance) if variance > 0 else 1.0)


def _step_point(times: Floats, values: Floats, place: list[int], noise: Noise, tries: float) -> ChangePoint:
    first, cut, last = place
    left, right = values[first:cut], values[cut:last]
    before, after = float(np.mean(left)), float(np.mean(right))
    width = ceil(min(BAI_95 * noise.long_run / max((after - before) ** 2, 1e-24), values.size)) + 1
    low, high = max(first, cut - width), min(last - 1, cut + width)
    sure = round(confidence_of(left, right, noise, tries), 4)
    return ChangePoint(float(times[cut]), float(times[low]), float(times[high]), cut, before, after, sure)


def _ramp_point(times: Floats, values: Floats, start: int, stop: int, first: int, last: int) -> ChangePoint:
    before = float(np.mean(values[first:start])) if start > first else float(values[first])
    after = float(np.mean(values[stop:last])) if stop < last else float(values[last - 1])
    reach = max(2, (stop - start) // 4)
    low, high = max(first, start - reach), min(stop, start + reach)
    return ChangePoint(
        float(times[start]), float(times[low]), float(times[high]), start, before, after, SURE, Shape.RAMP
    )


def _sure_cuts(values: Floats, cuts: list[int], noise: Noise, smallest: float, tries: float) -> list[int]:
    """Cuts without those, weakest first, whose jump is not sure or smaller than ``smallest``.

    A few readings at either end that are neither like the rest nor sure to differ are left out: they do not blur the level
    beside them, so that the first good readings after a burst do not hide the burst.
    """
    left, first, last = list(cuts), 0, values.size
    while left:
        bounds = [first, *left, last]
        parts = [values[a:b] for a, b in pairwise(bounds)]
        jumps = np.abs(np.diff([float(np.mean(part)) for part in parts]))
        sure = [confidence_of(a, b, noise, tries) for a, b in pairwise(parts)]
        # The penalty was that of the whole: where the noise is much more (another unit, say), it is paid again in its own.
        own = [_jump(a, b, noise) for a, b in pairwise(parts)]
        unpaid = [noisy and z * z < PENALTY_LOGS * log(values.size) for z, noisy in own]
        doubtful = [i for i in range(len(left)) if sure[i] < SURE or jumps[i] < smallest or unpaid[i]]
        if not doubtful:
            return left
        weakest = min(doubtful, key=lambda i: (sure[i], own[i][0] if unpaid[i] else jumps[i]))
        if weakest == len(left) - 1 and len(left) > 1 and last - left[-1] <= FEW_AT_AN_END:
            last = left[-1]
        elif weakest == 0 and len(left) > 1 and left[0] - first <= FEW_AT_AN_END:
            first = left[0]
        del left[weakest]
        moved = _refined(values[first:last], [cut - first for cut in left], max(2, values.size // 50))
        left = [first + cut for cut in moved]
    return left


def _spreads(times: Floats, rest: Floats, shortest: int, levels: list[ChangePoint]) -> list[ChangePoint]:
    """Changes of scatter: level changes of the logarithm of what is left over."""
    sigma = spread(rest)
    if sigma <= 0 or np.count_nonzero(rest) < 0.9 * rest.size:
        return []
    logs = np.log(np.abs(rest) + 0.05 * sigma)
    cuts, variance = segment(logs, 2 * shortest, 4.0)
    noise, tries = noise_of(float(np.std(logs)), variance, variance), max(2.0, rest.size / shortest)
    cuts = _sure_cuts(logs, cuts, noise, 0.0, tries)
    bounds = [0, *cuts, rest.size]
    found = []
    for i, cut in enumerate(cuts):
        before, after = spread(rest[bounds[i] : cut]), spread(rest[cut : bounds[i + 2]])
        # A step in the same place explains the scatter around it.
        known = any(abs(c.index - cut) <= 3 * shortest for c in levels)
        if not known and before and after and max(after / before, before / after) >= SMALLEST_RATIO:
            point = _step_point(times, logs, bounds[i : i + 3], noise, tries)
            found.append(replace(point, before=before, after=after, shape=Shape.SPREAD))
    return found
