"""The metric history: gaps, extremes and intervals survive the reduction; a crash of the process loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mlcontrol.core.series import LATENCY_MS, QUALITY, QUERIES_PER_S
from mlcontrol.core.types import Sample, SeriesData, SeriesKey
from mlcontrol.store.database import StoreError
from mlcontrol.store.history import History

KEY = SeriesKey("digits", QUERIES_PER_S, (("version", "2"),))


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "history.db")
    yield made
    made.close()


def values(series: SeriesData) -> np.ndarray:
    return np.frombuffer(series.value, dtype="<f8")


def test_samples_come_back_by_series(history: History) -> None:
    other = SeriesKey("digits", LATENCY_MS, (("quantile", "0.99"), ("version", "2")))
    history.append([Sample(KEY, 10.0, 1.0), Sample(other, 10.0, 7.0), Sample(KEY, 15.0, 2.0)])
    found = {series.key: series for series in history.query("digits", (), 0, 100, 1000)}
    assert set(found) == {KEY, other}
    assert values(found[KEY]).tolist() == [1.0, 2.0]
    assert np.frombuffer(found[KEY].at_s, dtype="<f8").tolist() == [10.0, 15.0]
    assert [s.key for s in history.query("digits", (LATENCY_MS,), 0, 100, 1000)] == [other]
    assert history.query("other", (), 0, 100, 1000) == ()
    assert history.query("digits", (QUERIES_PER_S,), 11, 15, 1000) == ()


def test_a_peak_and_a_dip_survive_the_reduction(history: History) -> None:
    samples = [Sample(KEY, float(n), 5.0) for n in range(10_000)]
    samples[3333] = Sample(KEY, 3333.0, 900.0)
    samples[7777] = Sample(KEY, 7777.0, -900.0)
    history.append(samples)
    (series,) = history.query("digits", (QUERIES_PER_S,), 0, 1e9, 200)
    reduced = values(series)
    assert len(reduced) <= 200
    assert (reduced.max(), reduced.min()) == (900.0, -900.0)


def test_a_gap_is_neither_zero_nor_bridged(history: History) -> None:
    history.append([Sample(KEY, float(n), float("nan") if 400 <= n < 600 else 1.0) for n in range(1000)])
    (series,) = history.query("digits", (QUERIES_PER_S,), 0, 1e9, 100)
    reduced = values(series)
    assert np.isnan(reduced).any()
    assert not (reduced == 0).any()


def test_intervals_are_kept(history: History) -> None:
    key = SeriesKey("digits", QUALITY, (("source", "labels"), ("version", "2")))
    history.append([Sample(key, 60.0, 0.9, 0.8, 0.95, 120)])
    (series,) = history.query("digits", (QUALITY,), 0, 100, 10)
    columns = [np.frombuffer(column, dtype="<f8").tolist() for column in (series.low, series.high, series.n)]
    assert columns == [[0.8], [0.95], [120.0]]


def test_trimming_forgets_what_is_older(history: History) -> None:
    history.append([Sample(KEY, float(n), float(n)) for n in range(10)])
    history.trim(7.0)
    assert history.last("digits", QUERIES_PER_S, 99) == {KEY: (7.0, 8.0, 9.0)}
    assert history.last("digits", QUERIES_PER_S, 2) == {KEY: (8.0, 9.0)}


def test_a_failed_append_leaves_nothing_and_says_so(history: History) -> None:
    history._db.execute("pragma query_only = on")
    with pytest.raises(StoreError) as refused:
        history.append([Sample(KEY, 1.0, 1.0)])
    assert "was not written" in refused.value.problem.what
    history._db.execute("pragma query_only = off")
    history.append([Sample(KEY, 2.0, 2.0)])
    assert history.last("digits", QUERIES_PER_S, 9) == {KEY: (2.0,)}


WRITER = """
import sys
from pathlib import Path
from mlcontrol.core.types import Sample, SeriesKey
from mlcontrol.store.history import History
history = History(Path(sys.argv[1]))
n = 0
while True:
    history.append([Sample(SeriesKey("digits", "queries_per_s"), float(n), 1.0)])
    print(n, flush=True)
    n += 1
"""


def test_kill_loses_no_written_sample(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for _ in range(200):
            child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        said = [int(line) for line in child.stdout.read().split("\n")[:-1]]
    again = History(path)
    (series,) = again.query("digits", (), 0, 1e9, 10**9)
    again.close()
    assert len(values(series)) > max(said, default=199)
