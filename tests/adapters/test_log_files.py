"""Prediction logs as CSV and Parquet: the same answers as from JSON Lines, and files that are still being written."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, strategies as st

from mlcontrol.adapters.predictions import log_format
from mlcontrol.adapters.predictions.csv_rows import CsvLog
from mlcontrol.adapters.predictions.file_log import FileLog
from mlcontrol.adapters.predictions.named_span import named_span
from mlcontrol.adapters.predictions.parquet import ParquetLog
from mlcontrol.adapters.predictions.scratch import Scratch
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import Unexpected
from mlcontrol.testing.contracts.connection import no_secret
from tests.adapters.digits_log import SPAN, START_S, DigitsContract, assert_same, folder, prediction as entry

__all__ = ["folder"]

LOGS: dict[str, type[FileLog]] = {"csv": CsvLog, "parquet": ParquetLog}


def made(root: Path, suffix: str, **options: str) -> FileLog:
    options = {"labels": (root / "labels").as_uri()} | options
    url = (root / "predictions").as_uri()
    return LOGS[suffix](ConnectionSettings("log", ConnectionKind.PREDICTIONS, suffix, url, options=options), no_secret)


def rows_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    files = sorted((folder / kind / "digits").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def as_csv(rows: list[dict[str, Any]], header: bool = True) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
    if header:
        writer.writeheader()
    for row in rows:
        writer.writerow({k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in row.items()})
    return out.getvalue()


def write(file: Path, rows: list[dict[str, Any]]) -> None:
    """The rows as DuckDB and Python's csv write them: structs in Parquet, JSON text in CSV."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".csv":
        file.write_text(as_csv(rows))
        return
    source = file.with_suffix(".rows.json")
    source.write_text("\n".join(json.dumps(row) for row in rows))
    with duckdb.connect() as db:
        db.execute(
            f"copy (select * from read_json('{source}', format = 'newline_delimited')) to '{file}' (format parquet)"
        )
    source.unlink()


@pytest.fixture(params=["csv", "parquet"])
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def copied(folder: Path, tmp_path: Path, suffix: str) -> Path:
    """The JSON Lines log of `folder`, written as ``suffix`` by days in folders of Hive's kind."""
    root = tmp_path / suffix
    for kind in ("predictions", "labels"):
        write(root / kind / "digits" / "date=2026-03-29" / f"part-0.{suffix}", rows_of(folder, kind))
    return root


class TestSameAnswers(DigitsContract):
    @pytest.fixture
    def adapter(self, copied: Path, suffix: str) -> Iterator[FileLog]:
        log = made(copied, suffix)
        yield log
        log.close()

    def test_its_answers_are_those_of_the_same_log_as_json_lines(self, adapter: FileLog, folder: Path) -> None:
        assert_same(adapter, folder)


def answered(log: FileLog) -> int:
    return sum(share.answered for share in log.shares("digits", *SPAN))


def test_a_csv_row_that_is_still_being_written_is_not_there_yet(tmp_path: Path) -> None:
    """At every byte of its growth a log has only whole rows; above all no number that is cut in its middle."""
    rows = [entry(n, START_S + n, latency_ms=1234.5) for n in range(3)]
    text = as_csv(rows)
    rows_end = [place + 1 for place, char in enumerate(text) if char == "\n"][1:]
    file = tmp_path / "predictions" / "digits" / "20260329T00.csv"
    file.parent.mkdir(parents=True)
    log = made(tmp_path, "csv")
    last = len(as_csv(rows[2:], header=False))
    for size in [
        *range(rows_end[1] - 8, rows_end[1] + 3),
        *range(len(text) - last, len(text) - 8, 9),
        *range(len(text) - 8, len(text) + 1),
    ]:
        file.write_text(text[:size])
        whole = sum(end <= size for end in rows_end)
        assert answered(log) == whole, size
        assert [found.p50_ms for found in log.latency("digits", *SPAN) if found.n] == [1234.5] * min(
            2, len({row["version"] for row in rows[:whole]})
        )
    os.utime(file, (START_S, START_S))
    file.write_text(text[:-3])
    os.utime(file, (START_S, START_S))
    assert answered(log) == 2  # its writer is gone: the cut row stays out
    assert not list(log._scratch.fresh("").parent.glob("*.csv"))  # copies go with their question
    log.close()


