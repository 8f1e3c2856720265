"""The data signal: has what the model is fed changed, lastingly and enough to matter?"""

from __future__ import annotations

from mlcontrol.core.data_report import DataReport
from mlcontrol.core.facts import Known
from mlcontrol.core.freshness import freshness
from mlcontrol.core.types import Freshness, Health, Signal


def data_signal(data: Known[DataReport], now_mono_s: float, every_s: float) -> Signal:
    """A change warns and never more: whether it harms is accuracy's matter. Too few rows, or nothing to compare with: unknown."""
    fresh = freshness(data.at, now_mono_s, every_s)
    report = data.value
    if report is None or fresh is Freshness.UNKNOWN:
        why = data.failed.what if data.failed else "The data has not been compared yet."
        return Signal(text="not compared", detail=why, freshness=fresh, at=data.at)
    if not report.comparisons:
        return Signal(text="nothing to compare", detail=" ".join(report.notes), freshness=fresh, at=data.at)
    lasting = report.lasting
    health = Health.WARNING if lasting else Health.OK
    if fresh is Freshness.STALE:
        health = Health.UNKNOWN
    if not lasting:
        detail = f"{report.comparisons} comparisons of {report.rows} answers: nothing changed lastingly."
        if report.notes:
            notes = "; ".join(report.notes)
            detail = f"{detail} {notes[:1].upper()}{notes[1:]}."
        return Signal(health, "as usual", detail, n=report.rows, freshness=fresh, at=data.at)
    first = lasting[0]
    names = list(dict.fromkeys(f.where for f in lasting))
    text = f"{names[0]} changed" if len(names) == 1 else f"{len(names)} changed"
    detail = f"Against {first.against}: {first.why}."
    if len(names) > 1:  # with one the text names it already
        detail = f"{first.where}, against {first.against}: {first.why}. Also changed: {', '.join(names[1:5])}."
    return Signal(health, text, detail, first.effect, n=report.rows, freshness=fresh, at=data.at)
