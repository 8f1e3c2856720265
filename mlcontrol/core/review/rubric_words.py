"""A rubric as a person types it, in a form, in a command or in the workspace file: labels, scales, tags, and the day it is due."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mlcontrol.core.review.judging import JudgementVerdict
from mlcontrol.core.review.rubric import Label, Rubric, Scale

LABEL_FORM = "KEY:MEANING:TEXT, and :correct where the right answer is asked for"
SCALE_FORM = "NAME LOW-HIGH, and low..high in words"
DUE_FORM = "2026-12-01, or 2026-12-01T15:00 in UTC"
_SIDES = {"a", "b", "equal", "both-bad"}
_SCALE = re.compile(r"(?P<name>.+?)\s+(?P<low>\d)\s*-\s*(?P<high>\d)(?:\s+(?P<words>.+))?")
_SLUG = re.compile(r"[^a-z0-9]+")


def label_of(text: str) -> Label:
    """ "2:wrong:Wrong:correct". MEANING: right, wrong or unsure; of a pair a, b, equal or both-bad. Raises `ValueError`."""
    key, meaning, words, *rest = (*(part.strip() for part in text.split(":")), "", "", "")
    asks = rest[0]
    if not key or not words or asks not in ("", "correct"):
        raise ValueError(f"{text!r} is no label; write {LABEL_FORM}.")
    if meaning in _SIDES:
        verdict = JudgementVerdict.WRONG if meaning == "both-bad" else JudgementVerdict.UNSURE
        return Label(key, meaning, words, verdict=verdict, asks_correct=bool(asks))
    known = {one.value: one for one in JudgementVerdict if one is not JudgementVerdict.SKIPPED}
    if meaning not in known:
        raise ValueError(f"{meaning!r} is no meaning of a label; one of {', '.join([*known, *sorted(_SIDES)])}.")
    name = _SLUG.sub("-", words.lower()).strip("-")[:40] or meaning
    return Label(key, name, words, verdict=known[meaning], asks_correct=bool(asks))


def scale_of(text: str) -> Scale:
    """ "clarity 1-5" or "clarity 1-5 muddled..clear". Raises `ValueError`."""
    found = _SCALE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no scale; write {SCALE_FORM}.")
    low_text, _, high_text = (found["words"] or "").partition("..")
    return Scale(found["name"], int(found["low"]), int(found["high"]), low_text.strip(), high_text.strip())


def due_of(text: str) -> float:
    """UTC seconds; a day without a time is due at its end. Raises `ValueError`."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ValueError(f"{text!r} is no date; write {DUE_FORM}.") from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    if len(text.strip()) <= len("2026-12-01"):
        at += timedelta(days=1, seconds=-1)
    return at.timestamp()


def rubric_of(
    base: Rubric,
    *,
    question: str = "",
    guidance: str = "",
    labels: Iterable[str] = (),
    scales: Iterable[str] = (),
    tags: Iterable[str] = (),
    free_text: bool = True,
) -> Rubric:
    """What was typed over a mode's own rubric. Raises `ValueError` for a label or scale that is none."""
    made = tuple(label_of(one) for one in labels if one.strip())
    return replace(
        base,
        question=question.strip() or base.question,
        guidance=guidance.strip() or base.guidance,
        labels=made or base.labels,
        scales=tuple(scale_of(one) for one in scales if one.strip()),
        tags=tuple(one.strip() for one in tags if one.strip()),
        free_text=free_text,
    )
