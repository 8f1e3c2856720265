"""A series as people have it on disk: a table (CSV, JSON Lines, JSON, Parquet) or a saved answer to a Prometheus range query."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterable
from math import isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np

from mlcontrol.cli.series_table import Table, histories_of
from mlcontrol.core.alerts.evaluate import History
from mlcontrol.core.problem import Problem, ProblemError

_COUNTER_NAME = re.compile(r"_(total|count|sum|bucket)(\{.*)?$")
MOST_RESTARTS = 0.1
"""Of the readings. What falls oftener is a count of something by interval, whatever it is called."""
FEWEST_RISES = 10
"""So many steps up and none down: nobody's level, but a count of what is rare."""
LARGEST_BYTES = 512 * 1024 * 1024
_DELIMITERS = "\t;|,"
_GZIP = b"\x1f\x8b"


def read_series(path: Path) -> tuple[list[History], list[str]]:
    """The series and what had to be said about reading them. Raises `ProblemError` (code "usage") when it is no such file."""
    notes: list[str] = []
    try:
        with path.open("rb") as file:
            head = file.read(4)
        if path.stat().st_size > LARGEST_BYTES:
            raise _unreadable(path, f"it is larger than {LARGEST_BYTES // 2**20} MB", "Ask for a wider step.")
        if head == b"PAR1":
            histories, said = histories_of(_parquet(path), str(path))
            notes += said
        else:
            histories = _from_text(path, _text(path, notes), notes)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error), "Check the path.") from error
    return [_rate_of_counter(history, notes) for history in _told_apart(histories)], notes


def _parquet(path: Path) -> Table:
    import duckdb

    from mlcontrol.adapters.predictions.parquet_columns import read_columns

    try:
        columns = read_columns(path)
    except duckdb.Error as error:
        why = str(error).splitlines()[0][:200].rstrip(".")
        raise _unreadable(path, f"it is no whole Parquet file ({why})", "Write it again.") from error
    return Table(tuple(columns), tuple(columns.values()))


def _text(path: Path, notes: list[str]) -> str:
    raw = path.read_bytes()
    if raw[:2] == _GZIP:
        try:
            with gzip.open(path) as file:
                raw = file.read(LARGEST_BYTES + 1)
        except (EOFError, gzip.BadGzipFile, OSError) as error:
            raise _unreadable(path, f"it is packed, and the packing is broken ({error})", "Pack it again.") from error
        if len(raw) > LARGEST_BYTES:
            raise _unreadable(path, f"unpacked it is larger than {LARGEST_BYTES // 2**20} MB", "Ask for a wider step.")
    try:
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return raw.decode("utf-16")
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\x00" in raw:
            raise _unreadable(path, "it is no text", "Save it as CSV, JSON Lines or Parquet.") from error
        notes.append("the file is no UTF-8 and is read as Western European text")
        text = raw.decode("cp1252", errors="replace")
    if "\x00" in text:
        raise _unreadable(path, "it is no text", "Save it as CSV, JSON Lines or Parquet.")
    return text


def _from_text(path: Path, text: str, notes: list[str]) -> list[History]:
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return _histories(path, _delimited(path, text, notes), notes)
    try:
        whole = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        if start == "{" and (table := _json_lines(text, notes)) is not None:
            return _histories(path, table, notes)
        raise _unreadable(
            path, f"it is no JSON ({error})", "Save it as it came; or give one JSON object a line."
        ) from error
    if isinstance(whole, list):
        entries = [one for one in whole if isinstance(one, dict)]
        if not entries and whole:
            raise _unreadable(path, "its list holds no objects", 'Give [{"timestamp": …, "value": …}, …].')
        return _histories(path, _of_objects(entries, None), notes)
    if "data" not in whole and "status" not in whole:
        if whole and all(isinstance(one, list) for one in whole.values()):  # columns, as pandas writes them
            if len({len(one) for one in whole.values()}) > 1:
                raise _unreadable(path, "its lists differ in length", "Give each column as many values.")
            cells = tuple([_cell(value) for value in one] for one in whole.values())
            return _histories(path, Table(tuple(map(str, whole)), cells), notes)
        if whole:
            return _histories(path, _of_objects([whole], None), notes)
    return _answer(path, whole, notes)


def _histories(path: Path, table: Table | None, notes: list[str]) -> list[History]:
    if table is None:
        return []
    histories, said = histories_of(table, str(path))
    notes += said
    return histories


def _json_lines(text: str, notes: list[str]) -> Table | None:
    entries: list[dict[str, Any]] = []
    lines: list[int] = []
    bad: list[int] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            entry = None
        if isinstance(entry, dict):
            entries.append(entry)
            lines.append(number)
        else:
            bad.append(number)
    if not entries or len(bad) > len(entries):
        return None
    if bad:
        notes.append(f"{len(bad)} lines are no JSON object and are left out (the first is line {bad[0]})")
    return _of_objects(entries, lines)


def _of_objects(entries: Iterable[dict[str, Any]], lines: list[int] | None) -> Table:
    columns: dict[str, list[str]] = {}
    for count, entry in enumerate(entries):
        for name, value in _leaves(entry):
            column = columns.get(name)
            if column is None:
                column = columns[name] = [""] * count
            column.append(_cell(value))
        for column in columns.values():
            if len(column) == count:
                column.append("")
    return Table(tuple(columns), tuple(columns.values()), lines=lines)


