"""How far two samples are apart, with the law that the distance follows when nothing has changed.

Tools disagree on these words, so they are fixed here: PSI on deciles of the reference with half a count added to every bin;
Jensen-Shannon distance to base 2; chi-square of homogeneity over both samples, not of one against the other taken as exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlcontrol.core.signals.noise import Floats

BINS = 10
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Distance:
    """``effect``: Kolmogorov's D for numbers, total variation for categories. ``psi_limit``: what PSI stays below in 95 % of cases
    without change. ``wasserstein``: in standard deviations of the reference, `None` for categories."""

    p_value: float
    effect: float
    psi: float
    psi_limit: float
    js: float
    wasserstein: float | None = None


def of_numbers(reference: Floats, current: Floats) -> Distance:
    """Both finite and not empty."""
    from scipy.stats import ks_2samp, wasserstein_distance

    edges = np.unique(np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1]))
    before = np.bincount(np.searchsorted(edges, reference, side="right"), minlength=edges.size + 1)
    after = np.bincount(np.searchsorted(edges, current, side="right"), minlength=edges.size + 1)
    test = ks_2samp(reference, current, method="asymp")
    deviation = float(np.std(reference)) or float(np.std(current)) or 1.0
    moved = float(wasserstein_distance(reference, current)) / deviation
    shape = of_counts(before, after)
    return Distance(float(test.pvalue), float(test.statistic), shape.psi, shape.psi_limit, shape.js, moved)


def of_counts(before: Counts, after: Counts) -> Distance:
    """Counts of the same categories; neither sum is 0."""
    n, m = int(before.sum()), int(after.sum())
    p, q = before / n, after / m
    return Distance(
        chi_square(before, after),
        total_variation(p, q),
        psi(before, after),
        psi_limit(before.size, n, m),
        js_distance(p, q),
    )


def kolmogorov(a: Floats, b: Floats) -> float:
    """The largest distance between two samples' empirical distribution functions. Both finite and not empty."""
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    apart = np.searchsorted(a, both, side="right") / a.size - np.searchsorted(b, both, side="right") / b.size
    return float(np.max(np.abs(apart)))


def total_variation(p: Floats, q: Floats) -> float:
    """Of shares of the same categories: 0 for equal, 1 for disjoint."""
    return float(np.abs(p - q).sum() / 2)


def psi(before: Counts, after: Counts) -> float:
    """Population stability index, half a count added to every bin."""
    p = (before + 0.5) / (before.sum() + 0.5 * before.size)
    q = (after + 0.5) / (after.sum() + 0.5 * after.size)
    return float(np.sum((q - p) * np.log(q / p)))


def psi_limit(bins: int, n: int, m: int, level: float = 0.95) -> float:
    """chi²(bins - 1) · (1/n + 1/m): the law of PSI without change (Yurdakul & Naranjo 2020, J. Risk Model Validation 14:4)."""
    from scipy.special import chdtri

    return float(chdtri(max(1, bins - 1), 1 - level) * (1 / n + 1 / m))


def js_distance(p: Floats, q: Floats) -> float:
    """Square root of the Jensen-Shannon divergence in bits: 0 for equal, 1 for disjoint."""
    middle = (p + q) / 2

    def bits(a: Floats) -> float:
        held = a > 0
        return float(np.sum(a[held] * np.log2(a[held] / middle[held])))

    return float(max(0.0, (bits(p) + bits(q)) / 2) ** 0.5)


def chi_square(before: Counts, after: Counts) -> float:
    """p of homogeneity. Categories with fewer than 5 expected in either sample are taken together, as the test needs."""
    from scipy.special import chdtrc

    table = np.stack([before, after]).astype(np.float64)
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=0) * table.sum(axis=1).min() / table.sum()
    rare = expected < 5
    if rare.any():
        table = np.concatenate([table[:, ~rare], table[:, rare].sum(axis=1, keepdims=True)], axis=1)
    if table.shape[1] < 2:
        return 1.0
    independent = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(np.sum((table - independent) ** 2 / independent))
    return float(chdtrc(table.shape[1] - 1, statistic))


def share_test(before: int, n: int, after: int, m: int) -> float:
    """p that two shares are one: Fisher's exact test where counts are few, chi-square otherwise."""
    from scipy.stats import fisher_exact

    if min(before + after, n + m - before - after) < 40:
        return float(fisher_exact(np.array([[before, n - before], [after, m - after]])).pvalue)
    return chi_square(np.array([before, n - before]), np.array([after, m - after]))


def one_sided_test(mine: Counts, other: Counts, share: float) -> float:
    """p that categories are in one sample alone by chance. ``share``: of all rows that are in that sample.

    Without change a category of c rows is whole in one sample with chance share^c, whatever its frequency is. The least of two
    looks counts, each with half: the most telling category, corrected for how many there are, and the number of those in one
    sample alone against a Poisson law, which scatters no less than the sum of unlike chances does (Le Cam 1960).
    """
    from scipy.special import pdtrc

    total = mine + other
    alone = (mine > 0) & (other == 0)
    if not alone.any():
        return 1.0
    chances = np.power(share, total[total > 0].astype(np.float64))
    single = chances.size * float(np.power(share, float(total[alone].max())))
    together = float(pdtrc(int(np.count_nonzero(alone)) - 1, float(chances.sum())))
    return min(1.0, 2 * min(single, together))


def corrected(p_values: Floats) -> Floats:
    """Benjamini & Hochberg (1995): the share of false findings at which each would be one."""
    n = p_values.size
    order = np.argsort(p_values)
    scaled = p_values[order] * n / np.arange(1, n + 1)
    lowest = np.minimum.accumulate(scaled[::-1])[::-1]
    result = np.empty(n)
    result[order] = np.minimum(lowest, 1.0)
    return result
