"""One score a version from everything evaluators said of it, for the service page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlcontrol.core.review.estimates import simple, weighted
from mlcontrol.core.review.findings import item_verdicts
from mlcontrol.core.review.judging import Judgement, Score


def scores(judgements: Iterable[Judgement]) -> Mapping[str, Score]:
    """One verdict an item: the adjudicated one, else the majority's. Comparisons in pairs, gold, repeats and what does not stand
    do not count. Items that were drawn with unequal probabilities are weighted back, so that a look for trouble does not make
    a version look worse than it is; with equal ones the interval is Wilson's."""
    by_version: dict[str, list[tuple[float, float]]] = {}
    for one in item_verdicts(judgements):
        if one.right is not None:
            by_version.setdefault(one.version, []).append((float(one.right), one.probability))
    result = {}
    for version, values in by_version.items():
        right, n = sum(y == 1.0 for y, _ in values), len(values)
        even = len({p for _, p in values}) == 1
        found = simple(right, n) if even else weighted(values)
        result[version] = Score(version, right, n, found.value, found.low, found.high)
    return result
