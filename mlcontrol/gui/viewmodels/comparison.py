"""The same charts at another time, laid under those of now: yesterday, last week, or since the previous deploy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.gui.viewmodels.chart_rows import DOT, ChartRow, Line
from mlcontrol.gui.viewmodels.phrases import duration_text, version_text

DAY_S = 86_400.0
GHOSTS = dict.fromkeys(
    (
        "queries",
        "errors",
        "latency",
        "cpu_share",
        "cpu_cores",
        "memory_bytes",
        "gpu_share",
        "gpu_memory_bytes",
        "quality",
    ),
    1,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``shift_s``: how much earlier the other charts are. ``words``: what they are called in the readout."""

    words: str
    shift_s: float


def comparisons(events: Sequence[TimelineEvent], service: str) -> tuple[Comparison, ...]:
    """What can be compared with: fixed ages, and the previous version, its deploy laid on the newest one."""
    found = [Comparison("yesterday", DAY_S), Comparison("last week", 7 * DAY_S)]
    moves = [
        e
        for e in sorted(events, key=lambda e: e.at_s)
        if e.service == service and e.kind in (EventKind.DEPLOY, EventKind.ROLLBACK) and e.version_to
    ]
    if len(moves) > 1 and moves[-1].at_s > moves[-2].at_s:
        words = f"{version_text(moves[-2].version_to)} after its deploy"
        found.append(Comparison(words, moves[-1].at_s - moves[-2].at_s))
    return tuple(found)


def with_past(rows: Sequence[ChartRow], past: Sequence[ChartRow], by: Comparison) -> tuple[ChartRow, ...]:
    """``past``: the same rows of the earlier span. The main line of each is added, moved to now, thin and quiet."""
    earlier = {row.id: row for row in past}
    result = []
    for row in rows:
        other = earlier.get(row.id)
        lines = main_lines(other)[: GHOSTS.get(row.id, 0)] if other is not None else []
        ghosts = [
            Line(
                f"{by.words}", line.at_s + by.shift_s, line.value, tone="quiet", style=DOT, ghost=True, gap_s=line.gap_s
            )
            for line in lines
        ]
        result.append(replace(row, lines=(*ghosts, *row.lines)) if ghosts else row)
    return tuple(result)


def main_lines(row: ChartRow) -> list[Line]:
    """The lines of a row that carry most: the total of errors, the busiest version, the highest quantile."""
    if row.id == "queries":
        return sorted(row.lines, key=lambda line: -float(line.value.sum()) if len(line.value) else 0.0)
    return [line for line in row.lines if len(line.at_s)]


def said(by: Comparison | None) -> str:
    return "nothing" if by is None else f"{by.words} ({duration_text(by.shift_s)} before)"
