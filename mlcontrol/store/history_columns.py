"""Samples as columns: how they are packed, put in order, rolled up and thinned out without losing a spike."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int32]
Order = NDArray[np.int64]

AT, VALUE = 0, 1
PLAIN, WIDE = 2, 5  # rows of a table: time and value; with low, high and n where the value has an interval
ROLL_S = 300.0
_HEAD = struct.Struct("<IBBBx")


def pack_ids(ids: Ids, rows: int, common: bool) -> bytes:
    """How a tick begins. Of ids that follow one another, as those of a scrape do, the first is kept."""
    row = len(ids) > 1 and bool((np.diff(ids) == 1).all())
    return _HEAD.pack(len(ids), rows, common, row) + (ids[:1] if row else ids).tobytes()


def pack_tick(begin: bytes, table: Floats, common: bool) -> bytes:
    """One append as one blob. ``begin``: of `pack_ids`. ``table``: (2 or 5, samples). ``common``: its one time is kept once."""
    at = table[AT]
    return b"".join((begin, (at[:1] if common else at).tobytes(), table[1:].tobytes()))


def one_time(at: Floats) -> bool:
    """Whether all samples are of one moment."""
    return bool(len(at)) and bool((at == at[0]).all())


def unpack_tick(blob: bytes) -> tuple[Ids, Floats]:
    """Raises `ValueError` when the blob is not what `pack_tick` wrote."""
    if len(blob) < _HEAD.size:
        raise ValueError("the blob is shorter than its head")
    count, rows, same, row = _HEAD.unpack_from(blob)
    ids = np.frombuffer(blob, "<i4", 1 if row else count, _HEAD.size)
    offset = _HEAD.size + ids.nbytes
    if row:
        ids = np.arange(ids[0], ids[0] + count, dtype="<i4")
    at = np.frombuffer(blob, "<f8", 1 if same else count, offset)
    rest = np.frombuffer(blob, "<f8", (rows - 1) * count, offset + at.nbytes)
    table = np.empty((rows, count))
    table[AT] = at
    table[1:] = rest.reshape(rows - 1, count)
    return ids, table


def unpack(blob: bytes, rows: int) -> Floats:
    """A table of ``rows`` columns of samples, written one after the other."""
    return np.frombuffer(blob, "<f8").reshape(rows, -1)


@dataclass(frozen=True, eq=False, slots=True)
class Piece:
    """A stretch of one series. ``order``: which append each sample came with; of two at one moment the later one counts."""

    table: Floats
    order: Order


def joined(pieces: Sequence[Piece]) -> Floats:
    """One table with ascending times, every moment once. Plain pieces beside wide ones have no interval there."""
    if not pieces:
        return np.empty((PLAIN, 0))
    rows = max(len(piece.table) for piece in pieces)
    tables = []
    for piece in pieces:
        table = piece.table
        if len(table) < rows:
            table = np.concatenate([table, np.full((rows - len(table), table.shape[1]), np.nan)])
        tables.append(table)
    table = tables[0] if len(tables) == 1 else np.concatenate(tables, axis=1)
    if table.shape[1] > 1 and not (np.diff(table[AT]) > 0).all():
        order = np.lexsort((np.concatenate([piece.order for piece in pieces]), table[AT]))
        table = table[:, order]
        last = np.ones(table.shape[1], bool)
        last[:-1] = table[AT, 1:] != table[AT, :-1]
        table = table[:, last]
    return table


def roll_up(at: Floats, values: Floats) -> tuple[Floats, Floats, Floats]:
    """Buckets of five minutes: their beginnings, lowest and highest values (NaN where nothing finite).

    ``at`` ascending; ``values``: (samples,) or (series, samples) on these times.
    """
    bucket = np.floor(at / ROLL_S)
    starts = np.flatnonzero(np.concatenate([[True], bucket[1:] != bucket[:-1]]))
    low, high = np.fmin.reduceat(values, starts, axis=-1), np.fmax.reduceat(values, starts, axis=-1)
    return bucket[starts] * ROLL_S, low, high


def unrolled(rolled: Sequence[Floats]) -> Floats:
    """Tables of (start, low, high) as samples: each bucket gives its lowest and its highest value. Parts of one bucket count
    as one."""
    table = np.concatenate(rolled, axis=1)
    table = table[:, np.argsort(table[0], kind="stable")]
    if not table.shape[1]:
        return np.empty((PLAIN, 0))
    starts = np.flatnonzero(np.concatenate([[True], table[0, 1:] != table[0, :-1]]))
    result = np.empty((PLAIN, 2 * len(starts)))
    result[AT, 0::2] = table[0, starts] + ROLL_S / 4
    result[AT, 1::2] = table[0, starts] + ROLL_S * 3 / 4
    result[VALUE, 0::2] = np.fmin.reduceat(table[1], starts)
    result[VALUE, 1::2] = np.fmax.reduceat(table[2], starts)
    return result


def thinned(table: Floats, points: int) -> tuple[Floats, float]:
    """At most ``points`` samples: the lowest and the highest of each bucket of time, and a bucket without any finite value as a
    gap. Also returns how long a bucket is, 0 when nothing was left out."""
    if table.shape[1] <= points:
        return table, 0.0
    at, value = table[AT], table[VALUE]
    buckets = max(1, points // 2)
    length_s = float(at[-1] - at[0]) / buckets
    bucket = np.minimum(((at - at[0]) / max(length_s, 1e-9)).astype(np.int64), buckets - 1)
    starts = np.flatnonzero(np.concatenate([[True], bucket[1:] != bucket[:-1]]))
    of = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(at))))
    low, high = np.fmin.reduceat(value, starts), np.fmax.reduceat(value, starts)
    nothing = starts[np.isnan(low)]
    keep = np.unique(np.concatenate([nothing, _firsts(value == low[of], of), _firsts(value == high[of], of)]))
    return table[:, keep], length_s


def _firsts(found: NDArray[np.bool_], of: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first index of each group ``of`` that was found."""
    index = np.flatnonzero(found)
    groups = of[index]
    new = np.ones(len(index), bool)
    new[1:] = groups[1:] != groups[:-1]
    first: NDArray[np.intp] = index[new]
    return first
