"""What is known of a service's data as rows and as one sentence."""

from __future__ import annotations

from mlcontrol.core.data_report import DataFinding, DataReport
from mlcontrol.gui.models.columns import Column
from mlcontrol.gui.viewmodels.phrases import coarse_text, count_text, duration_text, visible_text, whole_text

_ASPECTS = {
    "distribution": "distribution",
    "proportions": "proportions",
    "missing": "missing share",
    "filled": "filled in",
    "out_of_range": "range",
    "new_category": "new value",
    "missing_category": "value gone",
    "missing_slice": "slice gone",
    "new_slice": "new slice",
    "volume": "volume",
    "type": "type",
    "missing_column": "feature gone",
    "new_column": "new feature",
}


def _effect(f: DataFinding) -> str:
    return "" if f.effect is None else f"{f.effect:.3f}"


def _q(f: DataFinding) -> str:
    """Short enough for its column: a number that is cut off is another number."""
    if f.q_value is None:
        return ""
    return f"{f.q_value:.0e}" if 0 < f.q_value < 0.001 else f"{f.q_value:.1g}"


def _words(f: DataFinding) -> str:
    once = "seen once; " if f.looks < 2 else ""
    return visible_text(once + f.why, 300)


COLUMNS = (
    Column("Feature", lambda f: visible_text(f.column, 80), tip=lambda f: f.column),
    Column("Slice", lambda f: visible_text(f.slice, 80) or "all", tip=lambda f: f.slice),
    Column("What changed", lambda f: _ASPECTS.get(f.aspect, f.aspect)),
    Column("Against", lambda f: f.against),
    Column("Effect", _effect, right=True),
    Column("q", _q, right=True),
    Column("n", lambda f: whole_text(f.n), right=True),
    Column("", _words, tip=lambda f: f.why),
)
WIDTHS = (96, 96, 100, 112, 52, 52, 52)


def data_sentence(report: DataReport | None, why: str, now_s: float) -> tuple[str, str]:
    """(words, tone)."""
    if report is None:
        soon = "The data has not been looked at yet: the first look comes half a minute after the start."
        return visible_text(why, 200) or soon, "unknown"
    head = f"Last {duration_text(report.window_s)}, {count_text(report.rows, 'answer')}"
    tail = _trained(report, now_s)
    notes = f" {visible_text('; '.join(report.notes), 200)}." if report.notes else ""
    if not report.comparisons:
        return f"{head}: nothing to compare.{notes}", "unknown"
    lasting = report.lasting
    compared = f"{report.comparisons} comparisons"
    if lasting:
        names = ", ".join(list(dict.fromkeys(f.where for f in lasting))[:3])
        return visible_text(f"{head}: {names} changed, likely harm first.{tail}{notes}", 300), "warning"
    seen = f" {count_text(len(report.findings), 'change')} seen once, not yet twice." if report.findings else ""
    return f"{head}: no lasting change in {compared}.{seen}{tail}{notes}", "secondary"


def _trained(report: DataReport, now_s: float) -> str:
    if report.trained_until_s is None:
        return ""
    return f" Trained on data up to {coarse_text(now_s - report.trained_until_s)} ago."
