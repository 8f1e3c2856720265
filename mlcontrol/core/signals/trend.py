"""Trend and season of a series whose noise hangs together: harmonic regression with AR(1) errors, and its prediction limits.

y = a + b t + daily and weekly harmonics + u, u autoregressive of order one. Fitted by generalised least squares on the series made
white (Prais and Winsten 1954; gaps by the power of the correlation over them), iterated. A forecast h steps ahead is the regression
plus what is left of the last residual, with the variance of the noise by then and of the coefficients (Harvey, Forecasting, 1989,
ch. 5). Seasons are taken where Akaike's corrected criterion asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from mlcontrol.core.signals.noise import Floats

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
HARMONICS = {DAY_S: 4, WEEK_S: 6}
PERIODS_NEEDED = 3.0
MOST_RHO = 0.98
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Fit:
    """``beta``: intercept, trend per second, then harmonics; ``covariance`` of it. ``sigma``: of the noise as it is, not of its
    innovations. ``last``: the last residual. Times are centred on ``origin_s``."""

    beta: Floats
    covariance: Floats
    sigma: float
    rho: float
    last: float
    last_s: float
    origin_s: float
    step_s: float
    periods: tuple[float, ...]
    n: int
    aicc: float

    @property
    def freedom(self) -> int:
        return self.n - self.beta.size


def fit(at_s: Floats, values: Floats, step_s: float, rho: float | None = None) -> Fit:
    """The best of no season, a daily one, and a weekly one besides, of those that the span has seen three times.

    ``at_s``: ascending bucket times ``step_s`` or a multiple of it apart; at least 30 finite ``values``. ``rho``: instead of the
    estimated correlation of neighbours.
    """
    span_s = float(at_s[-1] - at_s[0]) + step_s
    seen = [period for period in (DAY_S, WEEK_S) if span_s >= PERIODS_NEEDED * period and step_s <= period / 12]
    sets = [tuple(seen[:count]) for count in range(len(seen) + 1)]
    fits = [_fit(at_s, values, step_s, periods, rho) for periods in sets if at_s.size > 3 * _columns(periods)]
    return min(fits, key=lambda one: one.aicc)


def predict(found: Fit, at_s: Floats, level: float = 0.95) -> tuple[Floats, Floats, Floats]:
    """Expected values at later times, and the limits between which a single reading lies with ``level``."""
    from scipy.stats import t

    ahead = (at_s - found.last_s) / found.step_s
    kept = np.where(found.rho == 0, 0.0, found.rho**ahead)
    rows = _design(at_s, found.origin_s, found.periods)
    expected = rows @ found.beta + kept * found.last
    # What the last residual already tells of the coefficients is not uncertain twice.
    lever = rows - kept[:, None] * _design(np.array([found.last_s]), found.origin_s, found.periods)
    of_beta = np.einsum("ij,jk,ik->i", lever, found.covariance, lever)
    width = t.ppf((1 + level) / 2, found.freedom) * np.sqrt(found.sigma**2 * (1 - kept**2) + of_beta)
    return expected, expected - width, expected + width


def trend_interval(found: Fit, level: float = 0.95) -> tuple[float, float, float]:
    """The trend per second and its interval."""
    from scipy.stats import t

    width = float(t.ppf((1 + level) / 2, found.freedom) * np.sqrt(found.covariance[1, 1]))
    slope = float(found.beta[1])
    return slope, slope - width, slope + width


def _fit(at_s: Floats, values: Floats, step_s: float, periods: tuple[float, ...], rho: float | None) -> Fit:
    origin_s = float(at_s.mean())
    design = _design(at_s, origin_s, periods)
    apart = np.maximum(1.0, np.round(np.diff(at_s) / step_s))
    known = 0.0 if rho is None else rho
    beta, inverse, white = _solve(design, values, apart, known)
    for _ in range(_ROUNDS if rho is None else 0):
        rest = values - design @ beta
        fresh = _correlation(rest, apart)
        if abs(fresh - known) < 1e-6:
            break
        known = fresh
        beta, inverse, white = _solve(design, values, apart, known)
    n, p = design.shape
    variance = float(white @ white) / (n - p)
    rest = values - design @ beta
    logs = float(np.sum(np.log(1 - known ** (2 * apart)))) if known > 0 else 0.0
    free = p + 2  # the coefficients, the variance and the correlation
    likelihood = n * log(max(float(white @ white) / n, 1e-300)) + logs
    aicc = likelihood + 2 * free + 2 * free * (free + 1) / max(1, n - free - 1)
    return Fit(
        beta,
        variance * inverse,
        variance**0.5,
        known,
        float(rest[-1]),
        float(at_s[-1]),
        origin_s,
        step_s,
        periods,
        n,
        aicc,
    )


def _solve(design: Floats, values: Floats, apart: Floats, rho: float) -> tuple[Floats, Floats, Floats]:
    """Coefficients, the inverse of the normal matrix, and the residuals made white, each with the variance of the noise itself."""
    kept = rho**apart if rho > 0 else np.zeros(apart.size)
    scale = np.sqrt(1 - kept**2)
    x = np.concatenate([design[:1], (design[1:] - kept[:, None] * design[:-1]) / scale[:, None]])
    y = np.concatenate([values[:1], (values[1:] - kept * values[:-1]) / scale])
    # By QR of columns of one size: hours since the epoch beside cosines would lose half of the digits.
    size = np.maximum(np.sqrt(np.sum(x * x, axis=0)), 1e-300)
    q, r = np.linalg.qr(x / size)
    inverse_r = np.linalg.inv(r)
    beta = (inverse_r @ (q.T @ y)) / size
    inverse = (inverse_r @ inverse_r.T) / np.outer(size, size)
    return beta, inverse, y - x @ beta


def _correlation(rest: Floats, apart: Floats) -> float:
    """Of neighbours one step apart, with what the shortness of a series takes off given back (Kendall 1954)."""
    pairs = np.flatnonzero(apart == 1)
    below = float(rest[pairs] @ rest[pairs])
    if pairs.size < 10 or below <= 0:
        return 0.0
    raw = float(rest[pairs] @ rest[pairs + 1]) / below
    return float(np.clip(raw + (1 + 3 * raw) / pairs.size, 0.0, MOST_RHO))


def _columns(periods: tuple[float, ...]) -> int:
    return 2 + 2 * sum(HARMONICS[period] for period in periods)


def _design(at_s: Floats, origin_s: float, periods: tuple[float, ...]) -> Floats:
    columns = [np.ones(at_s.size), at_s - origin_s]
    for period in periods:
        turns = 2 * np.pi * (at_s % period) / period
        for k in range(1, HARMONICS[period] + 1):
            columns += [np.cos(k * turns), np.sin(k * turns)]
    return np.stack(columns, axis=1)
