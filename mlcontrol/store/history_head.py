"""The newest samples of the metric history, in memory: what is on the disk as ticks but not yet as chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mlcontrol.store.history_columns import (
    AT,
    PLAIN,
    ROLL_S,
    VALUE,
    Floats,
    Ids,
    Order,
    Piece,
    one_time,
    pack_ids,
    pack_tick,
    roll_up,
)

CHUNK_N = 4096
FEW_TICKS = 4
TURNED = 64  # series turned at a time: fresh memory for all of them costs more than turning them
STEADY_ROWS = 64  # so many ticks of the same series are cut into chunks together


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one series as it lies on the disk. ``rolled``: empty where a value has an interval. ``at``: the times
    where they are not part of the ``body``, because other series share them."""

    series: int
    start_s: float
    end_s: float
    n: int
    rows: int
    rolled: bytes
    body: bytes
    at: bytes = b""


class Layout:
    """Ticks that carry the same series in the same order, so that one series is one stride. ``common``: one time a tick.

    Room is made for the whole way to the next cut: memory that is not written to costs nothing, and copying it would.
    """

    def __init__(self, ids: Ids, rows: int, common: bool) -> None:
        self.ids = ids
        self.rows = rows
        self.common = common
        self.used = 0
        self._begin = pack_ids(ids, rows, common)
        self._room = 0
        self._make_room(FEW_TICKS)

    def pack(self, table: Floats) -> bytes:
        return pack_tick(self._begin, table, self.common)

    def _make_room(self, ticks: int) -> None:
        at = np.empty((ticks, 1 if self.common else len(self.ids)))
        values, order = np.empty((ticks, self.rows - 1, len(self.ids))), np.empty(ticks, np.int64)
        if self.used:
            at[: self.used], values[: self.used], order[: self.used] = self.at, self.values, self.order
        self._at, self._values, self._order, self._room = at, values, order, ticks

    def add(self, table: Floats, order: int) -> None:
        if self.used == self._room:
            self._make_room(max(STEADY_ROWS, 8 * self._room))
        self._at[self.used] = table[AT, :1] if self.common else table[AT]
        self._values[self.used] = table[1:]
        self._order[self.used] = order
        self.used += 1

    @property
    def at(self) -> Floats:
        """(ticks, 1) or (ticks, series)."""
        return self._at[: self.used]

    @property
    def values(self) -> Floats:
        """(ticks, rows - 1, series)."""
        return self._values[: self.used]

    @property
    def order(self) -> Order:
        return self._order[: self.used]

    def of(self, series: int) -> Piece | None:
        places = np.flatnonzero(self.ids == series)
        if not len(places) or not self.used:
            return None
        table = np.empty((self.rows, self.used, len(places)))
        table[AT] = self.at if self.common else self.at[:, places]
        table[1:] = self.values[:, :, places].transpose(1, 0, 2)
        return Piece(table.reshape(self.rows, -1), np.repeat(self.order, len(places)))

    def whole(self) -> Floats:
        """All samples as one table, tick after tick."""
        table = np.empty((self.rows, self.used, len(self.ids)))
        table[AT] = self.at
        table[1:] = self.values.transpose(1, 0, 2)
        return table.reshape(self.rows, -1)

    def times(self) -> Floats | None:
        """The common times of all its series, where there are any and they ascend."""
        if not self.common or self.used < STEADY_ROWS or self.rows != PLAIN:
            return None
        at = np.ascontiguousarray(self.at[:, 0])
        # Not `np.unique`: its first call loads a part of numpy that nothing else here needs.
        steady = (np.diff(at) > 0).all() and (np.diff(np.sort(self.ids)) > 0).all()
        return at if steady else None


_NOTHING = (0, False, b"")


class Head:
    """*Thread:* one at a time; the history's lock guards it."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[int, bool, bytes], Layout] = {}
        self._last, self._newest = (
            _NOTHING,
            Layout(np.empty(0, "<i4"), PLAIN, False),
        )  # a key's hash is as dear as a comparison is cheap
        self.ticks = 0
        self.samples = 0
        self.last_order = 0

    def layout(self, ids: Ids, table: Floats) -> Layout:
        """Where a tick of these series belongs."""
        key = (len(table), one_time(table[AT]), ids.tobytes())
        if key == self._last:
            return self._newest
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._layouts[key] = Layout(ids, len(table), key[1])
        self._last, self._newest = key, layout
        return layout

    def add(self, layout: Layout, table: Floats, order: int) -> None:
        layout.add(table, order)
        self.ticks += 1
        self.samples += len(layout.ids)
        self.last_order = order

    def empty(self) -> None:
        """After a cut. What is sure to be needed again at once keeps its room."""
        self._layouts = {key: layout for key, layout in self._layouts.items() if layout.used >= STEADY_ROWS}
        for layout in self._layouts.values():
            layout.used = 0
        self._last = _NOTHING
        self.ticks = self.samples = 0

    def of(self, series: int) -> list[Piece]:
        return [piece for layout in self._layouts.values() if (piece := layout.of(series)) is not None]

    def chunks(self) -> Iterator[Chunk]:
        """Everything, by series."""
        loose: list[Layout] = []
        for layout in self._layouts.values():
            times = layout.times()
            if times is None and layout.used:
                loose.append(layout)
            elif times is not None:
                yield from _steady_chunks(layout, times)
        if loose:
            yield from _loose_chunks(loose)


def _steady_chunks(layout: Layout, at: Floats) -> Iterator[Chunk]:
    at_bytes, first, last, count = at.tobytes(), float(at[0]), float(at[-1]), len(at)
    for begin in range(0, len(layout.ids), TURNED):
        values = np.ascontiguousarray(layout.values[:, VALUE - 1, begin : begin + TURNED].T)
        starts, lows, highs = roll_up(at, values)
        start_bytes = starts.tobytes()
        for i, series in enumerate(layout.ids[begin : begin + TURNED].tolist()):
            rolled = b"".join((start_bytes, lows[i].tobytes(), highs[i].tobytes()))
            yield Chunk(series, first, last, count, PLAIN, rolled, values[i].tobytes(), at_bytes)


def _loose_chunks(layouts: list[Layout]) -> Iterator[Chunk]:
    """Ticks whose series vary: sorted by series, then time; of two at one moment the later append counts."""
    by_rows: dict[int, list[Layout]] = {}
    for layout in layouts:
        by_rows.setdefault(layout.rows, []).append(layout)
    for rows, same in by_rows.items():
        ids = np.concatenate([np.tile(layout.ids, layout.used) for layout in same])
        table = np.concatenate([layout.whole() for layout in same], axis=1)
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
