"""The bench of the evaluator: what one item shows, the order of judgements, and the pace. No version, ever, while judging."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlcontrol.core.review.judging import ReviewItem
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.gui.viewmodels.phrases import UNKNOWN, coarse_text, duration_text, value_text, visible_text
from mlcontrol.gui.viewmodels.review_blocks import Block, BlockKind, block_of
from mlcontrol.gui.viewmodels.review_overlays import Overlay, overlay_of

SKIP_KEY = "X"
BREAK_EVERY = 50

RECENT = 16
RATES = ("sample_rate", "sampling_rate", "rate_hz", "sr")


@dataclass(frozen=True, slots=True)
class Picture:
    """Grey values 0..1, row by row; ``scale_words`` says how it was scaled."""

    width: int
    height: int
    grey: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One answer, or what was expected. ``key``: the key that chooses it, where one does. ``plain``: all of it as text, to
    compare."""

    title: str
    text: str
    key: str = ""
    scores: tuple[tuple[str, float], ...] = ()
    blocks: tuple[Block, ...] = ()
    plain: str = ""
    overlay: Overlay | None = None


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item ready to draw. ``scores``: (class, probability) of the first answer, best first. ``blocks``: inputs that are more
    than a single value."""

    answer: str
    picture: Picture | None
    features: tuple[tuple[str, str, str], ...]
    scores: tuple[tuple[str, float], ...]
    slices: tuple[tuple[str, str], ...]
    problem: str = ""
    blocks: tuple[Block, ...] = ()
    answers: tuple[AnswerView, ...] = ()
    given: Overlay | None = None  # marks that came with the inputs

    @property
    def overlays(self) -> tuple[Overlay, ...]:
        """What is drawn over the picture: of each answer, then of the inputs."""
        return tuple(o for o in (*(answer.overlay for answer in self.answers), self.given) if o is not None)

    @property
    def difference(self) -> str:
        """In words, whether the first two answers say the same."""
        if len(self.answers) < 2:
            return ""
        first, second = self.answers[:2]
        if first.plain == second.plain:
            return "Both say exactly the same."
        if not first.text and not second.text:
            return "What is marked is in one answer only."
        if first.text != second.text:
            return f"{first.title}: {first.text}. {second.title}: {second.text}."
        return "The answers are the same; what goes with them differs."


def item_view(item: ReviewItem, settings: ServiceSettings | None, units: dict[str, str] | None = None) -> ItemView:
    """``units`` by feature name. A log line that is no JSON object is shown as such, never guessed."""
    inputs, outputs = _object(item.inputs), _object(item.outputs)
    slices = tuple(sorted((visible_text(k, 60), visible_text(str(v), 80)) for k, v in item.slices.items()))
    if inputs is None or outputs is None:
        inputs, outputs = _loose(item.inputs), _loose(item.outputs)
        if inputs is None or outputs is None:
            return ItemView("?", None, (), (), slices, "The log line of this item cannot be read; skip it with X.")
    answer_name = settings.prediction if settings else ""
    answer = outputs.get(answer_name) if answer_name else next(iter(outputs.values()), None)
    picture_name, picture = _picture(inputs, settings.image_shape if settings else ())
    pictured = picture is not None or any(_is_picture(name, value) for name, value in inputs.items())
    rate_hz = next((float(inputs[n]) for n in RATES if isinstance(inputs.get(n), int | float)), None)
    given, taken = overlay_of("Given", inputs) if pictured else (None, frozenset())
    features, blocks = [], []
    for name, value in inputs.items():
        if name == picture_name or name in taken:
            continue
        block = block_of(name, value, rate_hz)
        if block is not None:
            blocks.append(block)
        else:
            features.append((visible_text(name, 60), _cell(value), (units or {}).get(name, "")))
    answers = [_answer("The model answered", "", outputs, settings, pictured=pictured)]
    if item.outputs_b:
        other = _loose(item.outputs_b) or {}
        answers = [
            _answer("Answer A", "1", outputs, settings, pictured=pictured),
            _answer("Answer B", "2", other, settings, pictured=pictured),
        ]
    elif item.expected:
        answers.append(_expected(item.expected, settings, pictured=pictured))
    return ItemView(
        answer=_cell(answer),
        picture=picture,
        features=tuple(features),
        scores=answers[0].scores,
        slices=slices,
        problem="" if answer is not None else f"The log has no output {answer_name!r}.",
        blocks=tuple(blocks),
        answers=tuple(answers),
        given=given,
    )


def _is_picture(name: str, value: Any) -> bool:
    block = block_of(name, value) if isinstance(value, list | str) else None
    return block is not None and block.kind is BlockKind.PICTURE


def _answer(
    title: str, key: str, outputs: dict[str, Any], settings: ServiceSettings | None, *, pictured: bool
) -> AnswerView:
    answer_name = settings.prediction if settings else ""
    scores_name = settings.probability if settings else ""
    name = answer_name if answer_name in outputs else next(iter(outputs), "")
    answer = outputs.get(name)
    scores = _scores(outputs.get(scores_name) if scores_name else None, outputs, answer_name)
    overlay, taken = overlay_of(title, outputs) if pictured else (None, frozenset())
    blocks = []
    for other, value in outputs.items():
        if (other == scores_name and scores) or other == "classes" or other in taken:
            continue
        block = block_of(other, value)
        if block is not None:
            blocks.append(replace(block, name="") if other == name else block)
    text = "" if any(block.name == "" for block in blocks) else _cell(answer)
    if name in taken:
        text = overlay.words.removeprefix(f"{title}: ") if overlay is not None else ""
    return AnswerView(title, text, key, scores, tuple(blocks), _plain(outputs), overlay)


def _expected(text: str, settings: ServiceSettings | None, *, pictured: bool) -> AnswerView:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    outputs = value if isinstance(value, dict) else {settings.prediction if settings else "expected": value}
    return replace(_answer("Expected", "", outputs, settings, pictured=pictured), scores=())


def _plain(outputs: dict[str, Any]) -> str:
    long = [value for value in outputs.values() if isinstance(value, str)]
    return (
        long[0]
        if len(long) == 1 and len(outputs) == 1
        else json.dumps(outputs, indent=1, ensure_ascii=False, default=str)
    )


def _loose(text: str) -> dict[str, Any] | None:
    """A JSON value that is no object still has something to show; what is no JSON has not."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        return value
    return {"value": value} if value not in (None, []) and not isinstance(value, list) else None


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
        return value_text(leaf) if isinstance(leaf, float) else visible_text(str(leaf), 200)
    shown = ", ".join(value_text(float(v)) if isinstance(v, float) else visible_text(str(v), 40) for v in leaves[:8])
    return shown + (", …" if len(leaves) > 8 else "")


