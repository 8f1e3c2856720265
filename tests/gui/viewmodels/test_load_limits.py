"""The band of a load is what the engine watches it by, where it has told its limits; else two standard deviations."""

from __future__ import annotations

import numpy as np
import pytest

from mlcontrol.core import series
from mlcontrol.core.types import Health, SeriesData, SeriesKey, ServiceState, Signal
from mlcontrol.gui.models.series_store import SeriesStore
from mlcontrol.gui.viewmodels.chart_rows import ChartRow
from mlcontrol.gui.viewmodels.service_charts import METRICS, chart_rows
from mlcontrol.gui.viewmodels.service_facts import service_facts

AT = np.arange(0.0, 3600.0, 5.0)


def told(store: SeriesStore, metric: str, at_s: np.ndarray, value: np.ndarray, /, **labels: str) -> None:
    key = SeriesKey("s", metric, tuple(sorted(labels.items())))
    store.take_history([SeriesData(key, at_s.tobytes(), value.tobytes())])


def row(store: SeriesStore, name: str) -> ChartRow:
    return next(one for one in chart_rows(store, 0.0, 3600.0, 5.0, {}) if one.id == name)


def limits(store: SeriesStore, source: str, metric: str = series.MEMORY_BYTES) -> None:
    at = np.arange(600.0, 2400.0, 120.0)
    for side, value in (("low", 2.0e9), ("high", 2.3e9)):
        told(store, series.LOAD_USUAL, at, np.full(at.size, value), source=source, metric=metric, side=side)


def test_the_band_is_what_is_watched_and_none_where_nothing_was() -> None:
    store = SeriesStore("s")
    told(store, series.MEMORY_BYTES, AT, 2.1e9 + 1e7 * np.sin(AT), source="triton")
    assert "2 sd" in row(store, "memory_bytes").unit
    limits(store, "other")
    limits(store, "triton", series.GPU_MEMORY_BYTES)
    assert "2 sd" in row(store, "memory_bytes").unit, "another source's, or another load's"
    limits(store, "triton")
    found = row(store, "memory_bytes")
    (line,) = found.lines
    assert found.unit == "band = limits"
    assert line.band
    assert np.isnan(line.spread_at(1000.0)), "limits are no spread around the reading"
    assert (line.low[200], line.high[200]) == (2.0e9, 2.3e9)
    assert np.isnan(line.low[:120]).all(), "before they were told"
    assert np.isnan(line.low[AT > 2280 + 900]).all(), "and long after"
    assert series.LOAD_USUAL in METRICS


def test_a_process_that_counts_its_own_seconds_is_shown_in_cores() -> None:
    store = SeriesStore("s")
    told(store, series.CPU_CORES, AT, np.full(AT.size, 1.5), source="mlserver")
    found = row(store, "cpu_cores")
    assert found.title == "CPU"
    assert found.unit.startswith("cores")
    assert found.lines[0].value[0] == pytest.approx(1.5)
    told(store, series.CPU_SHARE, AT, np.full(AT.size, 0.5), source="triton")
    assert row(store, "cpu_share").lines, "the twin: of the machine where that is told"


@pytest.mark.parametrize(
    ("signal", "words", "tone"),
    [
        (Signal(), "? no data yet", "unknown"),
        (Signal(text="usual not known yet"), "? usual not known yet", "unknown"),
        (Signal(Health.OK, "as usual"), "as usual", ""),
        (Signal(Health.WARNING, "memory 4.1 GB"), "memory 4.1 GB", "warning"),
    ],
)
def test_the_column_of_facts_says_whether_resources_are_as_usual(signal: Signal, words: str, tone: str) -> None:
    facts = service_facts(ServiceState("s", resources=signal), 900.0, True, None)
    assert ("Resources", words, tone) in facts
