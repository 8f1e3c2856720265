"""Quality of answers that are numbers, and of ranked lists, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np
import numpy.typing as npt

from mlcontrol.core.quality.intervals import mean_measure
from mlcontrol.core.quality.report import Measure
from mlcontrol.core.signals.accuracy import rmse_interval

Floats = npt.NDArray[np.float64]
DRAWS = 400
FEWEST = 10


def numbers(labels: Floats, answers: Floats, seed: int = 1) -> tuple[Measure, ...]:
    """RMSE (`rmse_interval`), MAE and bias (Student), R² (bootstrap)."""
    with np.errstate(over="ignore", invalid="ignore"):  # what cannot be added up is said to be so
        away = answers - labels
        rmse = rmse_measure(away)
        mae = mean_measure("mae", np.abs(away), False, least=0.0)
        bias = mean_measure("bias", away, None)
        return rmse, mae, _r2(labels, away, seed), bias


def rmse_measure(away: Floats) -> Measure:
    n, squares = away.size, away**2
    value, low, high = rmse_interval(float(np.sum(squares)), n, float(np.sum(squares**2)))
    if not isfinite(value):
        note = "something logged is no number that can be added up"
        return Measure("rmse", None, n=n, higher=False, note=note, share=False)
    return Measure("rmse", value, low, high, n, False, "chi-square, Student", share=False)


def _r2(labels: Floats, away: Floats, seed: int) -> Measure:
    n, spread = labels.size, float(np.sum((labels - labels.mean()) ** 2))
    if n < FEWEST or not 0 < spread < np.inf or not np.isfinite(away).all():
        note = f"{n} cases are too few" if n < FEWEST else "the labels are all alike, or are no numbers to add up"
        return Measure("r2", None, n=n, note=note, share=False)
    value = 1 - float(np.sum(away**2)) / spread
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS):
        chosen = rng.integers(0, n, n)
        part = labels[chosen]
        scatter = float(np.sum((part - part.mean()) ** 2))
        if scatter > 0:
            drawn.append(1 - float(np.sum(away[chosen] ** 2)) / scatter)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Measure("r2", value, float(low), float(high), n, True, "bootstrap", share=False)


def ranking(gains: Sequence[Sequence[float]], scores: Sequence[Sequence[float]], k: int = 10) -> tuple[Measure, ...]:
    """NDCG@k (Järvelin & Kekäläinen 2002: gain over log2 of the rank + 1) and the mean reciprocal rank, over queries.

    ``gains``: how relevant each listed item was, ``scores``: how the model scored it. A query without a relevant item says nothing.
    """
    found, ranks = ndcgs(gains, scores, k), []
    if not np.isfinite(found).any():
        return (Measure(f"ndcg@{k}", None, note="no labelled query has a relevant item", share=False),)
    for gain, score, known in zip(gains, scores, np.isfinite(found), strict=True):
        if known:
            ranks.append(reciprocal_rank(np.asarray(gain, dtype=np.float64), np.asarray(score, dtype=np.float64)))
    return ndcg_measure(found, k), mean_measure("reciprocal rank", np.asarray(ranks), True, 0.0, 1.0)


def ndcgs(gains: Sequence[Sequence[float]], scores: Sequence[Sequence[float]], k: int = 10) -> Floats:
    """By query; NaN where it says nothing."""
    found = np.full(len(gains), np.nan)
    for i, (gain, score) in enumerate(zip(gains, scores, strict=True)):
        g, s = np.asarray(gain, dtype=np.float64), np.asarray(score, dtype=np.float64)
        if g.size == s.size and np.any(g > 0):
            found[i] = ndcg(g, s, k)
    return found


def ndcg_measure(found: Floats, k: int = 10) -> Measure:
    """``found``: of each query; NaN counts for nothing, and some must be numbers."""
    return mean_measure(f"ndcg@{k}", found[np.isfinite(found)], True, 0.0, 1.0)


def reciprocal_rank(gains: Floats, scores: Floats) -> float:
    """Of the first relevant item, as expected where items of equal score come in any order (McSherry & Najork 2008). One item at
    least is relevant."""
    level = float(np.max(scores[gains > 0]))
    above, tied = int(np.count_nonzero(scores > level)), scores == level
    size, relevant = int(np.count_nonzero(tied)), int(np.count_nonzero(tied & (gains > 0)))
    expected, none_yet = 0.0, 1.0  # none_yet: the chance that no place before held a relevant one
    for place in range(size - relevant + 1):
        here = relevant / (size - place)
        expected += none_yet * here / (above + place + 1)
        none_yet *= 1 - here
    return expected


def ndcg(gains: Floats, scores: Floats, k: int) -> float:
    """Items of equal score share the gain of their places (McSherry & Najork 2008), so that their order in the log is no matter."""
    discount = np.zeros(gains.size)
    discount[:k] = 1 / np.log2(np.arange(2, min(k, gains.size) + 2))
    order = np.argsort(-scores, kind="stable")
    _, place = np.unique(-scores[order], return_inverse=True)
    sizes = np.bincount(place)
    shared = np.bincount(place, weights=gains[order]) / sizes
    got = float(np.sum(shared * np.bincount(place, weights=discount)))
    best = float(np.sum(np.sort(gains)[::-1] * discount))
    return got / best if best > 0 else 0.0
