"""How the files of a log are written, and which of them, or how much of one, is there already."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mlcontrol.adapters.predictions.log_columns import KINDS
from mlcontrol.adapters.predictions.scratch import Scratch
from mlcontrol.adapters.predictions.sql_text import literal
from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import Unexpected

if TYPE_CHECKING:
    import duckdb

AT_REST_S = 60.0
"""A file that was not changed for so long is read as it is."""
GIVEN_UP_S = 3600.0
"""A Parquet file without its end that was not changed for so long is not being written any more: it is broken."""
_BLOCK = 1_048_576
_MAGIC = b"PAR1"

Settle = Callable[[list[Path], Scratch], list[Path]]
"""Of local files that may be half written: what of them can be read. Copies are made in the scratch folder."""


@dataclass(frozen=True, slots=True)
class LogFormat:
    """``reading(files, kind, names)``: a DuckDB table function over files of one kind of entry. ``left_out(connection, files)``:
    how many entries it passes over in silence, less those that may be half written."""

    title: str
    suffixes: tuple[str, ...]
    hint: str
    reading: Callable[[list[Path], str, Mapping[str, str]], str]
    settle: Settle
    left_out: Callable[[duckdb.DuckDBPyConnection, list[Path]], int]


def _json_lines(files: list[Path], kind: str, names: Mapping[str, str]) -> str:
    types = {"text": "VARCHAR", "time": "VARCHAR", "object": "JSON", "value": "JSON"}
    columns = ", ".join(
        f"{literal(names.get(ours, ours))}: '{types.get(how, how.upper())}'" for ours, how in KINDS[kind].items()
    )
    # Flat columns by their names in the first lines of each; what they hold is their own.
    flat = {theirs for ours, theirs in names.items() if "." in ours} | _flat(files, kind)
    columns = ", ".join([columns, *(f"{literal(name)}: 'JSON'" for name in sorted(flat))])
    listed = _listed(files)
    return f"read_json({listed}, format = 'newline_delimited', columns = {{{columns}}}, ignore_errors = true)"


def _flat(files: list[Path], kind: str) -> set[str]:
    """Names like "inputs.age" in the newest file's first line. Of a log that changes its manner, those of the newest count."""
    heads = tuple(f"{ours}." for ours, how in KINDS[kind].items() if how == "object")
    if not heads or not files:
        return set()
    newest = max(files, key=lambda file: (file.stat().st_mtime, file))
    packed = newest.suffix == ".gz"
    with suppress(ValueError, OSError, EOFError), gzip.open(newest) if packed else newest.open("rb") as source:
        row = json.loads(source.readline(1_048_576))
        return {name for name in row if name.startswith(heads)} if isinstance(row, dict) else set()
    return set()


def _csv(files: list[Path], kind: str, names: Mapping[str, str]) -> str:  # noqa: ARG001 - the header names them
    # What a value is, its column says, not a guess from the first rows.
    return (
        f"read_csv({_listed(files)}, header = true, delim = ',', quote = '\"', escape = '\"', all_varchar = true,"
        " union_by_name = true, ignore_errors = true, null_padding = false, max_line_size = 16777216)"
    )


def _parquet(files: list[Path], kind: str, names: Mapping[str, str]) -> str:  # noqa: ARG001 - its footer names them
    return f"read_parquet({_listed(files)}, union_by_name = true)"


def _none_left_out(connection: duckdb.DuckDBPyConnection, files: list[Path]) -> int:  # noqa: ARG001 - each row of Parquet is one
    return 0


def _being_written(connection: duckdb.DuckDBPyConnection, files: list[Path]) -> int:  # noqa: ARG001 - the others are rows of nulls
    """A last line without its end is not there yet, and a row of nulls as any that is no JSON."""
    return -sum(file.suffix != ".gz" and _is_half_written(file) for file in files)


def _is_half_written(file: Path) -> bool:
    with file.open("rb") as source:
        status = os.fstat(source.fileno())
        source.seek(max(0, status.st_size - 1))
        return source.read(1) not in (b"\n", b"") and time.time() - status.st_mtime <= AT_REST_S


