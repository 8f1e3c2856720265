"""Metric history: samples in a SQLite file of its own. Losing the last second in a power cut is fine here, so it does not wait
for the disk (`synchronous=NORMAL`); a crash of the process loses nothing.

An append is one blob (a tick). Every few hundred ticks they are cut into chunks, one blob a series, each with its roll-up of five
minutes. Chunks lose their samples after weeks and keep their roll-up for months (docs/adr/0027).
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Sample, SeriesData, SeriesKey
from mlcontrol.store.database import StoreError, damaged, store_problem
from mlcontrol.store.history_columns import (
    AT,
    PLAIN,
    ROLL_S,
    VALUE,
    WIDE,
    Floats,
    Ids,
    Piece,
    joined,
    thinned,
    unpack,
    unpack_tick,
    unrolled,
)
from mlcontrol.store.history_head import CHUNK_N, Chunk, Head, chunks_of

TICKS_A_CHUNK = 512
SAMPLES_IN_HEAD = 1_000_000
_TABLES = """
create table if not exists series(
    id integer primary key, service text not null, metric text not null, labels text not null,
    unique(service, metric, labels));
create table if not exists ticks(seq integer primary key, body blob not null);
create table if not exists times(id integer primary key, at blob not null);
create table if not exists chunks(
    id integer primary key, series integer not null, start_s real not null, end_s real not null, seq integer not null,
    n integer not null, columns integer not null, rolled blob not null, body blob, times integer);
