"""A table of times and values as series: wide (a column each), long (a column of names), or both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from mlcontrol.cli.series_cells import is_finite_time, is_missing, moments_of, numbers_of
from mlcontrol.core.alerts.evaluate import History
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.signals.noise import Floats

Cells = Sequence[str] | Floats
"""A column: text as it stands in the file, or numbers where the file knows them."""

_TIME_NAMES = (
    "timestamp",
    "time",
    "ts",
    "at",
    "datetime",
    "date",
    "at_s",
    "epoch",
    "when",
    "moment",
    "created_at",
    "ds",
)
_SERIES_NAMES = {
    *("series", "series_name", "series_id", "name", "metric", "metric_name", "variable", "sensor", "sensor_id", "key"),
    *("tag", "signal", "channel", "item", "item_id", "unique_id", "id"),
}
_CLOCK = re.compile(r"^\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp][Mm])?$")
MOST_SERIES_SHARE = 0.2
"""Of the rows: words that hardly repeat name no series."""


@dataclass(frozen=True, slots=True)
class Table:
    """``lines``: where each row stands in the file, `None` where it has no lines."""

    header: tuple[str, ...]
    columns: tuple[Cells, ...]
    delimiter: str = ","
    lines: Sequence[int] | None = None

    @property
    def rows(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def place(self, row: int) -> str:
        return f"line {self.lines[row]}" if self.lines is not None else f"row {row + 1}"


def histories_of(table: Table, where: str) -> tuple[list[History], list[str]]:
    """Raises `ProblemError` (code "usage") when no column holds times. What is left out is said in the notes."""
    if not table.rows:
        return [], ["the file has no rows"]
    notes: list[str] = []
    taken, at_s = _times(table, where, notes)
    rest = [i for i in range(len(table.header)) if i not in taken]
    numbers = {i: _numbers(table, i) for i in rest}
    cut = _names(table, at_s, rest, {i for i, one in numbers.items() if one is not None and one[0].any_number})
    names = _joined(table, cut) if cut else None
    values: dict[str, Floats] = {}
    for i in rest:
        if i in cut:
            continue
        read = numbers[i]
        name = table.header[i]
        if read is None:
            notes.append(f"column {name!r} is empty and left out")
        elif not read[0].any_number:
            notes.append(f"column {name!r} holds words and is left out")
        else:
            if read[1]:
                notes.append(f"{name}: {read[1]}")
            values[name] = read[0].values
    if not values:
        raise _unreadable(where, "no column beside the times holds numbers", "Give timestamp,value.")
    known = np.isfinite(at_s)
    if names is None:
        found, again = _series(values, at_s, known, "")
    else:
        found, again = _long(values, at_s, known, names)
    if again:
        notes.append(f"{again} rows repeat a time; the last of each counts")
    return found, notes


@dataclass(frozen=True, slots=True)
class _Read:
    values: Floats
    any_number: bool


def _numbers(table: Table, i: int) -> tuple[_Read, str] | None:
    """The numbers of a column and what to say of them; `None` for an empty one."""
    cells = table.columns[i]
    if isinstance(cells, np.ndarray):
        return (_Read(cells, True), "") if np.isfinite(cells).any() else None
    read = numbers_of(cells, table.delimiter)
    there = np.count_nonzero(np.isfinite(read.values))
    if not there and not read.words:
        return None
    said = [read.note] if read.note else []
    if read.words:
        said.append(
            f"{read.words} cells are no number (the first, {cells[read.first].strip()[:40]!r}, in {table.place(read.first)})"
        )
    return _Read(read.values, bool(there >= read.words)), "; ".join(said)


def _times(table: Table, where: str, notes: list[str]) -> tuple[set[int], Floats]:
    """The columns of the times, and the UTC seconds of each row."""
    plain = [re.sub(r"\s*[\[(].*?[\])]\s*", "", name).strip().casefold().replace(" ", "_") for name in table.header]
    dated = next((plain.index(name) for name in ("date", "day") if name in plain), None)
    clock = next((plain.index(name) for name in ("time", "hour", "clock") if name in plain), None)
    if dated is not None and clock is not None and _all_clocks(table.columns[clock]):
        days, hours = table.columns[dated], table.columns[clock]
        joined = [f"{str(day).strip()} {str(hour).strip()}" for day, hour in zip(days, hours, strict=True)]
        return {dated, clock}, _moments(table, joined, dated, where, notes)
    named = next((plain.index(name) for name in _TIME_NAMES if name in plain), None)
    if named is None:
        named = next(
            (i for i, name in enumerate(plain) if re.search(r"(^|_)(timestamp|time|datetime|date)(_|$)", name)), None
        )
    if named is None:
        named = next((i for i, cells in enumerate(table.columns) if _looks_like_times(cells)), 0)
    return {named}, _moments(table, table.columns[named], named, where, notes)


def _all_clocks(cells: Cells) -> bool:
    known = [] if isinstance(cells, np.ndarray) else [cell.strip() for cell in cells if not is_missing(cell)]
    return bool(known) and all(_CLOCK.match(cell) for cell in known[:1000])


def _looks_like_times(cells: Cells) -> bool:
    if isinstance(cells, np.ndarray):
        return False
    known = [cell for cell in cells[:200] if not is_missing(cell)]
    return bool(known) and sum(map(is_finite_time, known)) > 0.9 * len(known)


def _moments(table: Table, cells: Cells, column: int, where: str, notes: list[str]) -> Floats:
    from mlcontrol.cli.series_cells import epochs

    at_s, note = (epochs(cells), "") if isinstance(cells, np.ndarray) else moments_of(cells)
    if note:
        notes.append(note)
    bad = np.flatnonzero(~np.isfinite(at_s))
    if bad.size == at_s.size:
        first = str(cells[0]).strip()[:40]
        raise _unreadable(
            where,
            f"column {table.header[column]!r} holds no times: {table.place(0)} has {first!r}",
            "Name the time column timestamp; write times as ISO 8601 or as seconds since 1970.",
        )
    if bad.size:
        first = str(cells[int(bad[0])]).strip()[:40]
        notes.append(
            f"{bad.size} rows have no readable time and are left out (the first, {first!r}, in {table.place(int(bad[0]))})"
        )
    return at_s


def _names(table: Table, at_s: Floats, rest: list[int], numeric: set[int]) -> list[int]:
    """The columns that say which series a row belongs to; none in a wide table.

    Words that repeat do, where times come more than once; one that is called so may also hold numbers, or each time once.
    """
    repeated = np.unique(at_s[np.isfinite(at_s)]).size < 0.9 * np.count_nonzero(np.isfinite(at_s))
    cut = []
    for i in rest:
        cells = table.columns[i]
        called = table.header[i].strip().casefold().replace(" ", "_") in _SERIES_NAMES
        if i in numeric and not (called and repeated):
            continue
        if not repeated and not called:
            continue
        distinct = len(set(cells.tolist() if isinstance(cells, np.ndarray) else cells))
        if (called or distinct > 1) and distinct <= max(1, MOST_SERIES_SHARE * table.rows) and not _all_missing(cells):
            cut.append(i)
    # A name for every column of numbers there is would leave no values.
    return cut if any(i in numeric and i not in cut for i in rest) else [i for i in cut if i not in numeric]


def _all_missing(cells: Cells) -> bool:
    return not isinstance(cells, np.ndarray) and all(map(is_missing, cells))


def _joined(table: Table, cut: list[int]) -> list[str]:
    columns = [
        [f"{v:g}" for v in cells.tolist()] if isinstance(cells, np.ndarray) else [cell.strip() for cell in cells]
        for cells in (table.columns[i] for i in cut)
    ]
    return columns[0] if len(columns) == 1 else [" ".join(parts) for parts in zip(*columns, strict=True)]


def _long(values: dict[str, Floats], at_s: Floats, known: np.ndarray, names: list[str]) -> tuple[list[History], int]:
    index: dict[str, int] = {}
    code = np.fromiter((index.setdefault(name, len(index)) for name in names), dtype=np.int64, count=len(names))
    histories: list[History] = []
    again = 0
    order = np.argsort(code, kind="stable")
    bounds = np.searchsorted(code[order], np.arange(len(index) + 1))
    for name, k in index.items():
        rows = order[bounds[k] : bounds[k + 1]]
        part = {column: one[rows] for column, one in values.items()}
        found, repeats = _series(part, at_s[rows], known[rows], name or "(no name)")
        histories += found
        again += repeats
    return histories, again


def _series(values: dict[str, Floats], at_s: Floats, known: np.ndarray, name: str) -> tuple[list[History], int]:
    """``name``: of the series in a long table. In any order of rows; the last reading of a moment counts."""
    rows = np.flatnonzero(known)
    order = rows[np.argsort(at_s[rows], kind="stable")]
    times = at_s[order]
    last = np.append(np.diff(times) > 0, True) if times.size else np.zeros(0, dtype=bool)
    order, times = order[last], times[last]
    found = []
    for column, one in values.items():
        called = column if not name else name if len(values) == 1 else f"{name} {column}"
        part = one[order]
        if name and not np.isfinite(part).any():
            continue  # a row of a mixed table that this series has no value in
        found.append(History(called, times, part))
    return found, int(rows.size - order.size)


def aligned(histories: Sequence[History]) -> list[History]:
    """On one set of times, gaps where a series has none: for rules that need two side by side."""
    times = np.unique(np.concatenate([history.at_s for history in histories])) if histories else np.empty(0)
    found = []
    for history in histories:
        values = np.full(times.size, nan)
        values[np.searchsorted(times, history.at_s)] = history.values
        found.append(History(history.name, times, values))
    return found


def _unreadable(where: str, why: str, following: str) -> ProblemError:
    return ProblemError(Problem(f"{where} cannot be read.", f"{why[:1].upper()}{why[1:]}.", following, code="usage"))