def _rows_of_other_widths(connection: duckdb.DuckDBPyConnection, files: list[Path]) -> int:
    """Rows with more or fewer fields than the header, as a change of columns within a file leaves them."""
    found = 0
    for file in files:
        source = (
            f"read_csv({literal(file)}, header = true, delim = ',', quote = '\"', escape = '\"', all_varchar = true,"
            " store_rejects = true, null_padding = false, max_line_size = 16777216)"
        )
        connection.execute(f"select count(*) from {source}").fetchall()  # noqa: S608
        lines = connection.execute("select count(distinct line) from reject_errors").fetchone()
        found += int(lines[0]) if lines is not None else 0
        connection.execute("drop table reject_errors; drop table reject_scans")
    return found


def _as_they_are(files: list[Path], scratch: Scratch) -> list[Path]:  # noqa: ARG001 - a cut line of JSON is no JSON
    return _packed_ones_whole(files)


def _whole_rows(files: list[Path], scratch: Scratch) -> list[Path]:
    """CSV up to its last whole row: a number cut in its middle would be read as another number."""
    found = []
    for file in _packed_ones_whole(files):
        whole = file if file.suffix == ".gz" else _up_to_last_row(file, scratch)
        found += [whole] if whole is not None else []
    return found


def _packed_ones_whole(files: list[Path]) -> list[Path]:
    """While a file is packed there are both: the plain one is whole. A packed one that was written just now is not there yet."""
    plain = set(files)
    return [
        file
        for file in files
        if file.suffix != ".gz"
        or (file.with_suffix("") not in plain and time.time() - file.stat().st_mtime > AT_REST_S)
    ]


def _up_to_last_row(file: Path, scratch: Scratch) -> Path | None:
    """The file itself where nobody writes it and it ends with a line, else a copy of what is whole. `None`: nothing is."""
    with file.open("rb") as source:
        status = os.fstat(source.fileno())
        source.seek(max(0, status.st_size - 1))
        if source.read(1) == b"\n" and time.time() - status.st_mtime > AT_REST_S:
            return file
        source.seek(0)
        whole = _end_of_last_row(source, status.st_size)
        if whole == 0:
            return None
        copy = scratch.fresh(file.suffix)
        with copy.open("wb") as target:
            done = 0
            while done < whole and (sent := os.sendfile(target.fileno(), source.fileno(), done, whole - done)):
                done += sent
        return copy


def _end_of_last_row(source: BinaryIO, size: int) -> int:
    """Bytes up to the last line end that stands outside quotes."""
    found = start = 0
    quoted = False
    while start < size and (block := source.read(min(_BLOCK, size - start))):
        inside = quoted ^ bool(block.count(b'"') % 2)  # at its end
        quoted, end, within = inside, len(block), inside
        while True:
            if within:  # back to where the quotes were opened
                end, within = block.rfind(b'"', 0, end), False
            else:
                place, quote = block.rfind(b"\n", 0, end), block.rfind(b'"', 0, end)
                if place > quote:
                    found = start + place + 1
                    break
                end, within = quote, True
            if end < 0:
                break
        start += len(block)
    return found


def _with_their_end(files: list[Path], scratch: Scratch) -> list[Path]:  # noqa: ARG001 - nothing is copied
    """Parquet is written with its table of contents last: without it the file is not there yet."""
    found = []
    for file in files:
        with file.open("rb") as source:
            status = os.fstat(source.fileno())
            source.seek(max(0, status.st_size - len(_MAGIC)))
            if source.read() == _MAGIC and status.st_size >= 3 * len(_MAGIC):
                found.append(file)
            elif time.time() - status.st_mtime > GIVEN_UP_S:
                what = f"The file {file.name} of the prediction log has no end."
                why = "Whoever wrote it stopped in the middle; its entries cannot be counted."
                raise Unexpected(Problem(what, why, "Write it again, or move it away.", "unexpected"))
    return found


JSON_LINES = LogFormat(
    "JSON Lines", (".jsonl",), "its format is one JSON object a line", _json_lines, _as_they_are, _being_written
)
CSV = LogFormat(
    "CSV",
    (".csv",),
    "its format is a header and one entry a row, with commas",
    _csv,
    _whole_rows,
    _rows_of_other_widths,
)
PARQUET = LogFormat(
    "Parquet",
    (".parquet", ".pq"),
    "its columns are request_id, time, outputs, …",
    _parquet,
    _with_their_end,
    _none_left_out,
)


def _listed(files: list[Path]) -> str:
    return "[" + ", ".join(map(literal, files)) + "]"
