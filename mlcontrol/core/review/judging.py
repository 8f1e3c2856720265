"""Human judgements of single predictions and the score they give, with its interval."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import sqrt


class JudgementVerdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    UNSURE = "unsure"  # counted as judged, in no score
    SKIPPED = "skipped"


class ItemKind(StrEnum):
    """Why an item is in a queue. A rater cannot tell gold and repeats from work."""

    WORK = "work"
    GOLD = "gold"
    REPEAT = "repeat"
    CALIBRATION = "calibration"  # open: the answer and its reason are told after the judgement


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One prediction to judge, or two answers to the same inputs.

    ``inputs``/``outputs``/``outputs_b``: JSON texts; ``outputs_b`` empty unless two answers are compared. ``swapped``: side A
    shows ``outputs_b``. ``probability``: of having been drawn into the campaign; ``stratum``: what it was drawn from.
    ``expected``: JSON text of the answer known to be right (gold, or expected against actual). Versions, kind, swap,
    ``why`` it was drawn and gold answers are empty while the item is blind.
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
    campaign: str = ""
    outputs_b: str = ""
    version_b: str = ""
    swapped: bool = False
    kind: ItemKind = ItemKind.WORK
    stratum: str = ""
    probability: float = 1.0
    why: str = ""
    expected: str = ""
    explanation: str = ""
    origin: str = ""  # the item this one repeats
    trace: str = ""
    confidence: float | None = None  # the model's own probability of its answer
    draft: str = ""  # a comment that was being typed when the bench went away


def blind(item: ReviewItem) -> ReviewItem:
    """What a rater may see: sides in the order shown, nothing that tells who answered or why the item was drawn. Of a calibration
    item it is told that it is one; what is known of it comes after the judgement."""
    a, b = (item.outputs_b, item.outputs) if item.swapped else (item.outputs, item.outputs_b)
    shown_open = item.kind is ItemKind.CALIBRATION
    return replace(
        item, outputs=a, outputs_b=b, version="", version_b="", swapped=False, request_id="", why="", trace="",
        kind=item.kind if shown_open else ItemKind.WORK, stratum="", probability=1.0, origin="",
        expected=item.expected if item.kind is ItemKind.WORK else "", explanation="", confidence=None,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judgement:
    """``label``: the rubric's label, with sides turned back ("a" is always the first version). ``spent_s``: time at the item.
    ``surplus``: given when the item was somebody else's already; counts in agreement, not in a score."""

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
    campaign: str = ""
    label: str = ""
    tags: tuple[str, ...] = ()
    scales: dict[str, float] = field(default_factory=dict)
    spent_s: float = 0.0
    kind: ItemKind = ItemKind.WORK
    surplus: bool = False
    version_b: str = ""
    stratum: str = ""
    probability: float = 1.0
    slices: dict[str, str] = field(default_factory=dict)
    origin: str = ""
    expected: str = ""
    adjudicated: bool = False
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """What was given beside the label of a judgement that is taken back; its comment comes back as the item's draft."""

    scales: dict[str, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    correct: str = ""
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """Share judged right with its 95 % interval; ``estimate`` is `None` without a judgement."""

    version: str
    right: int
    n: int
    estimate: float | None
    low: float
    high: float


Z95 = 1.959963984540054


def wilson(right: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927, JASA 22:209). ``(0, 1)`` for n = 0. Both may be
    effective numbers of a weighted sample."""
    if n < 0 or not 0 <= right <= n:
        raise ValueError(f"{right} of {n} is no proportion")
    if n == 0:
        return 0.0, 1.0
    p, z2 = right / n, z * z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return (0.0 if right == 0 else max(0.0, centre - half)), (1.0 if right == n else min(1.0, centre + half))


def counts(judgement: Judgement) -> bool:
    """Whether a judgement says something of the versions (and not only of the rater)."""
    return not judgement.withdrawn and not judgement.surplus and judgement.kind is ItemKind.WORK
