"""A Parquet file as plain columns: numbers as float64, times as UTC seconds, all else as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mlcontrol.adapters.predictions.duckdb_connection import in_memory
from mlcontrol.adapters.predictions.sql_text import identifier, literal

_WORDS = ("VARCHAR", "BOOLEAN", "UUID", "ENUM", "BLOB", "STRUCT", "MAP", "INTERVAL", "TIME", "JSON")


def read_columns(path: Path) -> dict[str, np.ndarray | list[str]]:
    """Raises `duckdb.Error` for what is no such file. A time is a column of floats, in seconds since 1970."""
    with in_memory() as connection:
        connection.execute(f"create temp view series as select * from read_parquet([{literal(path)}])")  # noqa: S608
        kinds = [(str(row[0]), str(row[1])) for row in connection.execute("describe series").fetchall()]
        chosen = ", ".join(f"{_cast(identifier(name), kind)} as {identifier(name)}" for name, kind in kinds)
        arrays: dict[str, Any] = connection.execute(f"select {chosen} from series").fetchnumpy()  # noqa: S608
    return {name: _plain(arrays[name]) for name, _ in kinds}


def _cast(sql: str, kind: str) -> str:
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"epoch_us({sql}::timestamp) / 1000000.0"
    if kind.startswith(_WORDS) or kind.endswith("[]"):
        return f"({sql})::varchar"
    return f"({sql})::double"


def _plain(array: Any) -> np.ndarray | list[str]:
    mask, data = np.ma.getmaskarray(array), np.ma.getdata(array)
    if data.dtype.kind in "fiu":
        numbers = data.astype(np.float64)
        numbers[mask | ~np.isfinite(numbers)] = np.nan
        return numbers
    return [
        "" if gone or value is None else str(value) for value, gone in zip(data.tolist(), mask.tolist(), strict=True)
    ]