def _leaves(entry: dict[str, Any], head: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in entry.items():
        if isinstance(value, dict) and head.count(".") < 4:
            yield from _leaves(value, f"{head}{name}.")
        else:
            yield f"{head}{name}", value


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _delimited(path: Path, text: str, notes: list[str]) -> Table | None:
    delimiter = _delimiter(text)
    reader = csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if row and (len(row) > 1 or row[0].strip()) and not row[0].startswith("#") and any(map(str.strip, row)):
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise _unreadable(path, f"line {reader.line_num} cannot be parted into cells ({error})", "Mend it.") from error
    if not rows:
        notes.append("the file is empty")
        return None
    header = [cell.strip() for cell in rows[0]]
    if _is_data(header):
        width = len(header)
        header = ["timestamp", *(["value"] if width == 2 else [f"value{i}" for i in range(1, width)])]
    else:
        del rows[0], lines[0]
    _same_width(rows, lines, len(header), notes)
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in header]
    return Table(_names(header), tuple(columns), delimiter, lines)


def _delimiter(text: str) -> str:
    """The one that parts the first lines into equally many cells; a comma last, since it may be a decimal point."""
    first = [line for line in text[:65_536].splitlines()[:50] if line.strip() and not line.startswith("#")][:20]
    best, most = ",", 0.0
    for delimiter in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(first, delimiter=delimiter)]
        except csv.Error:
            continue
        common = max(set(widths), key=widths.count) if widths else 1
        share = widths.count(common) / len(widths) if common > 1 else 0.0
        if share > most + 0.2:
            best, most = delimiter, share
    return best


def _is_data(row: list[str]) -> bool:
    """Whether the first row is one of readings: a time, and a number beside it."""
    from mlcontrol.cli.series_cells import is_missing, moments_of, numbers_of

    at = [bool(np.isfinite(moments_of([cell])[0][0])) for cell in row]
    return any(at) and all(
        a or is_missing(cell) or not numbers_of([cell]).words for a, cell in zip(at, row, strict=True)
    )


def _same_width(rows: list[list[str]], lines: list[int], width: int, notes: list[str]) -> None:
    odd = [i for i, row in enumerate(rows) if len(row) != width]
    if not odd:
        return
    told = [i for i in odd if len(rows[i]) < width or any(map(str.strip, rows[i][width:]))]
    for i in odd:
        rows[i] = [*rows[i][:width], *[""] * (width - len(rows[i]))]
    if told:
        notes.append(f"{len(told)} rows have more or fewer cells than the header (the first is line {lines[told[0]]})")


def _names(header: list[str]) -> tuple[str, ...]:
    """As they stand, and told apart."""
    names: list[str] = []
    for i, name in enumerate(header, 1):
        called, again = name or f"column {i}", 2
        while called in names:
            called, again = f"{name or f'column {i}'} ({again})", again + 1
        names.append(called)
    return tuple(names)


def _told_apart(histories: list[History]) -> list[History]:
    names = _names([history.name for history in histories])
    return [History(name, one.at_s, one.values) for name, one in zip(names, histories, strict=True)]


def _answer(path: Path, answer: dict[str, Any], notes: list[str]) -> list[History]:
    if answer.get("status") == "error":
        raise _unreadable(
            path,
            f"Prometheus answered: {str(answer.get('error') or 'an error, without a reason')[:200]}",
            "Mend the query.",
        )
    data = answer.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
        raise _unreadable(path, "it is no range-query answer", "Save the whole answer of /api/v1/query_range.")
    notes += [f"Prometheus warned: {warning}" for warning in answer.get("warnings", [])]
    try:
        named = [(_series_name(one["metric"]), one.get("values", [])) for one in data["result"]]
        points = [(name, {float(at): _number(value) for at, value in values}) for name, values in named]
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, "a series in it has another form", "Save the answer as it came.") from error
    # One set of times for all, so that rules which need two series find them side by side.
    at_s = sorted({at for _, values in points for at in values})
    times = np.array(at_s, dtype=np.float64)
    return [History(name, times, np.array([values.get(at, nan) for at in at_s])) for name, values in points]


def _series_name(metric: dict[str, str]) -> str:
    labels = ",".join(f'{key}="{value}"' for key, value in sorted(metric.items()) if key != "__name__")
    name = metric.get("__name__", "")
    return f"{name}{{{labels}}}" if labels else name or "value"


def _rate_of_counter(history: History, notes: list[str]) -> History:
    """A counter becomes its increase per second: its level says how long it has run, and a restart is no incident."""
    known = np.isfinite(history.values)
    values = history.values[known]
    if values.size < 20 or values.min() < 0:
        return history
    steps = np.diff(values)
    falls, rises = steps < 0, int(np.count_nonzero(steps > 0))
    named = _COUNTER_NAME.search(history.name) is not None
    # A restart begins near nothing; of what calls itself a counter every fall is one, as Prometheus has it.
    restarts = named or bool(np.all(values[1:][falls] <= 0.1 * values[:-1][falls]))
    few = np.count_nonzero(falls) <= (MOST_RESTARTS if named else 0.02) * steps.size
    whole = bool(np.all(values == np.round(values)))
    grows = rises > 0.95 * steps.size or (not falls.any() and rises >= FEWEST_RISES)
    if not (restarts and few) or not (named or (whole and grows)):
        return history
    grown = np.where(falls, values[1:], steps) / np.diff(history.at_s[known])
    rate = np.full(history.values.size, np.nan)
    rate[np.flatnonzero(known)[1:]] = grown
    resets = int(np.count_nonzero(falls))
    notes.append(f"{history.name} is a counter ({resets} restarts): judged is its increase per second")
    return History(history.name, history.at_s[1:], rate[1:])


def _number(cell: object) -> float:
    try:
        value = float(str(cell))
    except ValueError:
        return nan
    return value if isfinite(value) else nan


def _unreadable(path: Path, why: str, following: str) -> ProblemError:
    return ProblemError(Problem(f"{path} cannot be read.", f"{why[:1].upper()}{why[1:]}.", following, code="usage"))
