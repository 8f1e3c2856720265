"""A series' own noise, learned from it and drawn anew: how it hangs together and how far its tails reach.

The textbook's limits are for normal readings. Counts of what is rare, waits and shares are skewed or heavy-tailed, and charts of
them with those limits signal up to hundreds of times as often as was promised. So the noise is drawn from what was seen, its tails
extended by a generalised Pareto law (Davison & Smith 1990), and a limit is where drawn noise goes out as seldom as it may.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from mlcontrol.core.signals.noise import Floats, rolling_median, spread
from mlcontrol.core.signals.tail import pareto_fit

AROUND = 30
"""Readings on either side that a reading's own level is the median of."""
FAR = 2.5
ROW = 4
"""Most of so many readings on either side this far off are an incident, and no noise."""
TAIL = 0.1
FEWEST_IN_TAIL = 8
BEYOND = 10
"""The law of the tail takes the place of so many of the highest readings; the others are drawn as they are."""
MANY = 100
TINY = 1e-12
USUAL = 3.0
"""Standard errors within which skewness and kurtosis are those of a normal law."""


@dataclass(frozen=True, slots=True)
class OwnNoise:
    """AR(1): ``rho`` and ``shocks`` with mean nought. ``normal``: nothing speaks against it. ``centre``: the mean of the readings,
    incidents and shifts apart."""

    centre: float
    rho: float
    shocks: Floats
    normal: bool

    def draw(self, n: int, seed: int = 1) -> Floats:
        from scipy.signal import lfilter

        rng = np.random.default_rng(seed)
        warm = 100
        shocks = self._shocks(rng, n + warm)
        if self.rho == 0.0:
            return shocks[warm:]
        return np.asarray(lfilter([1.0], [1.0, -self.rho], shocks)[warm:], dtype=np.float64)

    def _shocks(self, rng: np.random.Generator, n: int) -> Floats:
        if self.normal:
            return np.asarray(rng.normal(0.0, float(np.std(self.shocks)), n), dtype=np.float64)
        drawn = rng.choice(_without_ends(self.shocks), n)
        for side in (1.0, -1.0):
            start, shape, scale = _tail(side * self.shocks)
            if scale > 0:
                beyond = np.flatnonzero(side * drawn > start)
                # The inverse of the generalised Pareto law at uniform chances.
                chances = np.log(rng.random(beyond.size))
                away = -chances if shape < 1e-3 else np.expm1(-shape * chances) / shape
                drawn[beyond] = side * (start + scale * away)
        return np.asarray(drawn, dtype=np.float64)

    def shape(self, side: float) -> float:
        """How heavy that tail is: 0 falls off as an exponential law does."""
        return 0.0 if self.normal else _tail(side * self.shocks)[1]

    @property
    def independent(self) -> bool:
        """Nothing hangs together, or there is no noise to do so."""
        return self.rho == 0.0 or self.sigma <= TINY

    @property
    def sigma(self) -> float:
        """Of one reading."""
        return float(np.std(self.shocks)) / sqrt(1 - self.rho**2)


def long_run_sigma(values: Floats) -> float:
    """The standard deviation that charts of dependent normal readings need, that of AR(1) noise: sigma sqrt((1+rho)/(1-rho)), by
    what differences tell, so that a shift of the level hardly counts. It is wide rather than narrow."""
    one, rho = spread(np.diff(values)) / sqrt(2), hanging_together(values)
    return one / sqrt(1 - rho) * sqrt((1 + rho) / (1 - rho)) or spread(values)


def own_noise(values: Floats) -> OwnNoise:
    """``values``: finite, evenly spaced as far as known, more than a few."""
    rest = values - rolling_median(values, min(AROUND, max(1, values.size // 4)))
    calm = _calm(rest)
    pairs = calm[1:] & calm[:-1]
    after, before = rest[1:][pairs], rest[:-1][pairs]
    rho, mean = hanging_together(values), float(np.mean(_without_ends(after)))
    shocks = np.asarray((after - mean) - rho * (before - mean), dtype=np.float64)
    return OwnNoise(float(np.median(values)) + mean, rho, shocks, _looks_normal(shocks))


def _without_ends(values: Floats) -> Floats:
    """Without the highest and the lowest of many: what came once must not pass for usual."""
    return np.sort(values)[1:-1] if values.size >= MANY else values


def hanging_together(values: Floats) -> float:
    """The correlation of neighbours, a standard error more for safety; nought where so few readings could show as much by chance.

    From differences over one and two steps, whose variances are 2 sigma² (1-rho) and 2 sigma² (1-rho²): a shift of the level, which
    is what one looks for, touches few of them.
    """
    one, two = spread(np.diff(values)), spread(values[2:] - values[:-2])
    if one == 0:
        return 0.0
    rho, error = (two / one) ** 2 - 1.0, 1 / sqrt(values.size)
    return min(rho + error, 0.95) if rho >= max(0.1, 3 * error) else 0.0


def _calm(rest: Floats) -> np.ndarray:
    """False around stretches most of whose readings are far off: what noise does singly, an incident does in a row."""
    if rest.size < 10 * ROW:
        return np.ones(rest.size, dtype=bool)
    off = np.abs(rolling_median(rest, ROW)) > FAR * spread(rest)
    calm = ~np.convolve(off, np.ones(2 * ROW + 1), mode="same").astype(bool)
    return calm if np.count_nonzero(calm) > rest.size // 2 else np.ones(rest.size, dtype=bool)


def _looks_normal(shocks: Floats) -> bool:
    n, sigma = shocks.size, float(np.std(shocks))
    if sigma <= TINY or n < 20:
        return sigma <= TINY  # steps or a slope without noise: there is nothing to draw
    z = (shocks - np.mean(shocks)) / sigma
    skewness, kurtosis = float(np.mean(z**3)), float(np.mean(z**4)) - 3.0
    return abs(skewness) < USUAL * sqrt(6 / n) and abs(kurtosis) < USUAL * sqrt(24 / n)


def _tail(shocks: Floats) -> tuple[float, float, float]:
    """(where it takes over, shape, scale) of the upper tail; scale 0: too few. It is fitted to a tenth, without the highest: one
    incident must not hide the next."""
    ordered = np.sort(shocks)
    count = int(max(FEWEST_IN_TAIL, TAIL * ordered.size))
    start, over = float(ordered[-min(count, ordered.size)]), float(ordered[-min(BEYOND, ordered.size)])
    excess = ordered[ordered > start] - start
    if excess.size < FEWEST_IN_TAIL:
        return over, 0.0, 0.0
    shape, scale = pareto_fit(excess[:-1] if ordered.size >= MANY else excess)
    return over, shape, scale + shape * (over - start)
