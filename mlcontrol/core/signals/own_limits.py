"""Limits of a control chart where a series' own noise goes out of them as seldom as the budget allows, found by drawing it."""

from __future__ import annotations

from math import ceil, expm1, log

import numpy as np

from mlcontrol.core.signals.noise import Floats
from mlcontrol.core.signals.own_noise import OwnNoise
from mlcontrol.core.signals.spc import CUSUM_SLACK, EWMA_WEIGHT, Chart, one_sided_runs, run_of_budget

DRAWN = 400_000
CHAINS = 500
WARM = 100
SAME = 1e-6
FEWEST_TIMES = 40
"""Seldomer than so many times among the drawn, what is not seen often enough is extended by the tail's law."""


def own_chart(noise: OwnNoise, away: Floats, kind: str, arl0: float, drawn: int = DRAWN) -> Chart:
    """Of readings less the noise's centre (``away``), in its sigmas; the limits of either side are as far as it reaches there."""
    if kind == "nelson":
        return _nelson(noise, away, arl0, drawn)
    scale = 1.0 if kind == "cusum" else noise.sigma
    low, high = own_limits(noise, kind, arl0, drawn)
    up, down = plotted(kind, away, noise.sigma)
    full = np.ones(away.size)
    shown = np.where(up >= -down, up, down)
    return Chart(shown / scale, full * low / scale, full * high / scale, (up > high) | (down < low))


def _nelson(noise: OwnNoise, away: Floats, arl0: float, drawn: int) -> Chart:
    """Half of the false alarms beyond the limits, half by runs on one side of the median."""
    plain = own_chart(noise, away, "shewhart", 2 * arl0, drawn)
    length, middle = own_run(noise, 0.5 / arl0, drawn)
    runs = one_sided_runs(_sides(away - middle, noise), length)
    return Chart(plain.value, plain.low, plain.high, plain.out | runs, length)


def own_run(noise: OwnNoise, rate: float, many: int = DRAWN) -> tuple[int, float]:
    """(How long runs on one side of the median are that come ``rate`` times a reading, the median less the noise's centre)."""
    drawn = noise.draw(many).reshape(CHAINS, -1)[:, WARM:]
    middle = float(np.median(drawn))
    side = np.pad(_sides(drawn - middle, noise), ((0, 0), (0, 1))).ravel()  # no run goes on into the next chain
    starts = np.flatnonzero(np.diff(side, prepend=0.0))
    lengths = np.diff(starts, append=side.size)[side[starts] != 0]
    reach = np.bincount(lengths, minlength=2)[::-1].cumsum()[::-1]  # runs of at least so many
    wanted, longest = rate * drawn.size, int(np.flatnonzero(reach >= FEWEST_TIMES).max(initial=0))
    if longest < 2:  # it hardly leaves its median
        return run_of_budget(0.5 / rate), middle
    seldom = np.flatnonzero(reach[: longest + 1] <= wanted)
    if seldom.size:
        return max(2, int(seldom[0])), middle
    # Beyond what is seen often enough, each reading more makes a run as much seldomer as the last ones did.
    half = longest // 2
    fewer = log(reach[half] / reach[longest]) / (longest - half)
    return longest + ceil(log(reach[longest] / wanted) / max(fewer, 0.01)), middle


def _sides(away: Floats, noise: OwnNoise) -> Floats:
    """-1, 0 or 1; what differs by less than a millionth of sigma is the same value, computed in another way."""
    return np.where(np.abs(away) <= SAME * noise.sigma, 0.0, np.sign(away))


def own_limits(noise: OwnNoise, kind: str, arl0: float, many: int = DRAWN) -> tuple[float, float]:
    """(low, high) of what the chart plots of readings less their centre, in their own unit (a CUSUM's in `OwnNoise.sigma`). Each
    side has half of the false alarms; going out counts, staying out does not."""
    drawn = noise.draw(many)
    up, down = plotted(kind, drawn.reshape(CHAINS, -1), noise.sigma)
    rate = 0.5 / arl0
    return -_limit(-down[:, WARM:], rate, noise.shape(-1.0)), _limit(up[:, WARM:], rate, noise.shape(1.0))


def plotted(kind: str, away: Floats, sigma: float) -> tuple[Floats, Floats]:
    """What is held against the upper limit and against the lower one; ``away``: readings less their centre, time along the last
    axis. They are one but for a CUSUM."""
    if kind == "shewhart":
        return away, away
    if kind == "ewma":
        from scipy.signal import lfilter

        smooth = np.asarray(lfilter([EWMA_WEIGHT], [1.0, EWMA_WEIGHT - 1.0], away), dtype=np.float64)
        return smooth, smooth
    up, down = np.zeros(away.shape), np.zeros(away.shape)
    above, below = np.zeros(away.shape[:-1]), np.zeros(away.shape[:-1])
    for i in range(away.shape[-1]):
        z = away[..., i] / sigma
        above, below = np.maximum(0.0, above + z - CUSUM_SLACK), np.maximum(0.0, below - z - CUSUM_SLACK)
        up[..., i], down[..., i] = above, -below
    return up, down


def _limit(values: Floats, rate: float, shape: float) -> float:
    """The level that is passed upwards ``rate`` times a reading."""
    before, after = values[:, :-1], values[:, 1:]
    readings = before.size
    rising = after > before
    before, after = before[rising], after[rising]
    if after.size == 0:  # it never moves to this side
        return float(values.max()) + float(np.ptp(values))
    often = FEWEST_TIMES / readings
    if rate >= often:
        return _level(before, after, rate * readings)
    # Two levels that are passed ten times as often and as often as can be counted tell the scale of the tail.
    lower, upper = _level(before, after, 10 * FEWEST_TIMES), _level(before, after, FEWEST_TIMES)
    return upper + (upper - lower) / _reach(10.0, shape) * _reach(often / rate, shape) * float(10.0**shape)


def _reach(times: float, shape: float) -> float:
    """How far out a generalised Pareto law of scale 1 is so many times as seldom."""
    return log(times) if shape < 1e-3 else expm1(shape * log(times)) / shape


def _level(before: Floats, after: Floats, times: float) -> float:
    low, high = float(np.median(after)), float(np.max(after))
    finest = 1e-9 * (high - low)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if np.count_nonzero((before <= middle) & (after > middle)) > times else (low, middle)
    return high + finest  # never on a value that readings can have
