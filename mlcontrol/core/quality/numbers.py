"""Quality of answers that are numbers, and of ranked lists, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt

from mlcontrol.core.quality.report import Measure
from mlcontrol.core.review import Z95
from mlcontrol.core.signals.accuracy import rmse_interval

Floats = npt.NDArray[np.float64]
DRAWS = 400


def numbers(labels: Floats, answers: Floats, seed: int = 1) -> tuple[Measure, ...]:
    """RMSE (chi-square interval), MAE and bias (normal), R² (bootstrap)."""
    n, away = labels.size, answers - labels
    value, low, high = rmse_interval(float(np.sum(away**2)), n)
    rmse = Measure("rmse", value, low, high, n, False, "chi-square", share=False)
    mae = _mean("mae", np.abs(away), False)
    bias = _mean("bias", away, None)
    return rmse, mae, _r2(labels, away, seed), bias


def _r2(labels: Floats, away: Floats, seed: int) -> Measure:
    n, spread = labels.size, float(np.sum((labels - labels.mean()) ** 2))
    if n < 3 or spread == 0:
        return Measure("r2", None, n=n, note="the labels are all alike", share=False)
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
        _mean(name, np.asarray(values), True) for name, values in ((f"ndcg@{k}", found), ("reciprocal rank", ranks))
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


def _mean(name: str, values: Floats, higher: bool | None) -> Measure:
    value, n = float(values.mean()), values.size
    half = Z95 * float(values.std(ddof=1)) / sqrt(n) if n > 1 else float("nan")
    return Measure(name, value, value - half, value + half, n, higher, "normal", share=False)