@dataclass(slots=True)
class Session:
    """One sitting at the bench: what was judged, how fast. Times are monotonic seconds."""

    marks: list[str] = field(default_factory=list)
    spent_s: list[float] = field(default_factory=list)

    def judged(self, key: str, seconds: float) -> None:
        self.marks.append(key)
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

    def break_words(self) -> str:
        """A hint every `BREAK_EVERY` items, and earlier when the pace has dropped by half since the sitting's best stretch."""
        n = len(self.marks)
        if n and n % BREAK_EVERY == 0:
            return f"{n} judged: a break now keeps the next ones as good"
        if n >= 2 * RECENT:
            first = sorted(self.spent_s[:RECENT])[RECENT // 2]
            if (self.pace_s or 0.0) > 2 * first > 0:
                return "you have become slower: a break may help"
        left = BREAK_EVERY - n % BREAK_EVERY
        return f"a break is due after {left} more"

    def progress(self, item: ReviewItem | None) -> str:
        if item is None or item.total <= 0:
            return f"{len(self.marks)} judged in this sitting"
        return f"{item.position} of {item.total}"

    def pace_words(self, item: ReviewItem | None) -> str:
        pace = self.pace_s
        if pace is None:
            return "your pace shows after the first item"
        left = max(0, item.total - item.position + 1) if item is not None else 0
        rest = f"about {coarse_text(left * pace)} left at your pace, " if left else ""
        return f"{rest}{duration_text(pace)} an item"