create index if not exists chunks_by_series on chunks(series, end_s);
"""
_ADD_CHUNK = (
    "insert into chunks(series, start_s, end_s, seq, n, columns, rolled, body, times) values (?,?,?,?,?,?,?,?,?)"
)
_AT = "(select at from times where id = chunks.times)"  # null where the times are part of the body


_Stored = tuple[int, int, int, bytes | None, bytes]  # a chunk's id, order, n, shared times and body


class History:
    """*Thread:* any; one connection behind a lock."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._path = path
        self._ids: dict[SeriesKey, int] = {}
        self._head = Head()
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, timeout=5.0, check_same_thread=False, isolation_level=None)
            # Blobs of kilobytes, written and dropped again: large pages halve the work, wiping them would double it.
            self._db.execute("pragma page_size=16384")
            self._db.execute("pragma secure_delete=off")
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=normal")
            self._db.executescript(_TABLES)
            if "times" not in [row[1] for row in self._db.execute("pragma table_info(chunks)")]:
                self._db.execute("alter table chunks add column times integer")
            self._adopt_rows()
            self._reload()
        except ValueError as error:
            raise StoreError(damaged(str(path), str(error))) from error
        except (OSError, sqlite3.DatabaseError) as error:
            raise StoreError(store_problem(error, str(path))) from error

    def append(self, samples: Sequence[Sample]) -> None:
        """Store samples; one that is there already is replaced. NaN is kept as a gap."""
        if not samples:
            return
        with self._lock, self._writing():
            ids = self._ids_of(samples)
            wide = any(s.low == s.low or s.n for s in samples)
            table = np.empty((WIDE if wide else PLAIN, len(samples)))
            table[AT] = [s.at_s for s in samples]
            table[VALUE] = [s.value for s in samples]
            if not wide:
                self._append(ids, table)
                return
            table[2], table[3] = [s.low for s in samples], [s.high for s in samples]
            table[4] = [float(s.n) for s in samples]
            # What has an interval is kept whole for as long as the roll-ups; the rest of the batch need not be.
            mask = np.isfinite(table[2]) | (table[4] > 0)
            self._append(ids[mask], np.ascontiguousarray(table[:, mask]))
            if not mask.all():
                self._append(ids[~mask], np.ascontiguousarray(table[:PLAIN, ~mask]))

    def _append(self, ids: Ids, table: Floats) -> None:
        """One tick: durable against a crash of the process when this returns."""
        layout = self._head.layout(ids, table)
        cursor = self._db.execute("insert into ticks(body) values (?)", (layout.pack(table),))
        self._head.add(layout, table, cursor.lastrowid or 0)
        if self._head.ticks >= TICKS_A_CHUNK or self._head.samples >= SAMPLES_IN_HEAD:
            self._compact()

    def query(
        self, service: str, metrics: Sequence[str], since_s: float, until_s: float, points: int
    ) -> tuple[SeriesData, ...]:
        """Series of a service in a span, each reduced to about ``points`` by keeping the lowest and the highest of each bucket.
        Series with intervals are given whole. An empty ``metrics`` means all."""
        coarse = (until_s - since_s) / max(1, points // 2) >= ROLL_S
        found = []
        with self._lock:
            for number, key in self._series(service, metrics):
                pieces = self._pieces(number, since_s, until_s, coarse)
                if pieces:
                    found.append((key, pieces))
        series = []
        for key, pieces in found:
            table = joined(pieces)
            first, end = np.searchsorted(table[AT], (since_s, until_s), side="left")
            table = table[:, first:end]
            if not table.shape[1]:
                continue
            step_s = ROLL_S if any(len(p.order) and p.order[0] < 0 for p in pieces) else 0.0
            if len(table) == PLAIN:
                table, bucket_s = thinned(table, points)
                step_s = max(step_s, bucket_s)
            at, value, *interval = (np.ascontiguousarray(row).tobytes() for row in table)
            low, high, n = interval or (b"", b"", b"")
            series.append(SeriesData(key, at, value, low, high, n, step_s))
        return tuple(series)

    def last(self, service: str, metric: str, n: int) -> dict[SeriesKey, tuple[float, ...]]:
        """The newest ``n`` values of each series of a metric, oldest first, NaN for a gap."""
        result = {}
        with self._lock:
            for number, key in self._series(service, (metric,)):
                pieces, known = self._head.of(number), 0
                query = (
                    f"select seq, columns, n, {_AT}, body from chunks where series = ? and body is not null"  # noqa: S608
                    " order by end_s desc"
                )
                for order, rows, count, at, body in self._db.execute(query, (number,)):
                    pieces.append(_piece(at, body, rows, order))
                    known += count
                    if known >= n:
                        break
                result[key] = tuple(joined(pieces)[VALUE, -n:].tolist())
        return {key: values for key, values in result.items() if values}

    def trim(self, before_s: float, rolled_before_s: float | None = None) -> None:
        """Forget samples older than ``before_s``. Their roll-ups, and values with an interval, stay until ``rolled_before_s``
        (`None`: they go with the samples)."""
        gone_s = before_s if rolled_before_s is None else min(before_s, rolled_before_s)
        with self._lock, self._writing():
            self._compact()
            self._db.execute("delete from chunks where end_s < ?", (gone_s,))
            self._db.execute(
                "update chunks set body = null where end_s < ? and columns = 2 and body not null", (before_s,)
            )
            straddling = (
                f"select id, series, seq, columns, {_AT}, body from chunks where start_s < ? and body is not null"  # noqa: S608
            )
            for number, series, order, rows, at, body in self._db.execute(straddling, (gone_s,)).fetchall():
                table = unpack((at or b"") + body, rows)
                table = table[:, table[AT] >= gone_s]
                self._db.execute("delete from chunks where id = ?", (number,))
                if table.shape[1]:
                    self._add_chunks(chunks_of(series, table), order)
            self._merge()
            self._db.execute(
                "delete from times where id not in"
                " (select times from chunks where times is not null and body is not null)"
            )
            self._db.execute("delete from series where id not in (select distinct series from chunks)")
            self._ids.clear()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction. After a failure the head is read again from what is on the disk."""
        try:
            self._db.execute("begin immediate")
            yield
            self._db.execute("commit")
        except BaseException as error:
            try:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                self._reload()
            except sqlite3.Error as also:
                raise StoreError(damaged(str(self._path), str(also))) from error
            if isinstance(error, sqlite3.Error):
                raise StoreError(_unkept(self._path, error)) from error
            raise

    def _reload(self) -> None:
        self._ids.clear()
        self._head = Head()
        for order, body in self._db.execute("select seq, body from ticks order by seq"):
            if body:
                ids, table = unpack_tick(body)
                self._head.add(self._head.layout(ids, table), table, order)
            self._head.last_order = order

    def _compact(self) -> None:
        """Cut the head into chunks, inside a transaction."""
        last = self._head.last_order
        query = "select count(*) from ticks where seq <= ? and length(body) > 0"
        (on_disk,) = self._db.execute(query, (last,)).fetchone()
        if on_disk != self._head.ticks:  # another process has written here too
            self._reload()
        self._add_chunks(self._head.chunks(), self._head.last_order)
        # The last row stays, emptied: the next tick's number follows it, also for a process that has seen none of these.
        self._db.execute("delete from ticks where seq < ?", (self._head.last_order,))
        self._db.execute("update ticks set body = x'' where seq = ?", (self._head.last_order,))
        self._head.empty()

    def _add_chunks(self, chunks: Iterator[Chunk], order: int) -> None:
        times: dict[bytes, int | None] = {b"": None}

        def row(c: Chunk) -> tuple[object, ...]:
            if c.at not in times:
                times[c.at] = self._db.execute("insert into times(at) values (?)", (c.at,)).lastrowid
            return (c.series, c.start_s, c.end_s, order, c.n, c.rows, c.rolled, c.body, times[c.at])

        self._db.executemany(_ADD_CHUNK, map(row, chunks))

    def _merge(self) -> None:
        """Fewer, larger chunks for series that are polled rarely; a day is then a few rows."""
        small = (
            f"select series, columns from chunks where n < {CHUNK_N // 2} and body is not null"  # noqa: S608
            " group by series, columns having count(*) > 8"
        )
        for series, rows in self._db.execute(small).fetchall():
            query = (
                f"select id, seq, n, {_AT}, body from chunks"  # noqa: S608
                " where series = ? and columns = ? and body is not null and n < ? order by seq, start_s"
            )
            batch: list[_Stored] = []
            for row in self._db.execute(query, (series, rows, CHUNK_N // 2)).fetchall():
                batch.append(row)
                if sum(n for _, _, n, _, _ in batch) >= CHUNK_N:
                    self._put_together(series, rows, batch)
                    batch = []
            if len(batch) > 1:
                self._put_together(series, rows, batch)

    def _put_together(self, series: int, rows: int, batch: list[_Stored]) -> None:
        table = joined([_piece(at, body, rows, order) for _, order, _, at, body in batch])
        self._db.executemany("delete from chunks where id = ?", [(number,) for number, *_ in batch])
        self._add_chunks(chunks_of(series, table), max(order for _, order, *_ in batch))

    def _series(self, service: str, metrics: Sequence[str]) -> list[tuple[int, SeriesKey]]:
        where = f" and metric in ({','.join('?' * len(metrics))})" if metrics else ""
        query = f"select id, metric, labels from series where service = ?{where} order by id"  # noqa: S608
        return [
            (number, SeriesKey(service, metric, tuple((str(k), str(v)) for k, v in json.loads(labels))))
            for number, metric, labels in self._db.execute(query, (service, *metrics)).fetchall()
        ]

    def _pieces(self, series: int, since_s: float, until_s: float, coarse: bool) -> list[Piece]:
        """Everything of a series that touches a span. ``coarse``: roll-ups serve where there are any."""
        what = "case when length(rolled) > 0 then null else body end" if coarse else "body"
        query = (
            f"select seq, columns, rolled, {_AT}, {what} from chunks"  # noqa: S608
            " where series = ? and end_s >= ? and start_s < ? order by seq, start_s"
        )
        pieces, rolled = [], []
        for order, rows, roll, at, body in self._db.execute(query, (series, since_s, until_s)):
            if body is None:
                rolled.append(unpack(roll, 3))
            else:
                pieces.append(_piece(at, body, rows, order))
        if rolled:
            table = unrolled(rolled)
            pieces.insert(0, Piece(table, np.full(table.shape[1], -1)))
        return pieces + self._head.of(series)

    def _ids_of(self, samples: Sequence[Sample]) -> Ids:
        known = self._ids.get
        ids = [known(s.key) for s in samples]
        return np.array([self._id(s.key) if i is None else i for i, s in zip(ids, samples, strict=True)], "<i4")

    def _id(self, key: SeriesKey) -> int:
        known = self._ids.get(key)
        if known is None:
            labels = json.dumps(key.labels)
            values = (key.service, key.metric, labels)
            self._db.execute("insert or ignore into series(service, metric, labels) values (?,?,?)", values)
            query = "select id from series where service = ? and metric = ? and labels = ?"
            known = self._ids[key] = int(self._db.execute(query, values).fetchone()[0])
        return known

    def _adopt_rows(self) -> None:
        """A file of the first versions has a row a sample; they become chunks."""
        found = self._db.execute("select 1 from sqlite_master where type = 'table' and name = 'samples'").fetchone()
        if found is None:
            return
        self._db.execute("begin immediate")
        for (series,) in self._db.execute("select distinct series from samples").fetchall():
            query = "select at_s, value, low, high, n from samples where series = ? order by at_s"
            cursor = self._db.execute(query, (series,))
            while rows := cursor.fetchmany(CHUNK_N):
                table = np.array(rows, "<f8").T  # None becomes NaN
                plain = not np.isfinite(table[2]).any()
                self._add_chunks(chunks_of(series, table[:PLAIN] if plain else table), 0)
        self._db.execute("drop table samples")
        self._db.execute("commit")


def _piece(at: bytes | None, body: bytes, rows: int, order: int) -> Piece:
    table = unpack(at + body if at else body, rows)
    return Piece(table, np.full(table.shape[1], order))


def _unkept(path: Path, error: sqlite3.Error) -> Problem:
    return Problem(
        f"The metric history {path} was not written.",
        str(error),
        "Free space on its disk, or make it writable; charts go on from memory.",
        code="store",
    )
