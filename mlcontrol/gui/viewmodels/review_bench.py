"""The bench of the evaluator: what one item shows, the order of judgements, and the pace. No version, ever, while judging."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mlcontrol.core.review import JudgementVerdict, ReviewItem
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.gui.viewmodels.phrases import UNKNOWN, duration_text, metric_text, visible_text

KEYS = (
    ("1", "Right", "the answer is what a person would say", JudgementVerdict.RIGHT),
    ("2", "Wrong", "then type what it should be, if you know", JudgementVerdict.WRONG),
    ("3", "Unsure", "counted as judged, in no score", JudgementVerdict.UNSURE),
    ("X", "Skip", "comes back to somebody else", JudgementVerdict.SKIPPED),
)

RECENT = 16


@dataclass(frozen=True, slots=True)
class Picture:
    """Grey values 0..1, row by row; ``scale_words`` says how it was scaled."""

    width: int
    height: int
    grey: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item ready to draw. ``scores``: (class, probability), best first."""

    answer: str
    picture: Picture | None
    features: tuple[tuple[str, str, str], ...]
    scores: tuple[tuple[str, float], ...]
    slices: tuple[tuple[str, str], ...]
    problem: str = ""


def item_view(item: ReviewItem, settings: ServiceSettings | None, units: dict[str, str] | None = None) -> ItemView:
    """``units`` by feature name. A log line that is no JSON object is shown as such, never guessed."""
    inputs, outputs = _object(item.inputs), _object(item.outputs)
    slices = tuple(sorted((visible_text(k, 60), visible_text(str(v), 80)) for k, v in item.slices.items()))
    if inputs is None or outputs is None:
        return ItemView("?", None, (), (), slices, "The log line of this item cannot be read; skip it with X.")
    answer_name = settings.prediction if settings else ""
    scores_name = settings.probability if settings else ""
    answer = outputs.get(answer_name) if answer_name else next(iter(outputs.values()), None)
    picture_name, picture = _picture(inputs, settings.image_shape if settings else ())
    features = tuple(
        (visible_text(name, 60), _cell(value), (units or {}).get(name, ""))
        for name, value in inputs.items()
        if name != picture_name
    )
    return ItemView(
        answer=_cell(answer),
        picture=picture,
        features=features,
        scores=_scores(outputs.get(scores_name) if scores_name else None, outputs, answer_name),
        slices=slices,
        problem="" if answer is not None else f"The log has no output {answer_name!r}.",
    )


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _flat(value: Any, limit: int = 1 << 20) -> list[Any]:
    """Leaves of nested lists in order, at most ``limit``."""
    leaves: list[Any] = []
    pending = [value]
    while pending and len(leaves) < limit:
        top = pending.pop()
        if isinstance(top, list):
            pending.extend(reversed(top))
        else:
            leaves.append(top)
    return leaves


def _picture(inputs: dict[str, Any], shape: Sequence[int]) -> tuple[str, Picture | None]:
    if len(shape) < 2 or min(shape[:2]) < 1:
        return "", None
    height, width = int(shape[0]), int(shape[1])
    for name, value in inputs.items():
        leaves = _flat(value)
        if len(leaves) == height * width and all(isinstance(v, int | float) for v in leaves):
            top = _white(max(leaves))
            return name, Picture(width, height, tuple(min(1.0, max(0.0, v / top)) for v in leaves))
    return "", None


def _white(largest: float) -> float:
    """The value that means white: the smallest usual range that holds the item (1, 16 grey levels, 255)."""
    return next((limit for limit in (1.0, 16.0, 255.0) if largest <= limit), float(largest))


def _scores(value: Any, outputs: dict[str, Any], answer_name: str) -> tuple[tuple[str, float], ...]:
    names: Sequence[str] | None = None
    if isinstance(value, dict):
        names, leaves = [str(k) for k in value], list(value.values())
    else:
        leaves = _flat(value) if value is not None else []
    if not leaves or not all(isinstance(v, int | float) for v in leaves):
        return ()
    if names is None:
        classes = outputs.get("classes")
        flat = _flat(classes) if classes is not None and answer_name != "classes" else []
        names = (
            [str(c) for c in flat] if len(flat) == len(leaves) else _positions(outputs.get(answer_name), len(leaves))
        )
    ranked = sorted(zip(names, (float(v) for v in leaves), strict=True), key=lambda pair: -pair[1])
    return tuple((visible_text(n, 40), v) for n, v in ranked[:10])


def _positions(answer: Any, count: int) -> list[str]:
    """Names for scores that come without any: the class numbers when the answer is one, else "class 4"."""
    leaves = _flat(answer)
    numbers = len(leaves) == 1 and isinstance(leaves[0], int)
    return [str(i) if numbers else f"class {i}" for i in range(count)]


def _cell(value: Any) -> str:
    leaves = _flat(value, limit=9) if isinstance(value, list) else [value]
    if len(leaves) == 1:
        leaf = leaves[0]
        if leaf is None:
            return UNKNOWN
        if isinstance(leaf, bool):
            return "yes" if leaf else "no"
        return metric_text(leaf) if isinstance(leaf, float) else visible_text(str(leaf), 200)
    shown = ", ".join(metric_text(float(v)) if isinstance(v, float) else visible_text(str(v), 40) for v in leaves[:8])
    return shown + (", …" if len(leaves) > 8 else "")


@dataclass(slots=True)
class Session:
    """One sitting at the bench: what was judged, how fast. Times are monotonic seconds."""

    marks: list[str] = field(default_factory=list)
    spent_s: list[float] = field(default_factory=list)

    def judged(self, verdict: JudgementVerdict, seconds: float) -> None:
        self.marks.append(next(key for key, _, _, v in KEYS if v is verdict))
        self.spent_s.append(max(0.0, seconds))

    def undone(self) -> None:
        if self.marks:
            self.marks.pop()
            self.spent_s.pop()

    @property
    def pace_s(self) -> float | None:
        """Median seconds per item of the last sixteen; a pause does not count against it."""
        recent = sorted(self.spent_s[-RECENT:])
        return recent[len(recent) // 2] if recent else None

    def progress(self, item: ReviewItem | None) -> str:
        if item is None or item.total <= 0:
            return f"{len(self.marks)} judged in this sitting"
        return f"{item.position} of {item.total}"

    def pace_words(self, item: ReviewItem | None) -> str:
        pace = self.pace_s
        if pace is None:
            return "your pace shows after the first item"
        left = max(0, item.total - item.position + 1) if item is not None else 0
        rest = f"about {duration_text(left * pace)} left at your pace, " if left else ""
        return f"{rest}{duration_text(pace)} an item"
