"""One score a version from everything evaluators said of it, for the service page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlcontrol.core.review.estimates import simple, weighted
from mlcontrol.core.review.judging import Judgement, Score
from mlcontrol.core.review.tally import Tally, hits


def scores(judgements: Iterable[Judgement]) -> Mapping[str, Score]:
    """One verdict an item: the adjudicated one, else the majority's. Comparisons in pairs, gold, repeats and what does not stand
    do not count. Items that were drawn with unequal probabilities are weighted back, so that a look for trouble does not make
    a version look worse than it is; with equal ones the interval is Wilson's."""
    return counted_scores(Tally(judgements))


def counted_scores(tally: Tally) -> Mapping[str, Score]:
    result = {}
    for version in tally.versions():
        cells = tally.cells(version)
        right, n = hits(cells)
        even = len({probability for _, probability, _ in cells}) == 1
        found = (
            simple(right, n)
            if even
            else weighted(
                [(float(was_right), probability, count) for (was_right, probability, _), count in cells.items()]
            )
        )
        result[version] = Score(version, right, n, found.value, found.low, found.high)
    return result
