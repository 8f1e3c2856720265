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
    found, ranks = [], []
    for gain, score in zip(gains, scores, strict=True):
        g, s = np.asarray(gain, dtype=np.float64), np.asarray(score, dtype=np.float64)
        if g.size != s.size or not np.any(g > 0):
            continue
        found.append(ndcg(g, s, k))
        order = np.argsort(-s, kind="stable")
        ranks.append(1.0 / (1 + int(np.argmax(g[order] > 0))))
    if not found:
        return (Measure(f"ndcg@{k}", None, note="no labelled query has a relevant item", share=False),)
    return tuple(
        mean_measure(name, np.asarray(values), True, 0.0, 1.0)
        for name, values in ((f"ndcg@{k}", found), ("reciprocal rank", ranks))
    )


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
