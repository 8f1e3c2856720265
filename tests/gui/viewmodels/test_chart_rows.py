"""Which rows the service page shows of a span: what is joined, what is summed, what comes first, what is said of nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlcontrol.core.data_report import DataFinding
from mlcontrol.core.types import SeriesData, SeriesKey
from mlcontrol.gui.models.series_store import SeriesStore
from mlcontrol.gui.viewmodels import data_rows
from mlcontrol.gui.viewmodels.chart_export import to_words
from mlcontrol.gui.viewmodels.chart_rows import ChartRow
from mlcontrol.gui.viewmodels.service_charts import chart_rows

DAY = 86_400.0


def store_of(*series: tuple[str, dict[str, str], Any, Any, float]) -> SeriesStore:
    """``series``: metric, labels, times, values, the length of the buckets they were reduced to."""
    store = SeriesStore("s")
    store.take_history(
        [
            SeriesData(
                SeriesKey("s", metric, tuple(labels.items())),
                np.asarray(at, "<f8").tobytes(),
                np.asarray(value, "<f8").tobytes(),
                step_s=step_s,
            )
            for metric, labels, at, value, step_s in series
        ]
    )
    return store


def row(store: SeriesStore, name: str, until_s: float, since_s: float = 0.0) -> ChartRow:
    return next(one for one in chart_rows(store, since_s, until_s, 5.0, {}) if one.id == name)


def test_presence_of_a_long_span_is_no_row_of_gaps() -> None:
    """History gives a week in buckets of minutes: neighbours lie further apart than polls do."""
    at = np.concatenate([np.arange(0.0, 3 * DAY, 600.0), np.arange(4 * DAY, 7 * DAY, 600.0)])
    week = store_of(("answered", {"version": "3"}, at, np.ones(len(at)), 600.0))
    spans = row(week, "presence", 7 * DAY).bars[0].spans
    assert [version for _, _, version, _ in spans] == ["3", "not recorded", "3"]
    raw = store_of(("answered", {"version": "3"}, at, np.ones(len(at)), 0.0))
    assert len(row(raw, "presence", 7 * DAY).bars[0].spans) > 100, (
        "the twin: samples so far apart were not recorded between"
    )


def test_the_total_of_reduced_errors_adds_what_each_type_said_last() -> None:
    """Each reduced series keeps moments of its own: those of one type alone are not the total."""
    one, other = np.arange(0.0, 9000.0, 300.0), np.arange(100.0, 9000.0, 300.0)
    store = store_of(
        ("error_share", {"type": "4xx"}, one, np.full(len(one), 0.02), 300.0),
        ("error_share", {"type": "5xx"}, other, np.full(len(other), 0.03), 300.0),
    )
    total = row(store, "errors", 9000.0).lines[0]
    assert total.label == "all"
    assert np.allclose(total.value[1:], 0.05)
    assert total.gap_s >= 300.0, "and it is one line"
    live = store_of(
        ("error_share", {"type": "4xx"}, [0.0, 5.0], [0.02, 0.02], 0.0),
        ("error_share", {"type": "5xx"}, [0.0], [0.03], 0.0),
    )
    assert np.allclose(row(live, "errors", 10.0).lines[0].value, [0.05, 0.02])


def test_the_total_of_what_nobody_knows_is_not_none() -> None:
    at = np.arange(0.0, 50.0, 5.0)
    unknown, some = np.full(len(at), np.nan), np.where(at < 20, 0.01, np.nan)
    store = store_of(
        ("error_share", {"type": "4xx"}, at, unknown, 0.0), ("error_share", {"type": "5xx"}, at, some, 0.0)
    )
    value = row(store, "errors", 50.0).lines[0].value
    assert np.allclose(value[at < 20], 0.01)
    assert np.isnan(value[at >= 20]).all(), "no share of errors is known: that is not no errors"


def test_of_many_error_types_and_versions_the_largest_come_first() -> None:
    at = np.arange(0.0, 100.0, 5.0)
    kinds = [("error_share", {"type": f"e{i:02}"}, at, np.full(len(at), 0.001 * (i + 1)), 0.0) for i in range(12)]
    lines = row(store_of(*kinds), "errors", 100.0).lines
    assert [line.label for line in lines[:4]] == ["all", "e11", "e10", "e09"]
    assert len({(line.tone, line.style) for line in lines[1:6]}) == 5, "and each of those looks its own way"
    busy = [("queries_per_s", {"version": str(i)}, at, np.full(len(at), float(i)), 0.0) for i in (3, 9, 1, 7)]
    assert [line.label for line in row(store_of(*busy), "queries", 100.0).lines] == ["v9", "v7", "v3", "v1"]
    was = at < 50
    gone = ("queries_per_s", {"version": "2"}, at, np.where(was, 900.0, 5.0), 0.0)
    late = row(store_of(*busy, gone), "queries", 100.0, since_s=60.0).lines
    assert [line.label for line in late][:3] == ["v9", "v7", "v2"], "by what is shown, not by what was"


def test_names_of_servers_cannot_turn_a_line_round() -> None:
    at = np.arange(0.0, 100.0, 5.0)
    store = store_of(
        ("slice_share", {"slice": "\u202eevil", "value": "x" * 500}, at, np.ones(len(at)), 0.0),
        ("error_share", {"type": "a\u2066b\x07"}, at, np.ones(len(at)), 0.0),
    )
    (found,) = row(store, "slices", 100.0).lines
    assert found.label.startswith("\\u202eevil x")
    assert len(found.label) < 130
    assert row(store, "errors", 100.0).lines[-1].label == "a\\u2066b\\u0007"


@pytest.mark.parametrize("name", ["queries", "errors", "latency", "cpu_share", "memory_bytes", "quality", "slices"])
def test_what_is_said_of_an_empty_row_is_said_of_the_span_alone(name: str) -> None:
    """Labels may have arrived a minute before it."""
    assert row(SeriesStore("s"), name, 100.0).nothing.endswith("in this span")


def test_words_of_a_long_span_have_the_values_that_the_chart_shows() -> None:
    at = np.arange(0.0, 90 * DAY, 6 * 3600.0)
    store = store_of(("cpu_share", {"source": "triton"}, at, np.full(len(at), 0.25), 6 * 3600.0))
    until = float(at[-1]) + 3 * 3600.0
    assert "triton 25.0 %" in to_words("S", "s", [row(store, "cpu_share", until)], 0.0, until)


@pytest.mark.filterwarnings("error")
def test_a_wild_reading_harms_no_band() -> None:
    at = np.arange(0.0, 500.0, 5.0)
    value = np.full(len(at), 0.25)
    value[40] = 1e299
    (line,) = row(store_of(("cpu_share", {"source": "a"}, at, value, 0.0)), "cpu_share", 500.0).lines
    assert np.nanmax(line.high) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("q", "words"), [(0.00042, "4e-04"), (3e-6, "3e-06"), (0.04, "0.04"), (1.0, "1"), (0.0, "0"), (None, "")]
)
def test_figures_of_the_data_table_fit_their_columns_and_read_as_elsewhere(q: float | None, words: str) -> None:
    finding = DataFinding("color", "distribution", "training", "", effect=0.1, q_value=q, n=12_000)
    text = {column.title: column.text(finding) for column in data_rows.COLUMNS}
    assert text["q"] == words
    assert text["n"] == "12 000"


def test_after_the_clock_was_set_back_predictions_now_are_those_of_now() -> None:
    """What was read before the clock was set back lies ahead of now; it is no reading of now."""
    at = [10.0, 15.0, 20.0, 3600.0, 3605.0]
    store = store_of(
        ("queries_per_s", {"version": "1"}, at, [4, 4, 4, 9, 9], 0.0),
        ("predictions_per_s", {"version": "1"}, at, [4, 4, 5, 90, 90], 0.0),
    )
    assert ("predictions", "5.0 /s") in row(store, "queries", 22.0).facts


def test_cpu_in_cores_takes_the_place_of_a_share_that_nothing_tells() -> None:
    at, value = np.array([0.0, 5.0]), np.array([1.25, 1.5])
    cores = store_of(("cpu_cores", {"source": "mlserver"}, at, value, 0.0))
    (row,) = [row for row in chart_rows(cores, 0.0, 10.0, 5.0, {}) if row.title == "CPU"]
    assert (row.id, row.unit.split(" ")[0]) == ("cpu_cores", "cores")
    assert "mlserver 1.50" in to_words("S", "s", [row], 0.0, 10.0)
    both = store_of(
        ("cpu_cores", {"source": "mlserver"}, at, value, 0.0), ("cpu_share", {"source": "triton"}, at, value / 2, 0.0)
    )
    assert [row.id for row in chart_rows(both, 0.0, 10.0, 5.0, {}) if row.title == "CPU"] == ["cpu_share", "cpu_cores"]
    (none,) = [row for row in chart_rows(store_of(), 0.0, 10.0, 5.0, {}) if row.title == "CPU"]
    assert (none.id, len(none.lines)) == ("cpu_share", 0)


def test_a_process_of_a_fleet_is_named_by_its_instance_and_marked_where_it_is_shared() -> None:
    at, value = np.array([0.0, 5.0]), np.array([1e9, 2e9])
    alone = ("memory_bytes", {"source": "prom", "instance": "one:1"}, at, value, 0.0)
    shared = ("memory_bytes", {"source": "prom", "instance": "two:1", "shared": "yes"}, at, value, 0.0)
    found = row(store_of(alone, shared), "memory_bytes", 10.0)
    assert [line.label for line in found.lines] == ["one:1", "two:1 (shared)"]
