"""What an evaluator is asked of an item, and by which keys it is answered."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.review.judging import JudgementVerdict


@dataclass(frozen=True, slots=True)
class Label:
    """``key``: "1" to "9". ``id``: what is stored. ``verdict``: what the label says of the answer."""

    key: str
    id: str
    text: str
    hint: str = ""
    verdict: JudgementVerdict = JudgementVerdict.UNSURE
    asks_correct: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """Digits from ``low`` to ``high``, both 0 to 9, so that one key gives the value."""

    name: str
    low: int = 1
    high: int = 5
    low_text: str = ""
    high_text: str = ""


@dataclass(frozen=True, slots=True)
class Rubric:
    """``guidance``: plain text for the first page of a sitting."""

    question: str
    labels: tuple[Label, ...]
    guidance: str = ""
    scales: tuple[Scale, ...] = ()
    tags: tuple[str, ...] = ()
    free_text: bool = True


R, W, U = JudgementVerdict.RIGHT, JudgementVerdict.WRONG, JudgementVerdict.UNSURE

RATE = Rubric(
    "Is the answer right?",
    (
        Label("1", "right", "Right", "the answer is what a person would say", R),
        Label("2", "wrong", "Wrong", "then type what it should be, if you know", W, asks_correct=True),
        Label("3", "unsure", "Unsure", "counted as judged, in no score", U),
    ),
    "What would a careful person answer? If it cannot be told, press 3.",
)
PAIRWISE = Rubric(
    "Which answer is better?",
    (
        Label("1", "a", "A is better"),
        Label("2", "b", "B is better"),
        Label("3", "equal", "Equal"),
        Label("4", "both-bad", "Both wrong", "then type what it should be, if you know", W, asks_correct=True),
    ),
    "Judge the answers, not their style. If two readings are equally good, press 3. Sides are shuffled for every item.",
)
EXPECTED = Rubric(
    "Does the answer say what was expected?",
    (
        Label("1", "same", "Says the same", "", R),
        Label("2", "differs", "Differs, and is wrong", "", W, asks_correct=True),
        Label("3", "expected-wrong", "The expected answer is wrong", "the answer stands", R, asks_correct=True),
        Label("4", "unsure", "Unsure", "counted as judged, in no score", U),
    ),
    "Compare meaning, not wording. D shows the difference.",
)
GOLDEN = Rubric(
    "Is this golden item still right?",
    (
        Label("1", "keep", "Still right", "", R),
        Label("2", "stale", "No longer right", "then type what it should be", W, asks_correct=True),
        Label("3", "unsure", "Unsure", "", U),
    ),
    "A golden item decides deploys. Would you stake one on it?",
)
SCALE_KEYS = "QWRTY"
TAG_KEYS = "AHIJKM"
"""Keys that nothing else at the bench has. A tag beyond them is reached with Tab and Space."""

SKIP = "skip"
SIDES = {"a": "b", "b": "a"}


def canonical(label: str, *, swapped: bool) -> str:
    """The label with its side turned back to the order of the versions."""
    return SIDES.get(label, label) if swapped else label