def test_a_header_alone_and_a_new_line_inside_a_value(tmp_path: Path) -> None:
    file = tmp_path / "predictions" / "digits" / "20260329T00.csv"
    file.parent.mkdir(parents=True)
    log = made(tmp_path, "csv")
    rows = [entry(n, START_S + n, error="first line\nsecond" if n else None) for n in range(2)]
    text = as_csv(rows)
    for size in (10, text.index("\n") + 1):
        file.write_text(text[:size])
        assert log.shares("digits", *SPAN) == ()
    file.write_text(text[: text.index("first line\n") + len("first line\n") + 3])  # a line end, but not of a row
    assert answered(log) == 1
    assert log.failures("digits", 5, *SPAN) == ()
    file.write_text(text)
    assert [found.error for found in log.failures("digits", 5, *SPAN)] == ["first line\nsecond"]
    log.close()


@given(st.text(alphabet='a,"\n', max_size=40), st.integers(1, 7))
def test_rows_end_outside_quotes_wherever_blocks_end(text: str, block: int) -> None:
    data, quoted, expected = text.encode(), False, 0
    for place, char in enumerate(text):
        quoted ^= char == '"'
        expected = place + 1 if char == "\n" and not quoted else expected
    before, log_format._BLOCK = log_format._BLOCK, block
    try:
        assert log_format._end_of_last_row(io.BytesIO(data), len(data)) == expected
    finally:
        log_format._BLOCK = before


def test_rows_that_are_no_entries_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "predictions" / "digits" / "20260329T00.csv"
    file.parent.mkdir(parents=True)
    file.write_text(
        as_csv([entry(1, START_S)]) + "r2,too,few\n" + ",,,\n" * 2 + as_csv([entry(3, START_S)], header=False)
    )
    log = made(tmp_path, "csv")
    assert answered(log) == 2
    log.close()


def test_rows_that_do_not_fit_their_header_are_counted(tmp_path: Path) -> None:
    """A producer that began to write one column more in the middle of a file: its rows were passed over, and nobody was told."""
    rows = "".join(f"r{n},2026-03-29T00:30:05Z,1,7\n" for n in range(50))
    wider = "".join(f"r{n},2026-03-29T00:30:05Z,1,7,new\n" for n in range(50, 60))
    shorter = "".join(f"r{n},2026-03-29T00:30:05Z,1\n" for n in range(60, 67))
    folder = tmp_path / "predictions" / "digits"
    folder.mkdir(parents=True)
    (folder / "20260329T00.csv").write_text("request_id,time,version,outputs.digit\n" + rows + wider + shorter)
    (folder / "20260329T00-b.csv").write_text("time,request_id,version,outputs.digit\n2026-03-29T00:30:05Z,s1,1,7\n")
    log = made(tmp_path, "csv")
    assert (answered(log), log.malformed("digits", *SPAN)) == (51, 17)
    (folder / "20260329T00.csv").write_text("request_id,time,version,outputs.digit\n" + rows)
    assert (answered(log), log.malformed("digits", *SPAN)) == (51, 0)
    log.close()


def test_a_parquet_file_without_its_end_is_not_there_yet_and_a_broken_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "predictions" / "digits" / "20260329T00.parquet"
    other = file.with_name("20260329T00-b.parquet")
    write(other, [entry(n, START_S + n) for n in range(10, 20)])
    whole = other.read_bytes()
    write(file, [entry(n, START_S + n) for n in range(10)])
    log = made(tmp_path, "parquet")
    for size in (1, 4, 100, len(whole) - 1):
        other.write_bytes(whole[:size])
        assert answered(log) == 10
    os.utime(other, (time.time() - 7200, time.time() - 7200))
    with pytest.raises(Unexpected, match=r"20260329T00-b\.parquet of the prediction log has no end"):
        log.shares("digits", *SPAN)
    other.write_bytes(whole)
    assert answered(log) == 20
    log.close()


