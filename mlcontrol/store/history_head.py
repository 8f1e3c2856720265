"""The newest samples of the metric history, in memory: what is on the disk as ticks but not yet as chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mlcontrol.store.history_columns import AT, PLAIN, ROLL_S, VALUE, Floats, Ids, Order, Piece, roll_up

CHUNK_N = 4096
STEADY_ROWS = 64  # so many ticks of the same series are cut into chunks together


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one series as it lies on the disk. ``rolled``: empty where a value has an interval."""

    series: int
    start_s: float
    end_s: float
    n: int
    rows: int
    rolled: bytes
    body: bytes


class _Layout:
    """Ticks that carry the same series in the same order: (tick, row, series), so that one series is one stride."""

    def __init__(self, ids: Ids, rows: int) -> None:
        self.ids = ids
        self._data = np.empty((4, rows, len(ids)))
        self._order = np.empty(4, np.int64)
        self.used = 0

    def add(self, table: Floats, order: int) -> None:
        if self.used == len(self._data):
            self._data = np.concatenate([self._data, np.empty_like(self._data)])
            self._order = np.concatenate([self._order, np.empty_like(self._order)])
        self._data[self.used] = table
        self._order[self.used] = order
        self.used += 1

    @property
    def data(self) -> Floats:
        return self._data[: self.used]

    @property
    def order(self) -> Order:
        return self._order[: self.used]

    def of(self, series: int) -> Piece | None:
        places = np.flatnonzero(self.ids == series)
        if not len(places):
            return None
        if len(places) == 1:
            return Piece(np.ascontiguousarray(self.data[:, :, places[0]].T), self.order.copy())
        part = self.data[:, :, places].transpose(1, 0, 2)
        return Piece(part.reshape(len(part), -1), np.repeat(self.order, len(places)))

    def times(self) -> Floats | None:
        """The common times of all its series, where there are any and they ascend."""
        at = self.data[:, AT, :]
        if self.used < STEADY_ROWS or self.data.shape[1] != PLAIN or len(np.unique(self.ids)) != len(self.ids):
            return None
        if not (at == at[:, :1]).all() or not (np.diff(at[:, 0]) > 0).all():
            return None
        return np.ascontiguousarray(at[:, 0])


class Head:
    """*Thread:* one at a time; the history's lock guards it."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[int, bytes], _Layout] = {}
        self.ticks = 0
        self.samples = 0
        self.last_order = 0

    def add(self, ids: Ids, table: Floats, order: int) -> None:
        key = (len(table), ids.tobytes())
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._layouts[key] = _Layout(ids, len(table))
        layout.add(table, order)
        self.ticks += 1
        self.samples += len(ids)
        self.last_order = order

    def of(self, series: int) -> list[Piece]:
        return [piece for layout in self._layouts.values() if (piece := layout.of(series)) is not None]

    def chunks(self) -> Iterator[Chunk]:
        """Everything, by series."""
        loose: list[_Layout] = []
        for layout in self._layouts.values():
            times = layout.times()
            if times is None:
                loose.append(layout)
            else:
                yield from _steady_chunks(layout, times)
        if loose:
            yield from _loose_chunks(loose)


def _steady_chunks(layout: _Layout, at: Floats) -> Iterator[Chunk]:
    values = np.ascontiguousarray(layout.data[:, VALUE, :].T)
    starts, lows, highs = roll_up(at, values)
    at_bytes, start_bytes = at.tobytes(), starts.tobytes()
    first, last, count = float(at[0]), float(at[-1]), len(at)
    for i, series in enumerate(layout.ids.tolist()):
        rolled = b"".join((start_bytes, lows[i].tobytes(), highs[i].tobytes()))
        yield Chunk(series, first, last, count, PLAIN, rolled, at_bytes + values[i].tobytes())


def _loose_chunks(layouts: list[_Layout]) -> Iterator[Chunk]:
    """Ticks whose series vary: sorted by series, then time; of two at one moment the later append counts."""
    by_rows: dict[int, list[_Layout]] = {}
    for layout in layouts:
        by_rows.setdefault(layout.data.shape[1], []).append(layout)
    for rows, same in by_rows.items():
        ids = np.concatenate([np.tile(layout.ids, layout.used) for layout in same])
        table = np.concatenate([layout.data.transpose(1, 0, 2).reshape(rows, -1) for layout in same], axis=1)
        order = np.concatenate([np.repeat(layout.order, len(layout.ids)) for layout in same])
        sorting = np.lexsort((order, table[AT], ids))
        ids, table = ids[sorting], table[:, sorting]
        last = np.ones(len(ids), bool)
        last[:-1] = (ids[1:] != ids[:-1]) | (table[AT, 1:] != table[AT, :-1])
        ids, table = ids[last], np.ascontiguousarray(table[:, last])
        edges = np.concatenate([np.flatnonzero(np.diff(ids, prepend=-1)), [len(ids)]]).tolist()
        series = ids[edges[:-1]].tolist()
        if rows != PLAIN:
            for i, (first, end) in enumerate(pairwise(edges)):
                yield from chunks_of(series[i], table[:, first:end])
            continue
        at, value = table
        bucket = np.floor(at / ROLL_S)
        starts = np.flatnonzero(np.concatenate([[True], (bucket[1:] != bucket[:-1]) | (ids[1:] != ids[:-1])]))
        rolled = np.stack([bucket[starts] * ROLL_S, np.fmin.reduceat(value, starts), np.fmax.reduceat(value, starts)])
        roll_edges = np.searchsorted(starts, edges).tolist()
        for i, (first, end) in enumerate(pairwise(edges)):
            if end - first > CHUNK_N:
                yield from chunks_of(series[i], table[:, first:end])
                continue
            roll = rolled[:, roll_edges[i] : roll_edges[i + 1]].tobytes()
            body = table[:, first:end].tobytes()
            yield Chunk(series[i], at.item(first), at.item(end - 1), end - first, rows, roll, body)


def chunks_of(series: int, table: Floats) -> Iterator[Chunk]:
    """``table`` with ascending times, cut so that one chunk is not much older at its beginning than at its end."""
    for first in range(0, table.shape[1], CHUNK_N):
        part = np.ascontiguousarray(table[:, first : first + CHUNK_N])
        rolled = np.stack(roll_up(part[AT], part[VALUE])).tobytes() if len(part) == PLAIN else b""
        yield Chunk(series, part.item(0), part[AT].item(-1), part.shape[1], len(part), rolled, part.tobytes())
