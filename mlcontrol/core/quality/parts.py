"""Slices that do worse than the rest, and what users did with the answers and how that changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mlcontrol.core.quality.numbers import ndcg_measure, rmse_measure
from mlcontrol.core.quality.report import FeedbackShare, Measure, SliceQuality, Task
from mlcontrol.core.review import wilson
from mlcontrol.core.signals.distance import corrected, share_test
from mlcontrol.core.signals.size import moved_share

FEWEST = 30
FALSE_FINDINGS = 0.05
MOST = 200
Slices = Mapping[str, npt.NDArray[np.object_]]


def slice_quality(loss: npt.NDArray[np.float64], slices: Slices, task: Task) -> tuple[SliceQuality, ...]:
    """``loss``: 1 for a wrong class, the error of a number, or the NDCG of a ranking, by answer; ``slices``: the value of each by
    slice name.

    Worst first. Each is tested against all the others together: exactly for shares, by Welch's t on absolute errors for numbers and
    on the NDCG of rankings.
    """
    rows: list[tuple[str, str, Measure, float | None, bool]] = []
    for name, values in slices.items():
        for value, _ in Counter(v for v in values.tolist() if v is not None).most_common(MOST):
            inside = values == value
            rows.append((name, value, *_one(loss, inside, task)))
    tested = [i for i, row in enumerate(rows) if row[3] is not None]
    q_values = corrected(np.array([rows[i][3] for i in tested], dtype=np.float64)) if tested else np.empty(0)
    of = dict(zip(tested, q_values.tolist(), strict=True))
    found = [
        SliceQuality(name, value, measure, bool(below and i in of and of[i] < FALSE_FINDINGS), of.get(i))
        for i, (name, value, measure, _, below) in enumerate(rows)
    ]
    sign = -1 if task is Task.NUMBERS else 1
    return tuple(sorted(found, key=lambda s: (not s.worse, sign * (s.measure.value or 0.0), s.slice, s.value)))


def left_out(slices: Slices) -> tuple[str, ...]:
    """What of the slices is not compared, in words."""
    counts = {name: len({v for v in values.tolist() if v is not None}) for name, values in slices.items()}
    return tuple(
        f"{name} has {n:,} values: the {MOST} commonest are compared" for name, n in counts.items() if n > MOST
    )


def _one(
    loss: npt.NDArray[np.float64], inside: npt.NDArray[np.bool_], task: Task
) -> tuple[Measure, float | None, bool]:
    mine, rest = loss[inside], loss[~inside]
    n = mine.size
    enough = n >= FEWEST and rest.size >= FEWEST
    if task is Task.CLASSES:
        wrong = int(mine.sum())
        low, high = wilson(n - wrong, n)
        measure = Measure("accuracy", 1 - wrong / n, low, high, n, method="Wilson")
        p = share_test(wrong, n, int(rest.sum()), rest.size) if enough else None
        return measure, p, bool(enough and mine.mean() > rest.mean())
    from scipy.stats import ttest_ind_from_stats

    ranked = task is Task.RANKING
    measure = ndcg_measure(mine) if ranked else rmse_measure(mine)
    a, b = (mine, rest) if ranked else (np.abs(mine), np.abs(rest))
    p = None
    if enough and a.std() + b.std() > 0:  # a slice may be all alike
        (x, s, n), (y, r, m) = ((float(v.mean()), float(v.std(ddof=1)), v.size) for v in (a, b))
        p = float(ttest_ind_from_stats(x, s, n, y, r, m, equal_var=False).pvalue)
    worse = a.mean() < b.mean() if ranked else a.mean() > b.mean()
    return measure, p, bool(enough and worse)


def feedback_share(kind: str, now: tuple[int, int], before: tuple[int, int], served: int) -> FeedbackShare:
    """``now``, ``before``: (positive, all that said something). The interval of the change is `moved_share`'s."""
    x, n = now
    low, high = wilson(x, n)
    was, m = before
    if not n or not m:
        return FeedbackShare(kind, x, n, served, low, high, was / m if m else None, m)
    change = moved_share(was, m, x, n)
    return FeedbackShare(kind, x, n, served, low, high, was / m, m, change.low, change.high)
