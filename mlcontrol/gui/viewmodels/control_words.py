"""What a control chart promises, in words."""

from __future__ import annotations

from collections.abc import Sequence

from mlcontrol.core.control_chart import ControlChart
from mlcontrol.gui.viewmodels.phrases import coarse_text, count_text, metric_text, percent_text

_NAMES = {"ewma": "EWMA", "shewhart": "Shewhart", "cusum": "CUSUM", "nelson": "Nelson"}
_SHARES = ("errors",)


def promise(chart: ControlChart) -> str:
    """The expected rate of false alarms beside the limit."""
    if chart.note:
        return f"? {chart.note}"
    apart = coarse_text(chart.arl0 * chart.bucket_s)
    run = f" or {chart.run} in a row" if chart.run else ""
    if chart.own_noise:
        return f"limits of its own noise{run}, ARL0 {apart}"
    return f"±{chart.limit:.2f} sd{run}, ARL0 {apart}"


def reading(chart: ControlChart, value: float) -> str:
    if chart.kind == "cusum":
        return f"{value:.1f} sd"
    return percent_text(max(0.0, value), 2) if chart.name in _SHARES else metric_text(value)


def control_sentence(charts: Sequence[ControlChart]) -> tuple[str, str]:
    """(words, tone)."""
    known = [c for c in charts if not c.note]
    if not known:
        return (charts[0].note if charts else "Nothing is recorded yet") + ": none can be set yet.", "unknown"
    first = known[0]
    budget = (
        f"{_NAMES[first.kind]} limits from the fleet's budget: {first.budget_per_week:g} false alarms a week over "
        f"{first.series} charts, {first.false_per_week:.2f} expected on each (ARL0 {first.arl0:,.0f} readings)."
    )
    out = [c.name for c in known if c.out and c.out[-1]]
    past = sum(c.signals for c in known)
    if out:
        return f"Out of its limits now: {', '.join(out)}. {budget}", "warning"
    before = f" {count_text(past, 'signal')} in the span." if past else ""
    return f"All within limits now.{before} {budget} X: another chart.", "secondary"
