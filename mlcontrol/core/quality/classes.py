"""Quality of answers that are classes, with intervals.

Accuracy has Wilson's interval, and so have recall, precision and F1 of one class. Over more classes they are means; their interval
is the wider of two: that of the classes' own limits, and that of the confusion matrix drawn again 400 times (multinomial), which
knows how classes hang together. AUC is one class against the rest, averaged, with the wider of Newcombe's limits and DeLong's
(1988), carried over to the mean by influence values. Log loss is a mean with Student's. ECE is Guo et al. (2017): ten bins of
confidence, weighted.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt

from mlcontrol.core.quality.intervals import auc_limits, f1_limits, mean_measure, mean_of, share_limits
from mlcontrol.core.quality.report import Measure
from mlcontrol.core.review import Z95, wilson

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
DRAWS = 400
BINS = 10
FEWEST = 30
CLIP = 1e-15  # as scikit-learn's log_loss clips float64 probabilities


def accuracy(labels: Codes, answers: Codes) -> Measure:
    right, n = int(np.count_nonzero(labels == answers)), labels.size
    low, high = wilson(right, n)
    return Measure("accuracy", right / n, low, high, n, method="Wilson")


def confusion(labels: Codes, answers: Codes, classes: int) -> npt.NDArray[np.int64]:
    """Rows: what was true; columns: what was answered."""
    flat = np.bincount(labels * classes + answers, minlength=classes * classes)
    return flat.reshape(classes, classes)


def by_class(labels: Codes, answers: Codes, names: Sequence[str], seed: int = 1) -> tuple[Measure, ...]:
    """Recall, precision and F1: over two classes of the positive (the last) one, else the mean over the classes seen."""
    table = confusion(labels, answers, len(names))
    n, true, told = int(table.sum()), table.sum(axis=1).tolist(), table.sum(axis=0).tolist()
    binary = len(names) == 2
    codes = (1,) if binary else [code for code in range(len(names)) if true[code] + told[code]]
    hits = [int(table[code, code]) for code in range(len(names))]
    found = {
        "recall": mean_of([share_limits(hits[code], true[code]) for code in codes]),
        "precision": mean_of([share_limits(hits[code], told[code]) for code in codes]),
        "f1": mean_of([f1_limits(hits[code], true[code], told[code]) for code in codes]),
    }
    if binary:
        note = f"of class {names[1]}"
        return tuple(Measure(name, *limits, n, method="Wilson", note=note) for name, limits in found.items())
    draws = np.random.default_rng(seed).multinomial(n, (table / n).ravel(), size=DRAWS).reshape(DRAWS, *table.shape)
    drawn = np.quantile(_class_scores(draws.astype(np.int64)), [0.025, 0.975], axis=1).T.tolist()
    return tuple(
        Measure(name, value, min(low, least), max(high, most), n, method="Wilson, bootstrap", note="mean over classes")
        for (name, (value, low, high)), (least, most) in zip(found.items(), drawn, strict=True)
    )


def _class_scores(tables: npt.NDArray[np.int64]) -> Floats:
    """Mean (recall, precision, F1) of each table; a class without a case or an answer counts 0, as scikit-learn counts it."""
    hits = np.einsum("tii->ti", tables).astype(np.float64)
    true, told = tables.sum(axis=2), tables.sum(axis=1)
    recall = np.divide(hits, true, out=np.zeros_like(hits), where=true > 0)
    precision = np.divide(hits, told, out=np.zeros_like(hits), where=told > 0)
    f1 = np.divide(2 * hits, true + told, out=np.zeros_like(hits), where=(true + told) > 0)
    scores = np.stack([recall, precision, f1])
    seen = (true + told) > 0
    return np.asarray(np.where(seen, scores, 0.0).sum(axis=2) / np.maximum(seen.sum(axis=1), 1), dtype=np.float64)


def auc(labels: Codes, probabilities: Floats) -> Measure:
    """Mean over the classes of the area under the ROC curve of that class against the rest."""
    from scipy.stats import rankdata

    n, classes = probabilities.shape
    areas, influences = [], []  # of each class
    for code in (1,) if classes == 2 else range(classes):
        positive = labels == code
        m, k = int(positive.sum()), int(n - positive.sum())
        if m < 2 or k < 2:
            continue
        score = probabilities[:, code]
        ranks = rankdata(score)
        inside = np.empty(n)
        inside[positive] = (ranks[positive] - rankdata(score[positive])) / k
        inside[~positive] = 1.0 - (ranks[~positive] - rankdata(score[~positive])) / m
        area = float(inside[positive].mean())
        areas.append(auc_limits(area, m, k))
        influences.append(np.where(positive, (inside - area) * n / m, (inside - area) * n / k))
    if not areas:
        return Measure("auc", None, n=n, note="each class needs two labelled cases and two others", share=False)
    value, low, high = mean_of(areas)
    half = Z95 * float(np.std(np.mean(influences, axis=0))) / sqrt(n)
    low, high = min(low, max(0.0, value - half)), max(high, min(1.0, value + half))
    missing = classes - len(areas) if classes > 2 else 0
    note = f"{missing} classes have no case" if missing else "one against the rest" if classes > 2 else ""
    return Measure("auc", value, low, high, n, method="Newcombe, DeLong", note=note, share=False)


def log_loss(labels: Codes, probabilities: Floats) -> Measure:
    n = labels.size
    told = probabilities / probabilities.sum(axis=1, keepdims=True)
    losses = -np.log(np.clip(told[np.arange(n), labels], CLIP, 1.0))
    return mean_measure("log loss", losses, higher=False, least=0.0)


def calibration(labels: Codes, probabilities: Floats, seed: int = 1) -> Measure:
    """ECE of the confidence in the answer. With few cases even a perfect model shows some: what it would show is in the note."""
    n = labels.size
    if n < FEWEST:
        note = f"{n} cases are too few: a perfect model shows as much"
        return Measure("calibration error", None, n=n, higher=False, note=note, share=False)
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    value = ece(confidence, right)
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(200):
        chosen = rng.integers(0, n, n)
        drawn.append(ece(confidence[chosen], right[chosen]))
    perfect = [ece(confidence, (rng.random(n) < confidence).astype(np.float64)) for _ in range(200)]
    usual = float(np.quantile(perfect, 0.95))
    low, high = np.quantile(drawn, [0.025, 0.975])
    side = "too sure of itself" if float(confidence.mean()) > float(right.mean()) else "too unsure of itself"
    note = (
        f"as good as perfect shows with {n} cases" if value <= usual else f"{side}; perfect shows at most {usual:.3f}"
    )
    return Measure("calibration error", value, float(low), float(high), n, False, "bootstrap", note, share=False)


def ece(confidence: Floats, right: Floats, bins: int = BINS) -> float:
    """Expected calibration error: the mean distance of confidence and share of right answers, by bins of equal width."""
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    sure = np.bincount(place, weights=confidence, minlength=bins)
    hits = np.bincount(place, weights=right, minlength=bins)
    return float(np.abs(sure - hits).sum() / confidence.size)


def class_order(names: Sequence[str], argmax: Codes, answers: Sequence[str], width: int) -> tuple[str, ...] | None:
    """Which class each probability belongs to, learned from the answers; `None` where they do not fit together.

    The names in their natural order are taken where they agree with the answers; else each column's own answers decide.
    """
    told = np.asarray(answers, dtype=object)
    natural = tuple(sorted(set(names), key=_natural))
    if len(natural) == width:
        agreed = np.mean(np.asarray(natural, dtype=object)[argmax] == told)
        if agreed >= 0.99:
            return natural
    order: list[str] = []
    for column in range(width):
        mine, counts = np.unique(told[argmax == column].astype(str), return_counts=True)
        if not mine.size or counts.max() < 0.99 * counts.sum():
            return None
        order.append(str(mine[np.argmax(counts)]))
    return tuple(order) if len(set(order)) == width and set(names) <= set(order) else None


def _natural(name: str) -> tuple[int, float, str]:
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name
