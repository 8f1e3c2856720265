"""P9: the metric history against DuckDB's table, and an audit commit against a raw append + fsync, all in one run.

Both stores get the same columns (series, time, value): what a `Sample` object costs on the way is the same for either.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pytest

from mlcontrol.core.types import Sample, SeriesKey
from mlcontrol.ports.clock import SystemClock
from mlcontrol.store.history import History
from mlcontrol.store.history_columns import AT, VALUE
from mlcontrol.store.store import Store

SERIES, TICKS, APPENDS = 400, 10_000, 1100
BLOCK = 100  # appends of one store before the other's turn
WIDE_TICK = 2000
PIXELS = 1200


def verdict(name: str, goal: str, met: bool, result: str) -> None:
    print(f"\n{name}: goal {goal}; result {result}; {'met' if met else 'NOT met'}")


def seconds(what: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    began = clock()
    what()
    return clock() - began


def cpu_seconds(what: Callable[[], object]) -> float:
    return seconds(what, time.process_time)


def registered(history: History, count: int) -> np.ndarray:
    """Ids of ``count`` series, known to the history by an append of their own."""
    keys = [SeriesKey("s", "m", (("i", str(i)),)) for i in range(count)]
    history.append([Sample(key, -1.0, 0.0) for key in keys])
    return np.array([history._ids[key] for key in keys], "<i4")


def append(history: History, ids: np.ndarray, at_s: float, values: np.ndarray) -> None:
    """What `History.append` does once it has columns."""
    table = np.empty((2, len(ids)))
    table[AT], table[VALUE] = at_s, values
    with history._lock, history._writing():
        history._append(ids, table)


@pytest.mark.timeout(240)
def test_appending_a_tick_of_two_thousand_samples(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    ids = registered(history, WIDE_TICK)
    duck = duckdb.connect(str(tmp_path / "duck.db"), config={"threads": 1})
    duck.execute("create table samples(series integer, at_s double, value double)")
    values = np.random.default_rng(1).normal(size=(64, WIDE_TICK))
    ours, theirs = [], []
    for first in range(0, APPENDS, BLOCK):  # more than two compactions
        for tick in range(first, first + BLOCK):
            ours.append(cpu_seconds(partial(append, history, ids, float(tick), values[tick % 64])))
        for tick in range(first, first + BLOCK):
            columns = {"series": ids, "at_s": np.full(WIDE_TICK, float(tick)), "value": values[tick % 64]}
            duck.register("batch", columns)
            theirs.append(cpu_seconds(partial(duck.execute, "insert into samples select * from batch")))
    (series,) = [s for s in history.query("s", (), 0.0, 1e9, 10**9) if s.key.label("i") == "7"]
    assert np.array_equal(np.frombuffer(series.value), values[np.arange(APPENDS) % 64, 7])
    history.close()
    duck.close()
    # The mean holds what a compaction costs, and DuckDB's own checkpoints.
    ratio, typical = (
        statistics.mean(theirs) / statistics.mean(ours),
        statistics.median(theirs) / statistics.median(ours),
    )
    result = f"{ratio:.1f}x of CPU with compaction ({1e3 * statistics.mean(ours):.3f} ms), {typical:.1f}x at the median"
    verdict("P9 append 2,000 samples", "10x DuckDB's table", ratio >= 10, result)
    assert typical >= 4


@pytest.mark.timeout(240)
def test_one_series_to_pixels(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    ids = registered(history, SERIES)
    values = np.random.default_rng(2).normal(size=(TICKS, SERIES))
    for tick in range(TICKS):
        append(history, ids, float(tick), values[tick])
    duck = duckdb.connect(str(tmp_path / "duck.db"), config={"threads": 1})
    duck.execute("create table samples(series integer, at_s double, value double)")
    all_ids, all_at, all_values = np.tile(ids, TICKS), np.repeat(np.arange(float(TICKS)), SERIES), values.ravel()
    batch = {"series": all_ids, "at_s": all_at, "value": all_values}  # noqa: F841
    duck.execute("insert into samples select * from batch")
    query = (
        "select floor(at_s * ? / ?) as x, min(value), max(value) from samples where series = ? and at_s >= 0"
        " group by x order by x"
    )
    history._db.execute("update series set service = 'one' where id = ?", (int(ids[5]),))
    ours, theirs = [], []
    for _ in range(15):
        ours.append(seconds(lambda: history.query("one", (), 0.0, float(TICKS), 2 * PIXELS)))
        theirs.append(seconds(lambda: duck.execute(query, (PIXELS, TICKS, int(ids[5]))).fetchnumpy()))
    (series,) = history.query("one", (), 0.0, float(TICKS), 2 * PIXELS)
    shown = np.frombuffer(series.value)
    assert (shown.min(), shown.max()) == (values[:, 5].min(), values[:, 5].max())
    history.close()
    duck.close()
    ratio = statistics.median(theirs) / statistics.median(ours)
    result = f"{ratio:.1f}x, {1e3 * statistics.median(ours):.2f} ms"
    verdict("P9 10,000 ticks of one series to pixels", "4x DuckDB's table", ratio >= 4, result)
    assert ratio >= 1.5


def test_an_audit_commit_beside_a_raw_fsync(tmp_path: Path) -> None:
    store = Store.open("sqlite:///panel.db", tmp_path, SystemClock(), tmp_path / "heads")
    raw = os.open(tmp_path / "raw", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    body = b"x" * 300

    def plain() -> None:
        os.write(raw, body)
        os.fsync(raw)

    ours, theirs = [], []
    for n in range(60):
        ours.append(seconds(partial(store.audit.append, "a", "deploy", {"step": n, "why": "x" * 200})))
        theirs.append(seconds(plain))
    os.close(raw)
    store.close()
    ratio = statistics.median(ours) / statistics.median(theirs)
    result = f"{ratio:.1f}x, {1e3 * statistics.median(ours):.2f} ms against {1e3 * statistics.median(theirs):.2f} ms"
    verdict("P9 audit commit", "2.5x a raw append + fsync", ratio <= 2.5, result)
    assert ratio <= 60
