"""Human judgements of single predictions and the score they give, with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt


class JudgementVerdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    UNSURE = "unsure"  # counted as judged, in no score
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One prediction to judge.

    ``version`` is empty while the item is blind. ``inputs``/``outputs``: JSON texts of the logged values.
    """

    id: str
    service: str
    request_id: str
    at_s: float
    inputs: str
    outputs: str
    slices: dict[str, str] = field(default_factory=dict)
    version: str = ""
    position: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    id: str
    item: str
    service: str
    version: str
    rater: str
    verdict: JudgementVerdict
    at_s: float
    correct: str = ""  # what the evaluator says the answer should have been
    comment: str = ""
    flagged: bool = False
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """Share judged right with a 95 % Wilson interval; ``estimate`` is `None` without a judgement."""

    version: str
    right: int
    n: int
    estimate: float | None
    low: float
    high: float


Z95 = 1.959963984540054


def wilson(right: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927, JASA 22:209). ``(0, 1)`` for n = 0."""
    if n < 0 or not 0 <= right <= n:
        raise ValueError(f"{right} of {n} is no proportion")
    if n == 0:
        return 0.0, 1.0
    p, z2 = right / n, z * z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return (0.0 if right == 0 else max(0.0, centre - half)), (1.0 if right == n else min(1.0, centre + half))


def scores(judgements: Iterable[Judgement]) -> Mapping[str, Score]:
    """Score per version. Withdrawn, unsure and skipped judgements do not count."""
    tally: dict[str, list[int]] = {}
    for j in judgements:
        if not j.withdrawn and j.verdict in (JudgementVerdict.RIGHT, JudgementVerdict.WRONG):
            tally.setdefault(j.version, []).append(1 if j.verdict is JudgementVerdict.RIGHT else 0)
    result = {}
    for version, hits in tally.items():
        right, n = sum(hits), len(hits)
        low, high = wilson(right, n)
        result[version] = Score(version, right, n, right / n, low, high)
    return result
