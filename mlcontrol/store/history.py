"""Metric history: samples in a SQLite file of its own. Losing the last second in a power cut is fine here, so it does not wait
for the disk (`synchronous=NORMAL`); a crash of the process loses nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Sample, SeriesData, SeriesKey
from mlcontrol.store.database import StoreError, damaged

_TABLES = """
create table if not exists series(
    id integer primary key, service text not null, metric text not null, labels text not null,
    unique(service, metric, labels));
create table if not exists samples(
    series integer not null, at_s real not null, value real, low real, high real, n integer,
    primary key(series, at_s)) without rowid;
"""


class History:
    """*Thread:* any; one connection behind a lock."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._path = path
        self._ids: dict[SeriesKey, int] = {}
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, timeout=5.0, check_same_thread=False, isolation_level=None)
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=normal")
            self._db.executescript(_TABLES)
        except (OSError, sqlite3.DatabaseError) as error:
            raise StoreError(damaged(str(path), str(error))) from error

    def append(self, samples: Sequence[Sample]) -> None:
        """Store samples; one that is there already is replaced. NaN is kept as a gap."""
        if not samples:
            return
        with self._lock:
            try:
                self._db.execute("begin immediate")
                rows = [(self._id(s.key), s.at_s, _null(s.value), _null(s.low), _null(s.high), s.n) for s in samples]
                self._db.executemany("insert or replace into samples values (?,?,?,?,?,?)", rows)
                self._db.execute("commit")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                self._ids.clear()
                if isinstance(error, sqlite3.Error):
                    raise StoreError(_unkept(self._path, error)) from error
                raise

    def query(
        self, service: str, metrics: Sequence[str], since_s: float, until_s: float, points: int
    ) -> tuple[SeriesData, ...]:
        """Series of a service in a span, each reduced to about ``points`` by keeping the lowest and the highest of each bucket.
        Series with intervals are given whole. An empty ``metrics`` means all."""
        marks = ",".join("?" * len(metrics))
        where = f" and metric in ({marks})" if metrics else ""
        with self._lock:
            found = self._db.execute(
                f"select id, metric, labels from series where service = ?{where} order by id",  # noqa: S608
                (service, *metrics),
            ).fetchall()
            rows = [
                (
                    SeriesKey(service, metric, tuple((str(k), str(v)) for k, v in json.loads(labels))),
                    self._db.execute(
                        "select at_s, value, low, high, n from samples where series = ? and at_s >= ? and at_s < ?"
                        " order by at_s",
                        (number, since_s, until_s),
                    ).fetchall(),
                )
                for number, metric, labels in found
            ]
        return tuple(_series(key, values, points) for key, values in rows if values)

    def last(self, service: str, metric: str, n: int) -> dict[SeriesKey, tuple[float, ...]]:
        """The newest ``n`` values of each series of a metric, oldest first, NaN for a gap."""
        with self._lock:
            found = self._db.execute(
                "select id, labels from series where service = ? and metric = ?", (service, metric)
            ).fetchall()
            result = {}
            for number, labels in found:
                values = self._db.execute(
                    "select value from samples where series = ? order by at_s desc limit ?", (number, n)
                ).fetchall()
                key = SeriesKey(service, metric, tuple((str(k), str(v)) for k, v in json.loads(labels)))
                result[key] = tuple(float("nan") if v is None else float(v) for (v,) in reversed(values))
        return result

    def trim(self, before_s: float) -> None:
        with self._lock:
            self._db.execute("delete from samples where at_s < ?", (before_s,))

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _id(self, key: SeriesKey) -> int:
        known = self._ids.get(key)
        if known is None:
            labels = json.dumps(key.labels)
            values = (key.service, key.metric, labels)
            self._db.execute("insert or ignore into series(service, metric, labels) values (?,?,?)", values)
            query = "select id from series where service = ? and metric = ? and labels = ?"
            known = self._ids[key] = int(self._db.execute(query, values).fetchone()[0])
        return known


def _unkept(path: Path, error: sqlite3.Error) -> Problem:
    return Problem(
        f"The metric history {path} was not written.",
        str(error),
        "Free space on its disk, or make it writable; charts go on from memory.",
        code="store",
    )


def _null(value: float) -> float | None:
    """SQLite stores NaN as NULL anyway; say so."""
    return None if value != value else value


def _series(key: SeriesKey, rows: list[tuple[float | None, ...]], points: int) -> SeriesData:
    table = np.array(rows, dtype="<f8")  # None becomes NaN
    has_interval = bool(np.isfinite(table[:, 2]).any())
    if len(table) > points and not has_interval:
        table = table[_extremes(table[:, 1], max(1, points // 2))]
    columns = [np.ascontiguousarray(table[:, i]).tobytes() for i in range(5)]
    return SeriesData(key, columns[0], columns[1], *(columns[2:] if has_interval else ()))


def _extremes(values: NDArray[np.float64], buckets: int) -> NDArray[np.intp]:
    """Indices of the lowest and highest value of each bucket, in order; a gap at a bucket's start stays a gap."""
    edges = np.linspace(0, len(values), buckets + 1).astype(int)
    keep: set[int] = set()
    for start, end in pairwise(edges):
        part = values[start:end]
        if len(part) == 0:
            continue
        if np.isnan(part).all():
            keep.add(int(start))
            continue
        keep.add(int(start + np.nanargmin(part)))
        keep.add(int(start + np.nanargmax(part)))
    return np.array(sorted(keep), dtype=np.intp)
