"""The metric history: gaps, extremes and intervals survive the reduction; a crash of the process loses nothing."""

from __future__ import annotations

import errno
import math
import os
import random
import signal
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from mlcontrol.core.series import LATENCY_MS, QUALITY, QUERIES_PER_S
from mlcontrol.core.types import Sample, SeriesData, SeriesKey
from mlcontrol.store import history as module, history_head
from mlcontrol.store.database import StoreError
from mlcontrol.store.history import History
from mlcontrol.store.history_columns import ROLL_S, pack_ids, pack_tick, unpack_tick

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
from mlcontrol.store import history as module, history_head
from mlcontrol.store.history import History
from mlcontrol.store.history_columns import ROLL_S
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


DAY = 86_400.0


def times(series: SeriesData) -> np.ndarray:
    return np.frombuffer(series.at_s, dtype="<f8")


APPENDS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 30), st.one_of(st.floats(-9, 9), st.just(math.nan)), st.booleans()),
        min_size=1,
        max_size=8,
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(appends=APPENDS, ticks=st.integers(1, 9), steady=st.integers(1, 64), reopened=st.booleans())
def test_any_appends_come_back_as_they_were(
    appends: list[list[tuple[int, int, float, bool]]],
    ticks: int,
    steady: int,
    reopened: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Against a plain dict: late samples, samples twice, series that come and go, with and without intervals, over compactions."""
    path = tmp_path_factory.mktemp("history") / "history.db"
    known: dict[SeriesKey, dict[float, float]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TICKS_A_CHUNK", ticks)
        patch.setattr(history_head, "STEADY_ROWS", steady)  # from so many on, series share their times on the disk
        history = History(path)
        for batch in appends:
            samples = []
            for series, at, value, wide in batch:
                key = SeriesKey("s", "wide" if wide else "plain", (("i", str(series)),))
                samples.append(Sample(key, float(at), value, -1.0, 1.0, 5) if wide else Sample(key, float(at), value))
                known.setdefault(key, {})[float(at)] = value
            history.append(samples)
        if reopened:
            history.close()
            history = History(path)
        found = {
            s.key: dict(zip(times(s).tolist(), values(s).tolist(), strict=True))
            for s in history.query("s", (), 0, 99, 999)
        }
        history.close()
    assert repr({k: sorted(v.items()) for k, v in sorted(found.items(), key=repr)}) == repr(
        {k: sorted(v.items()) for k, v in sorted(known.items(), key=repr)}
    )


def test_months_are_answered_from_extremes_and_a_spike_survives_them(history: History) -> None:
    at = np.arange(0.0, 60 * DAY, 60.0)
    for first in range(0, len(at), 4000):
        history.append([Sample(KEY, t, 900.0 if t == 30 * DAY else 5.0) for t in at[first : first + 4000].tolist()])
    history.trim(46 * DAY, 0.0)  # the samples of the last two weeks stay
    (whole,) = history.query("digits", (), 0, 60 * DAY, 1000)
    assert len(values(whole)) <= 1000
    assert values(whole).max() == 900.0
    assert abs(times(whole)[values(whole).argmax()] - 30 * DAY) <= ROLL_S
    assert whole.step_s >= ROLL_S
    (fine,) = history.query("digits", (), 59 * DAY, 60 * DAY, 10_000)
    assert (len(values(fine)), fine.step_s) == (1440, 0.0)
    (old,) = history.query("digits", (), 30 * DAY, 30 * DAY + 3600, 10_000)
    assert old.step_s == ROLL_S, "an hour of last month is there, in steps of five minutes"
    history.trim(46 * DAY, 40 * DAY)
    assert times(history.query("digits", (), 0, 60 * DAY, 1000)[0])[0] >= 39 * DAY


def test_what_is_kept_as_an_extreme_was_a_gap_where_nothing_was_measured(history: History) -> None:
    at = np.arange(0.0, 10 * DAY, 30.0)
    gap = (at >= 2 * DAY) & (at < 3 * DAY)
    history.append([Sample(KEY, t, math.nan if g else 1.0) for t, g in zip(at.tolist(), gap.tolist(), strict=True)])
    history.trim(9 * DAY, 0.0)
    (series,) = history.query("digits", (), 0, 10 * DAY, 5000)
    inside = (times(series) >= 2 * DAY) & (times(series) < 3 * DAY)
    assert inside.any()
    assert np.isnan(values(series)[inside]).all()
    assert not np.isnan(values(series)[~inside]).any()


def test_small_chunks_grow_together_and_lose_nothing(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICKS_A_CHUNK", 10)
    for n in range(400):
        history.append([Sample(KEY, float(n), float(n))])
    history.trim(0.0)
    (chunks,) = history._db.execute("select count(*) from chunks").fetchone()
    assert chunks == 1
    (series,) = history.query("digits", (), 0, 20_000, 10**6)
    assert values(series).tolist() == [float(n) for n in range(400)]


FLEET = [SeriesKey("digits", "m", (("i", str(n)),)) for n in range(5)]


def fleet_ticks(history: History, first: int, end: int) -> None:
    for at in range(first, end):
        history.append([Sample(key, float(at), at + n / 8) for n, key in enumerate(FLEET)])


def test_times_that_series_share_lie_on_the_disk_once_and_go_with_the_last_of_them(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TICKS_A_CHUNK", 100)
    fleet_ticks(history, 0, 450)
    assert history._db.execute("select count(*) from times").fetchone() == (4,)
    for read_again in (False, True):
        if read_again:
            history._reload()
        found = {s.key: (times(s).tolist(), values(s).tolist()) for s in history.query("digits", (), 0, 999, 10**6)}
        assert found == {
            key: ([float(at) for at in range(450)], [at + n / 8 for at in range(450)]) for n, key in enumerate(FLEET)
        }
    assert history.last("digits", "m", 120)[FLEET[2]] == tuple(at + 2 / 8 for at in range(330, 450))
    history.trim(250.0)
    found = {s.key: times(s).tolist() for s in history.query("digits", (), 0, 999, 10**6)}
    assert found == {key: [float(at) for at in range(250, 450)] for key in FLEET}
    history.trim(450.0)
    assert history._db.execute("select count(*) from times").fetchone() == (0,)


def test_another_process_goes_on_after_the_numbers_that_were_cut_into_chunks(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later append of one moment counts; a number given twice would make that a guess."""
    monkeypatch.setattr(module, "TICKS_A_CHUNK", 70)
    other = History(history._path)
    fleet_ticks(history, 0, 70)
    other.append([Sample(FLEET[0], 69.0, -1.0)])
    other.close()
    history._reload()
    history.trim(0.0)
    series = next(s for s in history.query("digits", (), 0, 999, 10**6) if s.key == FLEET[0])
    assert values(series)[-1] == -1.0


def test_a_file_from_before_times_were_shared_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    old = sqlite3.connect(path)
    old.executescript(
        """create table series(id integer primary key, service text not null, metric text not null, labels text not null,
        unique(service, metric, labels));
        create table ticks(seq integer primary key autoincrement, body blob not null);
        create table chunks(id integer primary key, series integer not null, start_s real not null, end_s real not null,
        seq integer not null, n integer not null, columns integer not null, rolled blob not null, body blob);"""
    )
    old.execute("insert into series values (1, 'digits', ?, '[[\"version\", \"2\"]]')", (QUERIES_PER_S,))
    body = np.array([[1.0, 2.0], [5.0, 6.0]]).tobytes()
    old.execute("insert into chunks values (1, 1, 1.0, 2.0, 7, 2, 2, x'', ?)", (body,))
    tick = struct.pack("<IBB2x", 1, 2, 1) + np.array([1], "<i4").tobytes() + np.array([3.0, 7.0]).tobytes()
    old.execute("insert into ticks(seq, body) values (8, ?)", (tick,))
    old.commit()
    old.close()
    history = History(path)
    history.append([Sample(KEY, 4.0, 8.0)])
    (series,) = history.query("digits", (), 0, 20_000, 10**6)
    history.close()
    assert (times(series).tolist(), values(series).tolist()) == ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0])


