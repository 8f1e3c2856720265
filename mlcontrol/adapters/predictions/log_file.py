"""Prediction logs as files for comparing: CSV, JSON Lines, Parquet, one, a folder or a pattern, read by DuckDB.

Objects are flattened ("inputs.age"); lists of numbers become their length and mean. Large logs are sampled, always alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from mlcontrol.adapters.predictions.duckdb_connection import in_memory
from mlcontrol.adapters.predictions.long_form import widened
from mlcontrol.adapters.predictions.mixed_values import numbers_among
from mlcontrol.adapters.predictions.row_times import TIME_NAMES, times_of_rows
from mlcontrol.adapters.predictions.sql_text import identifier, literal
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.signals.log_columns import Column, Log

MOST_ROWS = 200_000
DEEPEST = 4
_REQUESTS = ("request_id", "requestId", "id")
_READERS = {
    ".csv": "read_csv([{files}], union_by_name = true, sample_size = -1)",
    ".tsv": "read_csv([{files}], union_by_name = true, sample_size = -1, delim = '\t')",
    ".jsonl": "read_json([{files}], format = 'newline_delimited', ignore_errors = true, union_by_name = true, sample_size = -1)",
    ".parquet": "read_parquet([{files}], union_by_name = true)",
}
_ALIASES = {".ndjson": ".jsonl", ".json": ".jsonl", ".pq": ".parquet", ".txt": ".csv"}


def read_log(place: str) -> Log:
    """Raises `ProblemError` (code "usage") when nothing is there or it cannot be read."""
    files = _files(place)
    kinds = {_kind(file) for file in files}
    if len(kinds) != 1 or not kinds <= set(_READERS):
        shown = ", ".join(sorted(kinds)) or "nothing"
        raise _unreadable(place, f"it holds {shown}", "Give CSV, JSON Lines or Parquet, one kind at a time.")
    listed = ", ".join(map(literal, files))
    try:
        with in_memory() as connection:
            (kind,) = kinds
            connection.execute(f"create temp view log as select * from {_READERS[kind].format(files=listed)}")  # noqa: S608
            log, seen = _read(connection)
    except duckdb.Error as error:
        raise _unreadable(
            place, str(error).splitlines()[0][:300], "Look at the file; its first lines tell most."
        ) from error
    # DuckDB reads a line that is no JSON as a row of nothing: a file of such lines is no log at all.
    if seen and not log.rows and kind == ".jsonl":
        raise _unreadable(place, "none of its lines is a JSON object", "Give one JSON object a line.")
    return log


def _kind(file: Path) -> str:
    """By its suffix, or the one before ``.gz``."""
    suffix = (file.with_suffix("") if file.suffix.casefold() == ".gz" else file).suffix.casefold()
    return _ALIASES.get(suffix, suffix or ".jsonl")


def _files(place: str) -> list[Path]:
    path = Path(place)
    if path.is_dir():
        found = [file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]
    else:
        found = (
            [path]
            if path.is_file()
            else list(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor)) if path.anchor else place))
        )
    files = sorted(file for file in found if file.is_file())
    if not files:
        raise _unreadable(place, "there is no such file", "Check the path.")
    return files


def _read(connection: duckdb.DuckDBPyConnection) -> tuple[Log, int]:
    """The log, and how many rows were there before the blank ones were left out."""
    fields: list[tuple[str, str, str]] = []  # name, SQL, type
    notes: list[str] = []
    described = {str(row[0]): str(row[1]) for row in connection.execute("describe log").fetchall()}
    if wide := widened(connection, described, _REQUESTS):
        notes.append("a row for each feature: put together to a row a request")
        connection.execute(f"create temp table wide as {wide}")
        connection.execute("create or replace temp view log as select * from wide")
    for row in connection.execute("describe log").fetchall():
        fields += _leaves(str(row[0]), identifier(str(row[0])), str(row[1]), connection, 0)
    counted = connection.execute("select count(*) from log").fetchone()
    rows = int(counted[0]) if counted else 0
    source = "log"
    if rows > MOST_ROWS:
        notes.append(f"{rows} rows; compared are {MOST_ROWS} of them, drawn at random")
        connection.execute(
            f"create temp table drawn as select * from log using sample reservoir({MOST_ROWS} rows) repeatable (42)"  # noqa: S608
        )
        source = "drawn"
    columns: dict[str, Column] = {}
    if not fields:
        return Log({}, rows, None, tuple(notes)), rows
    chosen = ", ".join(f"{_cast(sql, kind)} as {identifier(name)}" for name, sql, kind in fields)
    arrays: dict[str, Any] = connection.execute(f"select {chosen} from {source}").fetchnumpy()  # noqa: S608
    dated: dict[str, np.ndarray] = {}
    for name, _, kind in fields:
        values = _plain(arrays[name])
        if _is_time(name, kind, values):
            dated[name] = values
            continue
        if kind == "VARCHAR" and (mixed := numbers_among(values)) is not None:
            values = mixed[0]
            notes.append(f"{name}: {mixed[1]}")
        columns[name] = Column(name, values)
    times_s, times = times_of_rows(dated)
    columns |= {name: Column(name, values, dates=True) for name, values in dated.items() if name not in times}
    empty = sum(1 for column in columns.values() if column.known == 0)
    if columns and rows:
        blank = np.logical_and.reduce([~column.present() for column in columns.values()])
        if blank.any():
            notes.append(f"{int(blank.sum())} rows are empty or no entries of a log, and are left out")
            columns = {name: Column(name, column.values[~blank], column.dates) for name, column in columns.items()}
            times_s = None if times_s is None else times_s[~blank]
    if empty:
        notes.append("a column holds no value at all" if empty == 1 else f"{empty} columns hold no value at all")
    notes += _repeated(columns)
    kept = next(iter(columns.values())).rows if columns else rows
    return Log(columns, kept, times_s, tuple(notes), times), rows


def _repeated(columns: dict[str, Column]) -> list[str]:
    """What sends a request twice is in the log twice: it counts as it stands, and is told."""
    notes = []
    for name in columns.keys() & set(_REQUESTS):
        words = columns[name].words_known()
        if again := words.size - len(set(words.tolist())):
            notes.append(f"{again} rows repeat a {name}; each row counts")
    return notes


def _leaves(
    name: str, sql: str, kind: str, connection: duckdb.DuckDBPyConnection, depth: int
) -> list[tuple[str, str, str]]:
    """The flat columns of one column. Asks for types only: nothing of the log is read again for it."""
    if kind.startswith("STRUCT(") and depth < DEEPEST:
        parts = connection.execute(f"describe select unnest({sql}) from log limit 0").fetchall()  # noqa: S608
        return [
            leaf
            for key, part in ((str(row[0]), str(row[1])) for row in parts)
            for leaf in _leaves(
                f"{name}.{key}", f"({sql})['{key.replace(chr(39), chr(39) * 2)}']", part, connection, depth + 1
            )
        ]
    if kind.endswith("[]"):
        leaves = [(f"{name}.length", f"len({sql})", "BIGINT")]
        if kind.rstrip("[]") in ("BIGINT", "INTEGER", "DOUBLE", "FLOAT", "HUGEINT"):
            leaves.append(
                (f"{name}.mean", f"list_avg(flatten([{sql}]))" if kind.count("[]") == 1 else f"len({sql})", "DOUBLE")
            )
        return leaves
    return [(name, sql, kind)]


def _cast(sql: str, kind: str) -> str:
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"epoch_ms({sql}::timestamp) / 1000.0"
    if (
        kind == "BOOLEAN"
        or kind.startswith(("STRUCT", "MAP", "JSON", "VARCHAR", "UUID", "ENUM", "BLOB", "TIME", "INTERVAL"))
        or kind.endswith("[]")
    ):
        return f"({sql})::varchar"
    return f"({sql})::double"


def _plain(array: Any) -> np.ndarray:
    """DuckDB's masked array as float64 with NaN, or as objects of str with `None`."""
    mask = np.ma.getmaskarray(array)
    data = np.ma.getdata(array)
    if data.dtype.kind in "fiu":
        numbers = data.astype(np.float64)
        numbers[mask] = np.nan
        return numbers
    words = data.astype(object)
    words[mask] = None
    blank = np.array([isinstance(v, str) and not v.strip() for v in words.tolist()], dtype=bool)
    words[blank] = None
    return words


def _is_time(name: str, kind: str, values: np.ndarray) -> bool:
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return True
    if name.casefold() not in TIME_NAMES or values.dtype.kind != "f" or not np.isfinite(values).any():
        return False
    return float(np.nanmedian(values)) > 1e8


def _unreadable(place: str, why: str, following: str) -> ProblemError:
    return ProblemError(
        Problem(f"{place} cannot be compared.", f"{why[:1].upper()}{why[1:]}.", following, code="usage")
    )
