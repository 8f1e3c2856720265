"""Series of many kinds with what is true of them, for change points and alerts. Times are UTC seconds, a minute or five apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
START_S = 1_700_000_000.0 // 86_400 * 86_400


def times(n: int, step_s: float = 60.0) -> Floats:
    return START_S + step_s * np.arange(n)


def ar(rng: np.random.Generator, n: int, rho: float, sigma: float = 1.0) -> Floats:
    """Stationary AR(1) noise with this marginal standard deviation."""
    from scipy.signal import lfilter

    shocks = rng.normal(size=n) * sigma * np.sqrt(1 - rho**2)
    shocks[0] = rng.normal() * sigma
    return np.asarray(lfilter([1.0], [1.0, -rho], shocks), dtype=np.float64)


def daily(at_s: Floats, amplitude: float) -> Floats:
    return amplitude * np.sin(2 * np.pi * (at_s % 86_400) / 86_400)


def weekly(at_s: Floats, amplitude: float) -> Floats:
    return amplitude * ((at_s // 86_400) % 7 < 5) * np.clip(np.sin(2 * np.pi * (at_s % 86_400) / 86_400), 0, 1)


@dataclass(frozen=True)
class Scenario:
    """``make(rng)`` gives times and values; ``truth``: indices at which it changes, none for a series without change."""

    name: str
    make: Callable[[np.random.Generator], tuple[Floats, Floats]]
    truth: tuple[int, ...] = ()


def _of(
    n: int, step_s: float, values: Callable[[np.random.Generator, Floats, Floats], Floats]
) -> Callable[..., tuple[Floats, Floats]]:
    def make(rng: np.random.Generator) -> tuple[Floats, Floats]:
        at_s, k = times(n, step_s), np.arange(n, dtype=np.float64)
        return at_s, values(rng, at_s, k)

    return make


def _slope(k: Floats, start: int, length: int) -> Floats:
    return np.clip((k - start) / length, 0, 1)


CALM = (
    Scenario("independent", _of(1440, 60, lambda g, t, k: g.normal(size=k.size))),
    Scenario("AR .4", _of(1440, 60, lambda g, t, k: ar(g, k.size, 0.4))),
    Scenario("AR .8", _of(1440, 60, lambda g, t, k: ar(g, k.size, 0.8))),
    Scenario("heavy tails", _of(1440, 60, lambda g, t, k: g.standard_t(2.5, size=k.size))),
    Scenario("skewed", _of(1440, 60, lambda g, t, k: np.exp(g.normal(size=k.size)))),
    Scenario("rare counts", _of(1440, 60, lambda g, t, k: g.poisson(0.3, size=k.size).astype(float))),
    Scenario("trend", _of(1440, 60, lambda g, t, k: g.normal(size=k.size) + 0.01 * k)),
    Scenario("days", _of(4032, 300, lambda g, t, k: ar(g, k.size, 0.4) + daily(t, 3))),
    Scenario("weeks", _of(4032, 600, lambda g, t, k: 0.5 * ar(g, k.size, 0.4) + weekly(t, 2))),
    Scenario("spikes", _of(1440, 60, lambda g, t, k: ar(g, k.size, 0.4) + 20 * (g.random(k.size) < 0.005))),
    Scenario("constant", _of(500, 60, lambda g, t, k: np.ones(k.size))),
)
CHANGED = (
    Scenario("step of 1 sigma", _of(1440, 60, lambda g, t, k: ar(g, k.size, 0.4) + (k >= 700)), (700,)),
    Scenario("step of 2 sigma", _of(1440, 60, lambda g, t, k: ar(g, k.size, 0.4) - 2 * (k >= 700)), (700,)),
    Scenario(
        "step on days", _of(4032, 300, lambda g, t, k: ar(g, k.size, 0.4) + daily(t, 3) + 2 * (k >= 2500)), (2500,)
    ),
    Scenario("late step", _of(1440, 60, lambda g, t, k: ar(g, k.size, 0.4) + 2 * (k >= 1410)), (1410,)),
    Scenario("bump", _of(2000, 60, lambda g, t, k: ar(g, k.size, 0.4) + 2 * ((k >= 800) & (k < 1100))), (800, 1100)),
    Scenario("few rows", _of(60, 60, lambda g, t, k: g.normal(size=k.size) + 3 * (k >= 40)), (40,)),
    Scenario("ramp", _of(2000, 60, lambda g, t, k: ar(g, k.size, 0.4) + 4 * _slope(k, 900, 500)), (900,)),
    Scenario(
        "step on a trend",
        _of(4000, 300, lambda g, t, k: ar(g, k.size, 0.4) + 0.003 * k + 4 * (k >= 2400)),
        (2400,),
    ),
    Scenario(
        "trend that breaks",
        _of(4000, 300, lambda g, t, k: ar(g, k.size, 0.4) + 0.003 * k + 0.01 * np.clip(k - 2400, 0, None)),
        (2400,),
    ),
    Scenario("scatter", _of(2000, 60, lambda g, t, k: ar(g, k.size, 0.3) * np.where(k >= 1200, 3, 1)), (1200,)),
    Scenario("no noise", _of(500, 60, lambda g, t, k: np.where(k >= 300, 2.0, 1.0)), (300,)),
)
