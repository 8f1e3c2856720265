"""Always-valid tests of one proportion: golden items, users' feedback, evaluators' judgements.

Robbins' mixture with a beta prior, truncated to the alternative for the one-sided test (Howard, Ramdas, McAuliffe & Sekhon,
Annals of Statistics 2021; Waudby-Smith & Ramdas, JRSSB 2023).
"""

from __future__ import annotations

from math import exp, inf, lgamma, log, log1p

_STEPS = 400
_TINY = 1e-300


def log_e_below(good: int, bad: int, at_least: float, prior: tuple[float, float] = (1.0, 1.0)) -> float:
    """ln E against "the proportion of good is at least ``at_least``", after ``good`` and ``bad`` observations."""
    _require_inside(at_least)
    a, b = prior
    posterior = _log_beta(a + good, b + bad) + _log_incomplete(a + good, b + bad, at_least)
    before = _log_beta(a, b) + _log_incomplete(a, b, at_least)
    return posterior - before - good * log(at_least) - bad * log1p(-at_least)


def log_e_above(good: int, bad: int, at_most: float, prior: tuple[float, float] = (1.0, 1.0)) -> float:
    """ln E against "the proportion of good is at most ``at_most``": the mirror image."""
    return log_e_below(bad, good, 1.0 - at_most, (prior[1], prior[0]))


def proportion_interval(
    good: int, bad: int, alpha: float = 0.05, prior: tuple[float, float] = (1.0, 1.0)
) -> tuple[float, float]:
    """The proportions not rejected at ``alpha`` now, by the two-sided mixture; valid at any moment. (0, 1) without data."""
    a, b = prior
    observed = good + bad
    if observed == 0:
        return 0.0, 1.0
    level = _log_beta(a + good, b + bad) - _log_beta(a, b) - log(1.0 / alpha)
    peak = good / observed

    def inside(p: float) -> bool:
        likelihood = (good * log(p) if good else 0.0) + (bad * log1p(-p) if bad else 0.0)
        return likelihood > level

    lower = 0.0 if good == 0 else _edge(inside, _TINY, peak if peak < 1.0 else 1.0 - 1e-16)
    upper = 1.0 if bad == 0 else 1.0 - _edge(lambda q: inside(1.0 - q), 1e-16, 1.0 - peak)
    return lower, upper


def _edge(inside: object, outside_at: float, inside_at: float) -> float:
    assert callable(inside)
    low, high = outside_at, inside_at
    for _ in range(200):
        middle = 0.5 * (low + high)
        if inside(middle):
            high = middle
        else:
            low = middle
    return high


def _require_inside(p: float) -> None:
    if not 0.0 < p < 1.0:
        raise ValueError(f"a proportion to test against lies between 0 and 1, not at {p}")


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _log_incomplete(a: float, b: float, x: float) -> float:
    """ln of the regularised incomplete beta function I_x(a, b), by Lentz' continued fraction (DLMF 8.17.22)."""
    front = a * log(x) + b * log1p(-x) - _log_beta(a, b)
    if x < (a + 1.0) / (a + b + 2.0):
        return front + log(_fraction(a, b, x)) - log(a)
    other = exp(front) * _fraction(b, a, 1.0 - x) / b
    return log1p(-other) if other < 1.0 else -inf


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, _STEPS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + numerator * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + numerator / c
            c = c if abs(c) > _TINY else _TINY
            value *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return value
