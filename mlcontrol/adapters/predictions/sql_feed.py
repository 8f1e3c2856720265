"""Rows of one SQL table, fetched page by page as they come: the newest part of it, kept up to date by a column that only grows.

Nothing is written there and no row is read twice but the last few: a transaction that took its number early may commit late.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import NotFound

PAGE = 20_000
TEXT_CHARS = 65_536
"""Longer inputs and outputs (a picture, a document) are left where they are: the row counts, its content is empty."""
LATE_S = 60.0
LATE_ROWS = 1_000
JSON_COLUMNS = frozenset({"inputs", "outputs", "slices", "label", "value"})


@dataclass(frozen=True, slots=True)
class Shape:
    """What is wanted of a table. ``columns``: ours -> the table's. ``order``: the table's column that only grows."""

    table: str
    columns: Mapping[str, str]
    needed: tuple[str, ...]
    order: str = ""


class Feed:
    """One table. Not thread-safe: whoever holds the cache asks in turn.

    ``pages(connection, since_s)``: what is new since the last call, and what lies between ``since_s`` and the oldest row so far.
    """

    def __init__(self, shape: Shape, most: int) -> None:
        self._shape = shape
        self._most = most
        self._table: sa.TableClause | None = None
        self._time: _Time | None = None
        self._order_time: _Time | None = None
        self._newest: Any = None
        self.since_s = math.inf  # from here on all rows are known
        self.full = False  # there are older rows than may be kept: they are not asked for again

    def names(self, connection: sa.Connection) -> tuple[str, ...]:
        """Our names of the columns that the table has. Raises `NotFound` in words when it is not there or lacks one."""
        return tuple(self._look(connection))

    def _look(self, connection: sa.Connection) -> dict[str, str]:
        schema, _, name = self._shape.table.rpartition(".")
        found = {c["name"]: c["type"] for c in sa.inspect(connection).get_columns(name, schema=schema or None)}
        mapped = {ours: theirs for ours, theirs in self._shape.columns.items() if theirs in found}
        missing = [self._shape.columns[ours] for ours in self._shape.needed if ours not in mapped]
        order = self._shape.order or self._shape.columns["time"]
        missing += [order] if order not in found and order not in missing else []
        if missing:
            what = f"The table {self._shape.table} has no column {', '.join(missing)}."
            why = f"It has {', '.join(sorted(found)[:20])}."
            raise NotFound(Problem(what, why, "Name them in the connection, like time=created_at.", "not-found"))
        if connection.dialect.name == "sqlite":
            # Its declared types promise nothing: what lies there decides.
            found = dict.fromkeys(found, sa.types.NullType())
        self._table = sa.table(name, *(sa.column(c, kind) for c, kind in found.items()), schema=schema or None)
        at, grows = (self._table.c[column] for column in (mapped["time"], order))
        sample = connection.execute(sa.select(at, grows).where(at.is_not(None)).limit(1)).first()
        self._time = _Time(found[mapped["time"]], sample[0] if sample is not None else None)
        numbered = isinstance(sample[1] if sample is not None else None, int | float | Decimal)
        self._order_time = None if numbered else _Time(found[order], sample[1] if sample is not None else None)
        return mapped

    def pages(self, connection: sa.Connection, since_s: float) -> Iterator[list[dict[str, Any]]]:
        mapped = self._look(connection)
        assert self._table is not None
        table = self._table
        at, order = table.c[mapped["time"]], table.c[self._shape.order or mapped["time"]]
        chosen = [_bounded(table.c[theirs], ours).label(ours) for ours, theirs in mapped.items()]
        base = sa.select(*chosen, order.label("_order")).where(at.is_not(None))
        if self._newest is None:
            yield from self._older(connection, base, at, since_s, None)
            return
        yield from self._newer(connection, base, order)
        if since_s < self.since_s and not self.full:
            yield from self._older(connection, base, at, since_s, self.since_s)

    def _newer(self, connection: sa.Connection, base: Any, order: Any) -> Iterator[list[dict[str, Any]]]:
        start, first = self._before(self._newest), True
        while True:
            asked = base.where(order >= start if first else order > start).order_by(order).limit(PAGE)
            rows = connection.execute(asked).mappings().all()
            if rows:
                yield [self._plain(row) for row in rows]
                start = self._newest = max(self._newest, rows[-1]["_order"])
                first = False
            if len(rows) < PAGE:
                return

    def _older(
        self, connection: sa.Connection, base: Any, at: Any, since_s: float, until_s: float | None
    ) -> Iterator[list[dict[str, Any]]]:
        """From the newest to older ones, so that a table that is too large is known by its newest part."""
        assert self._time is not None
        asked = base.where(at >= self._time.bound(since_s)).order_by(at.desc()).limit(self._most)
        if until_s is not None:
            asked = asked.where(at < self._time.bound(until_s))
        answer = connection.execution_options(yield_per=PAGE).execute(asked).mappings()
        count, oldest = 0, math.inf
        for part in answer.partitions(PAGE):
            rows = [self._plain(row) for row in part]
            count += len(rows)
            oldest = min(oldest, *(row["at_s"] for row in rows))
            fresh = max(row["_order"] for row in part)
            self._newest = fresh if self._newest is None else max(self._newest, fresh)
            yield rows
        self.full = count >= self._most
        self.since_s = oldest if self.full else since_s

    def _before(self, newest: Any) -> Any:
        if self._order_time is None:
            return newest - LATE_ROWS
        return self._order_time.bound(self._order_time.seconds(newest) - LATE_S)

    def _plain(self, row: sa.RowMapping) -> dict[str, Any]:
        assert self._time is not None
        values = {name: _value(name, value) for name, value in row.items() if name not in ("_order", "time")}
        return values | {"at_s": self._time.seconds(row["time"])}


class _Time:
    """How a table writes times: as such (those without a zone are UTC), as seconds since the epoch, or as ISO 8601 text.
    ``sample``: one of them; `None`: there is none yet."""

    def __init__(self, kind: Any, sample: Any) -> None:
        self._number = isinstance(sample, int | float | Decimal) or isinstance(kind, sa.Numeric | sa.Integer)
        self._moment = isinstance(kind, sa.DateTime)
        self._zone = bool(getattr(kind, "timezone", False))
        self._separator = " " if isinstance(sample, str) and sample[10:11] == " " else "T"

    def bound(self, at_s: float) -> Any:
        if self._number:
            return at_s
        moment = datetime.fromtimestamp(max(0.0, at_s), UTC)
        if self._moment:
            return moment if self._zone else moment.replace(tzinfo=None)
        return moment.replace(tzinfo=None).isoformat(sep=self._separator)

    def seconds(self, value: Any) -> float:
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
        return float(value)


def _bounded(column: Any, ours: str) -> Any:
    if ours not in JSON_COLUMNS:
        return column
    return sa.case((sa.func.length(sa.cast(column, sa.Text)) <= TEXT_CHARS, column), else_=None)


def _value(ours: str, value: Any) -> Any:
    if ours in JSON_COLUMNS:
        return _json(ours, value)
    if ours in ("status", "latency_ms"):
        return None if value is None else float(value)
    return None if value is None else str(value)


def _json(ours: str, value: Any) -> str | None:
    """JSON text; a plain word is a JSON word. Of inputs, outputs and slices that are no object, an empty one."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value)
    if ours in ("inputs", "outputs", "slices"):
        return json.dumps(value if isinstance(value, dict) else {})
    return None if value is None else json.dumps(value, default=str)
