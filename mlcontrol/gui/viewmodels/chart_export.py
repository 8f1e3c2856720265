"""What the charts show, as a table for a spreadsheet and as words for a chat."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

import numpy as np

from mlcontrol.gui.viewmodels.chart_rows import ChartRow
from mlcontrol.gui.viewmodels.phrases import iso_text
from mlcontrol.gui.viewmodels.timeline_lanes import harmless


def to_csv(rows: Sequence[ChartRow], since_s: float, until_s: float) -> str:
    """One line a moment, one column a chart line; empty where it has no value. Cells that would run as a formula get an
    apostrophe."""
    columns = [(f"{row.title}: {line.label}", line) for row in rows for line in row.lines if len(line.at_s)]
    moments = [line.at_s[(line.at_s >= since_s) & (line.at_s <= until_s)] for _, line in columns]
    at = np.unique(np.concatenate(moments)) if moments else np.empty(0)
    table = np.full((len(at), len(columns)), math.nan)
    for i, (_, line) in enumerate(columns):
        inside = (line.at_s >= since_s) & (line.at_s <= until_s)
        table[np.searchsorted(at, line.at_s[inside]), i] = line.value[inside]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["at", *(harmless(name) for name, _ in columns)])
    for moment, values in zip(at.tolist(), table.tolist(), strict=True):
        writer.writerow([iso_text(moment), *("" if math.isnan(v) else repr(v) for v in values)])
    return out.getvalue()


def to_words(title: str, service: str, rows: Sequence[ChartRow], since_s: float, until_s: float) -> str:
    """For a chat: the span, the last value of each line in it, and the command that lists what changed."""
    lines = [f"{title}, {iso_text(since_s)} to {iso_text(until_s)}"]
    for row in rows:
        said = [
            f"{line.label} {row.text(value)}"
            for line in row.lines
            if not line.ghost and math.isfinite(value := row.at(line, until_s))
        ]
        if said:
            lines.append(f"{row.title}: {', '.join(said[:4])}")
    lines.append(f"mlcontrol timeline --service {service} --since {iso_text(since_s)} --until {iso_text(until_s)}")
    return "\n".join(lines) + "\n"
