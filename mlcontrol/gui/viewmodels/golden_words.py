"""A golden set in words and rows: what it holds, how old it is, and its scores over the generations."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.golden_history import Drift, Generation, GoldenLook
from mlcontrol.gui.viewmodels.phrases import count_text, percent_text, version_text

SHOWN = 6
_SAID = {
    Drift.FIRST: "first asked",
    Drift.AS_BEFORE: "as before",
    Drift.BETTER: "better",
    Drift.WORSE: "worse",
    Drift.OTHER_ITEMS: "other items",
}


@dataclass(frozen=True, slots=True)
class GoldenWords:
    """``summary``: beside the heading. ``rows``: (label, share, low, high, note, is the candidate), oldest first. ``sentences``:
    (words, tone) under them."""

    summary: str
    rows: tuple[tuple[str, float | None, float, float, str, bool], ...]
    sentences: tuple[tuple[str, str], ...]


def golden_words(look: GoldenLook, candidate: str | None) -> GoldenWords:
    parts = [count_text(look.n, "item"), f"{look.critical} critical"]
    if look.weights[0] != look.weights[1]:
        parts.append(f"importance {look.weights[0]:g} to {look.weights[1]:g}")
    newest = look.generations[-SHOWN:]
    return GoldenWords(
        " · ".join(parts),
        tuple(_row(one, candidate) for one in newest),
        tuple((words, tone) for words, tone in (_drift(look), _age(look), _slices(newest)) if words),
    )


def _row(one: Generation, candidate: str | None) -> tuple[str, float | None, float, float, str, bool]:
    score = one.score
    change = "" if one.change is None or abs(one.change) < 5e-4 else f" {100 * one.change:+.1f}"
    name = version_text(score.version) + (" good" if one.known_good else "")
    asked = one.drift is not Drift.OTHER_ITEMS
    note = f"{_SAID[one.drift]}{change}"
    return name, score.estimate if asked else None, score.low, score.high, note, score.version == candidate


def _drift(look: GoldenLook) -> tuple[str, str]:
    asked = [one for one in look.generations if one.drift is not Drift.OTHER_ITEMS]
    if not asked:
        return "No version has been asked these items yet: P asks the candidate.", "unknown"
    floor = "" if look.floor is None else f" {percent_text(look.floor, 0)} is asked for: {look.floor_from}."
    last = asked[-1]
    name = version_text(last.score.version)
    if last.score.critical_failed:
        failed = ", ".join(last.score.critical_failed[:3])
        return f"{name} fails critical items: {failed}.{floor}", "critical"
    if last.drift is Drift.WORSE:
        return f"{name} is worse than every good generation before it.{floor}", "critical"
    said = {Drift.FIRST: "is the first that was asked", Drift.BETTER: "is better than all before it"}
    return f"{name} {said.get(last.drift, 'answers as the good ones before it')}.{floor}", "secondary"


def _age(look: GoldenLook) -> tuple[str, str]:
    ages = look.ages
    if ages.oldest_days is None or ages.median_days is None:
        return "Nobody knows how old the expected answers are.", "unknown"
    if ages.old:
        verb = "is" if len(ages.old) == 1 else "are"
        old = f"{count_text(len(ages.old), 'item')} {verb} older than {look.stale_days:.0f} days"
        first, days = ages.old[0]
        return f"{old}, {first} {days:.0f}: look again whether the answer is still right.", "warning"
    undated = f", {ages.undated} without a date" if ages.undated else ""
    return f"The expected answers are at most {ages.oldest_days:.0f} days old{undated}.", "quiet"


def _slices(generations: tuple[Generation, ...]) -> tuple[str, str]:
    """The worst slice of the newest generation that was asked."""
    asked = [one.score for one in generations if one.drift is not Drift.OTHER_ITEMS and one.score.by_slice]
    if not asked:
        return "", "quiet"
    name, (right, n) = min(asked[-1].by_slice.items(), key=lambda row: (row[1][0] / row[1][1], row[0]))
    who = version_text(asked[-1].version)
    return f"{who} is weakest on {name}: {right} of {n}.", "warning" if right < n else "quiet"
