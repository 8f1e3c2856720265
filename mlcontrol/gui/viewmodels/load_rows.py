"""What servers use of their machines, with the limits that are watched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mlcontrol.core import series as names
from mlcontrol.core.types import SeriesKey
from mlcontrol.gui.models.series_store import SeriesStore
from mlcontrol.gui.viewmodels.chart_rows import ChartRow, Line
from mlcontrol.gui.viewmodels.line_inks import PLAIN, ink
from mlcontrol.gui.viewmodels.load_limits import watched_limits
from mlcontrol.gui.viewmodels.phrases import bytes_text, percent_text, visible_text
from mlcontrol.gui.viewmodels.series_lines import LABEL_MOST, line_of, within

SQUARED_MOST = 1e150  # whose square is still a number
BAND_S, BAND_LEAST = 300.0, 10


def cpu_rows(store: SeriesStore, since_s: float, gap_s: float) -> Iterator[ChartRow]:
    """As a share of the machine, and in cores where that is all that a server tells."""
    share = load_row(store, names.CPU_SHARE, "CPU", "%", since_s, gap_s)
    cores = load_row(store, names.CPU_CORES, "CPU", "cores", since_s, gap_s)
    if share.lines or not cores.lines:
        yield share
    if cores.lines:
        yield cores


def device_rows(store: SeriesStore, since_s: float, gap_s: float) -> Iterator[ChartRow]:
    """Most fleets have no GPU: a row appears only where one is told of."""
    for metric, title, unit in (
        (names.GPU_SHARE, "GPU", "%"),
        (names.GPU_MEMORY_BYTES, "GPU memory", ""),
    ):
        row = load_row(store, metric, title, unit, since_s, gap_s)
        if row.lines:
            yield row


def load_row(store: SeriesStore, metric: str, title: str, unit: str, since_s: float, gap_s: float) -> ChartRow:
    lines, watched = [], False
    for i, (key, data) in enumerate(within(store.of(metric), since_s)):
        tone, style = ink(PLAIN, i)
        line = line_of(_who(key) or title, data, tone=tone, style=style)
        limits = watched_limits(store, key, data.at_s)
        watched |= limits is not None
        lines.append(
            _usual(line) if limits is None else replace(line, low=limits[0], high=limits[1], band=True, limits=True)
        )
    unit = " · ".join(part for part in (unit, "band = limits" if watched else "band = 2 sd") if part)
    share = metric in (names.CPU_SHARE, names.GPU_SHARE)
    most = 1.0 if share else np.inf  # however wide the band, no machine is used by more than all of it
    lines = [replace(line, low=np.maximum(line.low, 0.0), high=np.minimum(line.high, most)) for line in lines]
    text = percent_text if share else _cores_text if metric == names.CPU_CORES else bytes_text
    return ChartRow(
        metric,
        title,
        unit,
        tuple(lines),
        weight=0.7,
        gap_s=max(gap_s, 30.0),
        ceiling=1.0 if share else None,
        text=text,
        nothing=f"no source told {title} in this span",
    )


def _who(key: SeriesKey) -> str:
    """Whose load it is: a device, a process of an instance (which may serve others, too), or all behind a source."""
    name = key.label("gpu") or key.label("instance") or key.label("source") or ""
    return visible_text(f"{name} (shared)" if key.label("shared") else name, LABEL_MOST)


def _cores_text(cores: float | None) -> str:
    return "?" if cores is None or not np.isfinite(cores) else f"{cores:.2f}"


def _usual(line: Line) -> Line:
    """The line with the band of two standard deviations around the mean of the five minutes before each moment."""
    known = np.abs(line.value) < SQUARED_MOST
    if np.count_nonzero(known) < BAND_LEAST:
        return line
    value = np.where(known, line.value, 0.0)
    # Running sums around the overall mean: large numbers (bytes) keep their precision.
    centre = float(value[known].mean())
    value = np.where(known, value - centre, 0.0)
    sums, squares, counts = (np.concatenate([[0.0], np.cumsum(part)]) for part in (value, value * value, known))
    first = np.searchsorted(line.at_s, line.at_s - BAND_S)
    end = np.arange(1, len(value) + 1)
    n = counts[end] - counts[first]
    mean = (sums[end] - sums[first]) / np.maximum(n, 1)
    deviation = np.sqrt(np.maximum(0.0, (squares[end] - squares[first]) / np.maximum(n, 1) - mean**2))
    enough = n >= BAND_LEAST
    low = np.where(enough, centre + mean - 2 * deviation, np.nan)
    high = np.where(enough, centre + mean + 2 * deviation, np.nan)
    return replace(line, low=low, high=high, band=True)
