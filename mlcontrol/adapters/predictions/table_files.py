"""Files of predictions, read and sampled by DuckDB without loading them whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcontrol.adapters.predictions.duckdb_connection import in_memory
from mlcontrol.adapters.predictions.sql_text import literal
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.ports.review_sources import SampledRows

if TYPE_CHECKING:
    import duckdb

PAGE = 2000
_ID_NAMES = ("request_id", "id", "trace_id", "uuid", "row_id")


class DuckDbTableFiles:
    """Satisfies `ports.review_sources.TableFiles`. *Thread:* any; each question has a connection of its own."""

    def sample(self, path: Path, n: int, seed: int, deadline_s: float = 30.0) -> SampledRows:
        with _connection(path, deadline_s) as connection:
            source = _source(path)
            names = [row[0] for row in connection.execute(f"describe select * from {source}").fetchall()]  # noqa: S608
            known = next((name for name in _ID_NAMES if name in names), None)
            total = int(connection.execute(f"select count(*) from {source}").fetchone()[0])  # type: ignore[index]  # noqa: S608
            if path.suffix == ".parquet":
                # Only the ids are read for choosing; of the rest, only the chosen rows.
                ident = f'"{known}"' if known else "file_row_number"
                chosen = (
                    f"select file_row_number from read_parquet({literal(path)}, file_row_number = true)"  # noqa: S608
                    f" order by hash({ident}, {int(seed)}), {ident} limit {int(n)}"
                )
                numbers = [row[0] for row in connection.execute(chosen).fetchall()]
                listed = ", ".join(str(int(number)) for number in numbers) or "-1"
                question = (
                    f"select * from read_parquet({literal(path)}, file_row_number = true)"  # noqa: S608
                    f" where file_row_number in ({listed})"
                )
            else:
                ident = f'"{known}"' if known else "mlcontrol_row"
                question = (
                    f"select * from (select *, row_number() over () as mlcontrol_row from {source})"  # noqa: S608
                    f" order by hash({ident}, {int(seed)}), {ident} limit {int(n)}"
                )
            rows = list(_records(connection.execute(question)))
        fixed = []
        for row in rows:
            number = row.pop("file_row_number", row.pop("mlcontrol_row", None))
            row["request_id"] = str(row[known]) if known and row.get(known) is not None else f"{path.name}#{number}"
            fixed.append(row)
        return SampledRows(total, tuple(sorted(fixed, key=lambda row: str(row["request_id"]))))

    def rows(self, path: Path, deadline_s: float = 30.0) -> Iterator[Mapping[str, Any]]:
        with _connection(path, deadline_s) as connection:
            yield from _records(connection.execute(f"select * from {_source(path)}"))  # noqa: S608

    def write(self, path: Path, columns: tuple[str, ...], rows: Iterable[Mapping[str, Any]]) -> int:
        with _connection(path, 600.0) as connection:
            listed = ", ".join(f'"{name}" varchar' for name in columns)
            connection.execute(f"create temp table rows({listed})")
            marks = ", ".join("?" for _ in columns)
            count = 0
            for row in rows:
                connection.execute(f"insert into rows values ({marks})", [_text(row.get(name)) for name in columns])  # noqa: S608
                count += 1
            connection.execute(f"copy rows to {literal(path)} (format parquet)")
        return count


def _source(path: Path) -> str:
    readers = {
        ".parquet": "read_parquet({})",
        ".csv": "read_csv({})",
        ".jsonl": "read_json({}, format = 'newline_delimited')",
        ".ndjson": "read_json({}, format = 'newline_delimited')",
        ".json": "read_json({})",
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise _bad(path, f"Its suffix {path.suffix!r} is none of {', '.join(readers)}.")
    return reader.format(literal(path))


def _records(cursor: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    names = [column[0] for column in cursor.description or ()]
    while page := cursor.fetchmany(PAGE):
        for row in page:
            yield {name: _plain(value) for name, value in zip(names, row, strict=True)}


def _plain(value: Any) -> Any:
    """Values as JSON knows them."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


@contextmanager
def _connection(path: Path, deadline_s: float) -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    try:
        with in_memory(deadline_s) as connection:
            yield connection
    except duckdb.Error as error:
        raise _bad(path, str(error).splitlines()[0][:200]) from error


def _bad(path: Path, why: str) -> ProblemError:
    return ProblemError(
        Problem(
            f"The file {path.name} cannot be read.",
            why,
            "Give a JSON Lines, CSV or Parquet file with one prediction a row.",
            code="unreadable",
        )
    )