def test_flat_columns_other_names_and_times_as_numbers(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"id": n, "created_at": round(1000 * (START_S + n)), "version": 2, "inputs.age": 30 + n, "prediction": n % 2,
         "slices.region": "north" if n else None, "latency": 5.0, "note": "x"}
        for n in range(4)
    ]  # fmt: skip
    write(tmp_path / "predictions" / "digits" / f"2026-03-29.{suffix}", rows)
    write(tmp_path / "labels" / "digits" / f"2026-03-29.{suffix}", [{"id": n, "label": 1} for n in range(4)])
    columns = "request_id=id, time=created_at, outputs.digit=prediction, latency_ms=latency"
    log = made(tmp_path, suffix, columns=columns)
    assert [(s.version, s.answered) for s in log.shares("digits", *SPAN)] == [("2", 4)]
    (bucket,) = log.quality("digits", "digit", *SPAN, 3600.0, False)
    assert (bucket.n, bucket.correct) == (4, 2)
    assert log.slices("digits", *SPAN) == {"region": {"north": 3}}
    assert json.loads(log.sample("digits", 1, 1, START_S + 2, START_S + 3)[0].inputs) == {"age": 32}
    log.close()


def test_a_missing_column_is_named(tmp_path: Path, suffix: str) -> None:
    write(
        tmp_path / "predictions" / "digits" / f"a.{suffix}", [{"request_id": "r", "created_at": "2026-03-29T00:40:00Z"}]
    )
    log = made(tmp_path, suffix)
    with pytest.raises(Unexpected, match="no column time") as told:
        log.shares("digits", *SPAN)
    assert "created_at" in told.value.problem.why
    assert "time=created_at" in told.value.problem.next
    log.close()


def test_files_are_added_by_date_and_only_those_that_matter_are_opened(tmp_path: Path, suffix: str) -> None:
    where = tmp_path / "predictions" / "digits"
    log = made(tmp_path, suffix)
    assert log.shares("digits", *SPAN) == ()
    for n, name in enumerate(("20260329T00", "2026/03/29/00/part-0", "year=2026/month=03/day=29/part-0", "undated")):
        write(where / f"{name}.{suffix}", [entry(n, START_S)])
        assert answered(log) == n + 1
    for n, name in enumerate(
        ("20260330T00", "2026/03/29/09/part-0", "year=2026/month=04/day=29/part-0", "_temporary/0")
    ):
        write(where / f"{name}.{suffix}", [entry(100 + n, START_S)])  # misfiled: would count if it were read
    assert answered(log) == 4
    log.close()


@pytest.mark.parametrize(
    ("name", "start", "hours"),
    [
        ("20260131T02.jsonl", "2026-01-31T02", 1),
        ("20260131T0215Z-7.csv", "2026-01-31T02", 1),
        ("2026-01-31.csv", "2026-01-31T00", 24),
        ("date=2026-01-31/hour=07/part-0.parquet", "2026-01-31T07", 1),
        ("date=2026-01-31/07.parquet", "2026-01-31T00", 24),  # a part's number, perhaps
        ("2026/01/31/07/part-0.parquet", "2026-01-31T07", 1),
        ("year=2026/month=01/day=31/part-0.parquet", "2026-01-31T00", 24),
        ("model-20250101-predictions.csv", None, 0),  # of the model, not of the entries
        ("2026-13-31.csv", None, 0),
        ("202601310.csv", None, 0),
    ],
)
def test_what_a_name_says_of_its_entries(name: str, start: str | None, hours: int) -> None:
    found = named_span(name)
    if start is None:
        assert found is None
        return
    assert found is not None
    assert time.strftime("%Y-%m-%dT%H", time.gmtime(found.start_s)) == start
    assert found.end_s - found.start_s == hours * 3600
    assert name.startswith(found.day_of(found.start_s))


def test_copies_of_a_killed_process_are_removed_and_those_of_a_living_one_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    living, left = Scratch(), tmp_path / "mlcontrol-log-left"
    held = living.fresh(".csv")
    held.write_text("x")
    left.mkdir()
    (left / "held").touch()
    other = Scratch()
    assert other.fresh("").parent != held.parent
    assert held.exists()
    assert not left.exists()
    other.close()
    living.close()
    assert list(tmp_path.iterdir()) == []
