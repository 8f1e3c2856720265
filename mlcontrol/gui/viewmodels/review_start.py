"""The first page of a sitting in words: what is asked, by which keys, the calibration round, and how much there is."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.review.campaign import overdue
from mlcontrol.core.review.rubric import SCALE_KEYS, TAG_KEYS
from mlcontrol.core.review.sitting import Explained, Sitting
from mlcontrol.gui.viewmodels.phrases import coarse_text, count_text, duration_text, moment_text


@dataclass(frozen=True, slots=True)
class StartView:
    """``keys``: (key, text, what it means). ``facts``: (name, value)."""

    title: str
    question: str
    guidance: str
    keys: tuple[tuple[str, str, str], ...]
    facts: tuple[tuple[str, str], ...]
    calibration: str


def start_view(sitting: Sitting, now_s: float) -> StartView:
    summary = sitting.summary
    campaign = summary.campaign
    rubric = campaign.rubric
    keys = [(one.key, one.text, one.hint) for one in rubric.labels]
    for key, scale in zip(SCALE_KEYS, rubric.scales, strict=False):
        ends = ", ".join(
            f"{n} {text}" for n, text in ((scale.low, scale.low_text), (scale.high, scale.high_text)) if text
        )
        keys.append((key, scale.name, f"then a digit, {scale.low} to {scale.high}" + (f": {ends}" if ends else "")))
    for key, tag in zip(TAG_KEYS.ljust(len(rubric.tags)), rubric.tags, strict=False):
        keys.append((key.strip() or "Tab", tag, "a tag: given or not"))
    left = max(0, summary.wanted - summary.given)
    facts = [("To judge", f"{count_text(left, 'judgement')} by all evaluators")]
    if sitting.judged:
        facts.append(("Yours so far", count_text(sitting.judged, "judgement")))
    if sitting.pace_s is not None:
        facts.append(("Your pace", f"{duration_text(sitting.pace_s)} an item"))
    if campaign.due_s is not None:
        facts.append(("Due", due_words(campaign.due_s, now_s, late=overdue(campaign, now_s))))
    n = sitting.calibration_left
    calibration = (
        f"It begins with a calibration round of {count_text(n, 'item')}: after each, the known answer and its reason "
        "are told. They are in no score."
        if n
        else ""
    )
    return StartView(campaign.title, rubric.question, rubric.guidance, tuple(keys), tuple(facts), calibration)


def due_words(due_s: float, now_s: float, *, late: bool) -> str:
    if late:
        return f"{moment_text(due_s)}, overdue by {coarse_text(now_s - due_s)}"
    return f"{moment_text(due_s)}, in {coarse_text(due_s - now_s)}" if due_s > now_s else moment_text(due_s)


def calibration_words(known: list[Explained]) -> str:
    """What the calibration round came to."""
    agreed = sum(one.agreed for one in known)
    if agreed == len(known):
        return f"You agreed with all {len(known)} known answers. From here on nothing is told."
    return (
        f"You agreed with {agreed} of {len(known)} known answers. Read the reasons below once more; from here on "
        "nothing is told."
    )
