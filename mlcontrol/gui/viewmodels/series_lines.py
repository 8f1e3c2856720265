"""Stored series as the lines of a chart."""

from __future__ import annotations

from collections.abc import Sequence

from mlcontrol.core.types import SeriesKey
from mlcontrol.gui.models.series_store import Series
from mlcontrol.gui.viewmodels.chart_rows import SOLID, Line
from mlcontrol.gui.viewmodels.phrases import visible_text

LABEL_MOST = 120  # characters of a name that a server gave
JOINED_STEPS = 2.5  # neighbours of a reduced series may lie two buckets apart


def within(found: Sequence[tuple[SeriesKey, Series]], since_s: float) -> list[tuple[SeriesKey, Series]]:
    return [(key, data) for key, data in found if len(data.at_s) and data.at_s[-1] >= since_s]


def line_of(
    label: str, data: Series, *, slot: int | None = None, tone: str = "primary", style: str = SOLID, scale: float = 1.0
) -> Line:
    value = data.value * scale if scale != 1.0 else data.value
    gap_s, stamp = JOINED_STEPS * data.step_s, (data.stamp, scale)
    return Line(
        visible_text(label, LABEL_MOST), data.at_s, value, slot=slot, tone=tone, style=style, gap_s=gap_s, stamp=stamp
    )
