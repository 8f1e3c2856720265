"""The bisect of an incident in words: what it would tell apart, how far it is, what it found."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.bisect import LONGEST_S, SHARE, Found, figures_of
from mlcontrol.core.incidents.brief import Bisect
from mlcontrol.core.operation import Operation, Phase, StepState
from mlcontrol.gui.viewmodels.phrases import duration_text, version_text, visible_text

RUNNING = "running"
_NOTES: dict[str, str] = {
    "possible": "two suspects are close",
    RUNNING: "comparing",
    Found.NAMED: "the version is named",
    Found.CLEARED: "the version is cleared",
    Found.INCONCLUSIVE: "inconclusive",
}
_GLYPHS: dict[str, str] = {Found.NAMED: "critical", Found.CLEARED: "done", Found.INCONCLUSIVE: "unknown"}


@dataclass(frozen=True, slots=True)
class BisectWords:
    """``rows``: (id, glyph, title, line under it, words at the right)."""

    note: str
    sentence: str
    rows: tuple[tuple[str, str, str, str, str], ...] = ()


def bisect_words(bisect: Bisect, operation: Operation | None, now_s: float) -> BisectWords:
    """``operation``: the bisect that runs or ran, where the panel knows it. ``now_s``: UTC seconds."""
    note = _NOTES.get(bisect.state, bisect.state)
    suspected, before = version_text(bisect.suspected), version_text(bisect.before)
    if bisect.state == "possible":
        offer = (
            f"{suspected}, or {_other(bisect)}? B sends {SHARE:g} % back to {before} and compares the two;"
            f" at most {duration_text(LONGEST_S)}. R waits for no verdict."
        )
        return BisectWords(note, f"{visible_text(bisect.words, 200)} {offer}".strip())
    if bisect.state != RUNNING:
        glyph = _GLYPHS.get(bisect.state, "warning")
        return BisectWords(note, "", (("found", glyph, visible_text(bisect.words, 300), "", ""),))
    return BisectWords(note, "", _progress(bisect, operation, now_s))


def _other(bisect: Bisect) -> str:
    return "none of these" if bisect.other.casefold() == "none of these" else f"“{visible_text(bisect.other, 80)}”"


def _progress(bisect: Bisect, operation: Operation | None, now_s: float) -> tuple[tuple[str, str, str, str, str], ...]:
    if operation is None:
        return (("begun", "running", "Begun", "", ""),)
    rows = []
    for step in operation.steps:
        if step.state is StepState.WAITING:
            continue
        glyph = {StepState.RUNNING: "running", StepState.DONE: "done"}.get(step.state, "critical")
        took = "" if step.started_s is None else duration_text(max(0.0, (step.ended_s or now_s) - step.started_s))
        rows.append((step.id, glyph, step.title, "" if step.state is StepState.RUNNING else step.detail, took))
    live = operation.live
    if live is not None and operation.phase is Phase.RUNNING and rows:
        name, glyph, _title, _line, took = rows[-1]
        told = figures_of(live.judgement, bisect.suspected, bisect.before) or "the first look"
        rows[-1] = (
            name,
            glyph,
            f"Compare {version_text(bisect.suspected)} with {version_text(bisect.before)}",
            told,
            took,
        )
        rows.append(("evidence", "", *evidence_words(operation, bisect), ""))
    return tuple(
        (name, glyph, visible_text(title, 200), visible_text(line, 300), took)
        for name, glyph, title, line, took in rows
    )


def evidence_words(operation: Operation, bisect: Bisect) -> tuple[str, str]:
    """How far the evidence is: (sentence, what is missing). The line of the judge ends at ±1, where it has decided."""
    live = operation.live
    reading = next(iter(live.judgement.readings), None) if live is not None and live.judgement is not None else None
    if reading is None or not reading.line:
        return "No evidence yet", reading.note if reading is not None else ""
    at = reading.line[-1]
    suspected = version_text(bisect.suspected)
    towards = f"{suspected} does worse" if at > 0 else f"it is not {suspected}"
    return f"{100 * abs(at):.0f} % of the evidence needed for: {towards}", reading.note