def test_a_file_of_the_first_versions_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    old = sqlite3.connect(path)
    old.executescript(
        """create table series(id integer primary key, service text not null, metric text not null, labels text not null,
        unique(service, metric, labels));
        create table samples(series integer not null, at_s real not null, value real, low real, high real, n integer,
        primary key(series, at_s)) without rowid;"""
    )
    old.execute("insert into series values (1, 'digits', ?, '[[\"version\", \"2\"]]')", (QUERIES_PER_S,))
    old.executemany("insert into samples values (1, ?, ?, null, null, 0)", [(float(n), float(n)) for n in range(9000)])
    old.execute("insert into samples values (1, 9000.0, null, null, null, 0)")
    old.commit()
    old.close()
    history = History(path)
    (series,) = history.query("digits", (), 0, 20_000, 10**6)
    history.close()
    assert series.key == KEY
    assert values(series)[:-1].tolist() == [float(n) for n in range(9000)]
    assert np.isnan(values(series)[-1])


COMPACTING = WRITER.replace(
    "history = History", "import mlcontrol.store.history as h\nh.TICKS_A_CHUNK = 3\nhistory = History"
)


def test_kill_in_the_middle_of_compacting_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    lost = []
    for _round in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", COMPACTING, str(path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            for _ in range(random.randint(20, 60)):
                child.stdout.readline()
            os.kill(child.pid, signal.SIGKILL)
            said = [int(line) for line in child.stdout.read().split("\n")[:-1]]
        again = History(path)
        (series,) = again.query("digits", (), 0, 1e9, 10**9)
        again.close()
        newest = max(said, default=20)
        lost += sorted(set(range(newest)) - set(times(series).astype(int).tolist()))
    assert not lost


@pytest.mark.parametrize(
    "blob", [b"", b"\x01", pack_tick(pack_ids(np.arange(3, dtype="<i4"), 2, False), np.ones((2, 3)), False)[:-4]]
)
def test_a_damaged_tick_is_said_to_be_one(blob: bytes) -> None:
    with pytest.raises(ValueError, match=r"shorter|buffer"):
        unpack_tick(blob)


def test_what_cannot_be_written_is_not_called_damaged_and_what_is_no_database_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"no database at all " * 500)
    with pytest.raises(StoreError, match="is damaged"):
        History(path)

    def read_only(*_args: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(module.os, "open", read_only)
    with pytest.raises(StoreError) as told:
        History(path)
    assert "damaged" not in told.value.problem.what
    assert told.value.problem.next == "Make it writable."
