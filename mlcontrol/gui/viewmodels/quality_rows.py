"""A quality report as rows and as one sentence."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.quality.report import FeedbackShare, Measure, QualityReport, SliceQuality
from mlcontrol.gui.models.columns import Column
from mlcontrol.gui.viewmodels.phrases import (
    count_text,
    duration_text,
    metric_text,
    version_text,
    visible_text,
    whole_text,
)

_CHANGE = {True: "more", False: "less"}


@dataclass(frozen=True, slots=True)
class QualityRow:
    of: str
    measure: str
    value: str
    interval: str
    n: str
    words: str


COLUMNS = (
    Column("Of", lambda r: r.of, tip=lambda r: r.of),
    Column("Measure", lambda r: r.measure),
    Column("Value", lambda r: r.value, right=True),
    Column("95 % interval", lambda r: r.interval, right=True),
    Column("n", lambda r: r.n, right=True),
    Column("", lambda r: r.words, tip=lambda r: r.words),
)
WIDTHS = (108, 128, 72, 134, 56)


def quality_rows(report: QualityReport) -> list[QualityRow]:
    """What is estimated says so; slices that do worse than the rest come before the others."""
    rows = [_row("all answers", m, m.note) for m in report.measures]
    if report.estimate is not None:
        rows.insert(min(1, len(rows)), _row("labels to come", report.estimate, report.estimate.note, "estimated "))
    rows += [_feedback(f) for f in report.feedback]
    rows += [_slice(s) for s in report.slices]
    rows += [QualityRow("to know", "", "", "", "", visible_text(note, 300)) for note in report.notes]
    return rows


def quality_sentence(report: QualityReport) -> tuple[str, str]:
    """(words, tone)."""
    head = f"{version_text(report.version)}, last {duration_text(report.until_s - report.since_s)}"
    waiting = report.drawn - report.labelled
    late = f"; {count_text(waiting, 'answer')} of {report.drawn} without a label" if waiting else ""
    bad = [s for s in report.slices if s.worse]
    if not report.measures:
        why = report.notes[0] if report.notes else "nothing can be measured"
        return f"{head}: {visible_text(why, 200)}{late}.", "unknown"
    if bad:
        names = ", ".join(f"{s.slice} {s.value}" for s in bad[:3])
        return visible_text(f"{head}: worse than elsewhere in {names}{late}.", 300), "warning"
    moved = [f for f in report.feedback if f.changed and f.before is not None and f.share < f.before]
    if moved:
        return f"{head}: users {moved[0].kind} less than in the time before{late}.", "warning"
    if not any(s.q_value is not None for s in report.slices):
        why = "no slice has labels enough to be compared" if report.slices else "the log names no slice"
        return f"{head}: {why}{late}.", "unknown"
    return f"{head}: no slice does worse than the rest{late}.", "secondary"


def _row(of: str, m: Measure, words: str, head: str = "") -> QualityRow:
    return QualityRow(
        of, head + m.name, _value(m, m.value), _interval(m), whole_text(m.n) if m.n else "", visible_text(words, 300)
    )


def _slice(s: SliceQuality) -> QualityRow:
    words = "worse than the rest" if s.worse else "" if s.q_value is not None else "too few to compare"
    if s.worse and s.q_value is not None:
        words += f", q = {s.q_value:.2g}"
    return _row(visible_text(f"{s.slice} {s.value}", 80), s.measure, words)


def _feedback(f: FeedbackShare) -> QualityRow:
    words = f"{count_text(f.n, 'reaction')} to {f.served} answers"
    if f.before is not None and f.change_low is not None and f.change_high is not None:
        points = f"{100 * f.change_low:+.1f} to {100 * f.change_high:+.1f} points"
        verdict = _CHANGE[f.share > f.before] if f.changed else "as"
        words += f"; {verdict} {'than' if f.changed else 'in'} the time before ({points})"
    measure = Measure(f"{f.kind} rate", f.share if f.n else None, f.low, f.high, f.n)
    return _row("users", measure, words)


def _value(m: Measure, value: float | None) -> str:
    if value is None:
        return "?"
    return f"{100 * value:.1f} %" if m.share else metric_text(value)


def _interval(m: Measure) -> str:
    if m.value is None or m.low is None or m.high is None:
        return ""
    if m.share:
        return f"{100 * m.low:.1f} to {100 * m.high:.1f}"
    return f"{metric_text(m.low)} to {metric_text(m.high)}"
