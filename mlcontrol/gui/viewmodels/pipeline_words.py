"""The stages of a version as words for a strip, and the known-good point as one line."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.artifact import short
from mlcontrol.core.pipeline import Pipeline, Stage
from mlcontrol.gui.viewmodels.phrases import coarse_text, duration_text, moment_text, version_text, visible_text

TITLES = {
    "snapshot": "Data snapshot",
    "transform": "Transform",
    "train": "Train",
    "evaluate": "Evaluate",
    "register": "Register",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One stage: ``lines`` under its title; the last of them is the source."""

    title: str
    known: bool
    lines: tuple[str, ...]

    @property
    def words(self) -> str:
        return f"{self.title}: {', '.join(self.lines)}"


def cells(found: Pipeline) -> tuple[Cell, ...]:
    return tuple(_cell(stage) for stage in found.stages)


def pipeline_sentence(found: Pipeline, now_s: float) -> tuple[str, str]:
    """(words, tone): the known-good point, whether this version was made of the same data, and what could not be asked."""
    words, tone = _known_good_words(found, now_s)
    if not found.not_asked:
        return words, tone
    return f"{words} ? {visible_text(found.not_asked, 200)}", "unknown" if tone == "secondary" else tone


def _known_good_words(found: Pipeline, now_s: float) -> tuple[str, str]:
    told = sum(stage.known for stage in found.stages)
    head = f"{version_text(found.version)}: {told} of {len(found.stages)} stages left word of themselves."
    if found.known_good is None:
        return f"{head} ? No version is known to have been good in production yet.", "unknown"
    since = f" ({coarse_text(now_s - found.known_good_s)} ago)" if found.known_good_s is not None else ""
    good = f"Last known good in production: {version_text(found.known_good)}{since}"
    if found.known_good == found.version:
        return f"{head} It is the last known good one in production{since}.", "secondary"
    if found.same_snapshot is None:
        return f"{head} {good}; ? nobody can tell whether it was made of the same data.", "unknown"
    if found.same_snapshot:
        return f"{head} {good}, made of the same data snapshot.", "secondary"
    return f"{head} {good}, made of another data snapshot: {visible_text(short(found.good_snapshot), 40)}.", "warning"


def _cell(stage: Stage) -> Cell:
    title = TITLES[stage.name]
    if not stage.known:
        return Cell(title, False, ("? not told", visible_text(stage.detail, 120)))
    lines = []
    if stage.at_s is not None:
        took = f", {duration_text(stage.until_s - stage.at_s)}" if stage.until_s is not None else ""
        lines.append(f"{moment_text(stage.at_s)[5:16]}{took}")
    if stage.digest:
        lines.append(visible_text(short(stage.digest) if stage.digest.startswith("sha256:") else stage.digest, 40))
    lines += [visible_text(text, 200) for text in (stage.detail, stage.source) if text]
    return Cell(title, True, tuple(lines))
