"""`mlcontrol backtest` reads a series in whatever form people have it, and says what it left out, where, and why."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import numpy as np
import pytest

from mlcontrol.cli.series_file import read_series
from mlcontrol.core.problem import ProblemError
from tests.core.signals.scenarios import START_S, times

N = 120
VALUES = np.round(np.random.default_rng(1).normal(50, 5, N), 3)


def iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def comma(value: float) -> str:
    return f"{value:.3f}".replace(".", ",")


def table(head: str, row: Callable[[float, float], str]) -> str:
    return head + "\n" + "\n".join(row(at, v) for at, v in zip(times(N).tolist(), VALUES.tolist(), strict=True)) + "\n"


def east(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, timezone(timedelta(hours=5, minutes=30))).isoformat()


WIDE = {
    "seconds": table("timestamp,value", lambda t, v: f"{t:.0f},{v}"),
    "milliseconds": table("timestamp,value", lambda t, v: f"{1e3 * t:.0f},{v}"),
    "microseconds": table("timestamp,value", lambda t, v: f"{1e6 * t:.0f},{v}"),
    "nanoseconds": table("timestamp,value", lambda t, v: f"{int(t)}000000000,{v}"),
    "ISO with Z": table("timestamp,value", lambda t, v: f"{iso(t).replace(' ', 'T')}Z,{v}"),
    "ISO with an offset": table("timestamp,value", lambda t, v: f"{east(t)},{v}"),
    "ISO with nanoseconds": table("timestamp,value", lambda t, v: f"{iso(t).replace(' ', 'T')}.000000000Z,{v}"),
    "UTC in words": table("timestamp,value", lambda t, v: f"{iso(t)} UTC,{v}"),
    "as Go prints it": table("timestamp,value", lambda t, v: f"{iso(t)} +0000 UTC,{v}"),
    "slashes": table("timestamp,value", lambda t, v: f"{iso(t).replace('-', '/')},{v}"),
    "day first": table("Datum;Wert", lambda t, v: f"{datetime.fromtimestamp(t, UTC):%d.%m.%Y %H:%M};{comma(v)}"),
    "month first": table("time,value", lambda t, v: f"{datetime.fromtimestamp(t, UTC):%m/%d/%Y %I:%M:%S %p},{v}"),
    "a date and a time": table("Date,Time,value", lambda t, v: f"{iso(t)[:10]},{iso(t)[11:]},{v}"),
    "digits only": table("timestamp,value", lambda t, v: f"{datetime.fromtimestamp(t, UTC):%Y%m%d%H%M%S},{v}"),
    "semicolons and decimal commas": table("timestamp;value", lambda t, v: f"{iso(t)};{comma(v)}"),
    "decimal commas and dots in thousands": table("timestamp;value", lambda t, v: f"{iso(t)};{comma(v)}"),
    "no header": table("", lambda t, v: f"{t:.0f},{v}").lstrip(),
    "no header, decimal commas": table("", lambda t, v: f"{t:.0f};{comma(v)}").lstrip(),
    "tabs": table("timestamp\tvalue", lambda t, v: f"{t:.0f}\t{v}"),
    "bars": table("timestamp|value", lambda t, v: f"{t:.0f}|{v}"),
    "spaces after commas": table("timestamp, value", lambda t, v: f"{t:.0f}, {v}"),
    "quoted": table('"timestamp","value"', lambda t, v: f'"{iso(t)}","{v}"'),
    "a byte order mark": "\ufeff" + table("timestamp,value", lambda t, v: f"{t:.0f},{v}"),
    "comments": "# from the exporter\n" + table("timestamp,value", lambda t, v: f"{t:.0f},{v}"),
    "the time last": table("value,timestamp", lambda t, v: f"{v},{t:.0f}"),
    "the time last, under a name of its own": table("value,collected", lambda t, v: f"{v},{iso(t)}"),
    "a unit in every cell": table("timestamp,value", lambda t, v: f"{t:.0f},{v} ms"),
    "percent": table("timestamp,value", lambda t, v: f"{t:.0f},{v}%"),
    "a unit in the header": table("Time [s],value", lambda t, v: f"{t:.0f},{v}"),
    "JSON Lines": table("", lambda t, v: json.dumps({"timestamp": iso(t), "value": v})).lstrip(),
    "JSON Lines, nested": table("", lambda t, v: json.dumps({"ts": t, "value": v, "labels": {"a": "b"}})).lstrip(),
}


@pytest.mark.parametrize("form", WIDE)
def test_the_same_series_in_every_form(form: str, tmp_path: Path) -> None:
    path = tmp_path / "series.csv"
    path.write_text(WIDE[form])
    (history,), _ = read_series(path)
    np.testing.assert_allclose(history.at_s, times(N), atol=0.01)
    np.testing.assert_allclose(history.values, VALUES)


def test_json_lists_objects_columns_and_packed_files(tmp_path: Path) -> None:
    entries = [{"timestamp": t, "value": v} for t, v in zip(times(N).tolist(), VALUES.tolist(), strict=True)]
    whole = {"timestamp": times(N).tolist(), "value": VALUES.tolist()}
    (tmp_path / "a.json").write_text(json.dumps(entries))
    (tmp_path / "b.json").write_text(json.dumps(whole))
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(WIDE["seconds"].encode()))
    (tmp_path / "d.csv").write_bytes(WIDE["seconds"].encode("utf-16"))
    for name in ("a.json", "b.json", "c.csv.gz", "d.csv"):
        (history,), _ = read_series(tmp_path / name)
        np.testing.assert_allclose(history.values, VALUES)


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "bigint", "varchar"])
def test_parquet_with_times_of_any_type(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(WIDE["seconds"])
    at = f"to_timestamp(timestamp)::{kind}" if "timestamp" in kind else f"(1000 * timestamp)::bigint::{kind}"
    duckdb.sql(
        f"copy (select {at} as ts, value, true as up from read_csv('{tmp_path}/a.csv')) to '{tmp_path}/a.parquet' (format parquet)"
    )
    histories, notes = read_series(tmp_path / "a.parquet")
    np.testing.assert_allclose(histories[0].at_s, times(N))
    np.testing.assert_allclose(histories[0].values, VALUES)
    assert [h.name for h in histories] == ["value", "up"]
    assert any("true counts as 1" in note for note in notes)


def long_rows() -> list[tuple[float, str, float]]:
    return [
        (t, name, round(v + 100 * k, 3))
        for t, v in zip(times(N).tolist(), VALUES.tolist(), strict=True)
        for k, name in enumerate("abc")
    ]


@pytest.mark.parametrize("shape", ["csv", "unsorted", "jsonl", "numbers as names", "two columns of names", "parquet"])
def test_a_long_table_is_a_series_for_each_name(shape: str, tmp_path: Path) -> None:
    rows, path = long_rows(), tmp_path / "long.csv"
    names = list("abc")
    if shape == "unsorted":
        rows = rows[::-1]
    if shape == "jsonl":
        path.write_text("\n".join(json.dumps({"time": t, "metric": n, "value": v}) for t, n, v in rows))
    elif shape == "numbers as names":
        path.write_text("time,series,value\n" + "\n".join(f"{t},{ord(n)},{v}" for t, n, v in rows))
        names = ["97", "98", "99"]
    elif shape == "two columns of names":
        path.write_text("time,host,metric,value\n" + "\n".join(f"{t},h,{n},{v}\n{t},g,{n},{v}" for t, n, v in rows))
        names = [f"{host} {n}" for n in "abc" for host in "hg"]
    else:
        path.write_text("time,service,value\n" + "\n".join(f"{t},{n},{v}" for t, n, v in rows))
    if shape == "parquet":
        duckdb.sql(f"copy (from read_csv('{path}')) to '{tmp_path}/long.parquet' (format parquet)")
        path = tmp_path / "long.parquet"
    histories, notes = read_series(path)
    found = {history.name: history for history in histories}
    assert set(found) == set(names)
    first = found[next(name for name in names if name.endswith(("a", "97")))]
    np.testing.assert_allclose(first.at_s, times(N))
    np.testing.assert_allclose(first.values, VALUES)
    assert not [note for note in notes if "repeat" in note]


def test_a_mixed_table_has_a_series_for_each_name_and_column(tmp_path: Path) -> None:
    rows = [f"{t},{n},{v},{v / 2 if n == 'a' else ''}" for t, n, v in long_rows()]
    (tmp_path / "x.csv").write_text("timestamp,model,latency,errors\n" + "\n".join(rows))
    histories, _ = read_series(tmp_path / "x.csv")
    assert [h.name for h in histories] == ["a latency", "a errors", "b latency", "c latency"]


def test_words_that_say_no_series_leave_a_table_wide(tmp_path: Path) -> None:
    rows = [f"{t},{v},{'ok' if v > 50 else 'slow'}" for t, v in zip(times(N), VALUES, strict=True)]
    (tmp_path / "x.csv").write_text("timestamp,value,state\n" + "\n".join(rows))
    (history,), notes = read_series(tmp_path / "x.csv")
    assert history.values.size == N
    assert "column 'state' holds words and is left out" in notes


def test_what_is_odd_is_told_with_its_place(tmp_path: Path) -> None:
    lines = WIDE["seconds"].splitlines()
    lines[10] = "soon,3"
    lines[20] = f"{START_S + 19 * 60:.0f},lots"
    lines[30] = f"{START_S + 29 * 60:.0f}"
    lines[40] = lines[39]
    lines = [line + ",," for line in lines]
    lines[0] = "timestamp,value,spare,"
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    (history,), notes = read_series(tmp_path / "x.csv")
    assert history.values.size == N - 2
    said = "\n".join(notes)
    assert "'soon', in line 11" in said
    assert "'lots', in line 21" in said
    assert "column 'spare' is empty" in said
    assert "1 rows repeat a time" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"timestamp,value\n", None),
        (b"", None),
        (b"timestamp,value\n1700000000,1\n", None),
        (b"when,value\nsoon,1\nlater,2\n", "'soon'"),
        (b"timestamp,value\n1700000000,a\n1700000060,b\n", "no column beside the times holds numbers"),
        (b"value\n1\n2\n", "no column beside the times"),
        (b'{"a": 1', "JSON"),
        (b"PAR1 not really", "Parquet"),
        (b"\x1f\x8bnot really", "packed"),
        (b"a,b\x00\x01\xff", "no text"),
        (b"[1, 2]", "no objects"),
        (b'{"a": [1, 2], "b": [1]}', "differ in length"),
    ],
)
def test_what_cannot_be_read_says_why_and_what_next(content: bytes, words: str | None, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    if words is None:
        assert sum(h.values.size for h in read_series(path)[0]) <= 1
        return
    with pytest.raises(ProblemError) as raised:
        read_series(path)
    problem = raised.value.problem
    assert str(path) in problem.what
    assert words.casefold() in problem.why.casefold()
    assert problem.next


def test_units_that_change_from_row_to_row_become_one(tmp_path: Path) -> None:
    rows = [
        f"{t:.0f},{v} ms" if i % 10 else f"{t:.0f},{v / 1000:.6f} s"
        for i, (t, v) in enumerate(zip(times(N), VALUES, strict=True))
    ]
    (tmp_path / "x.csv").write_text("timestamp,latency\n" + "\n".join(rows))
    (history,), notes = read_series(tmp_path / "x.csv")
    np.testing.assert_allclose(history.values, VALUES, rtol=1e-4)
    assert notes == ["latency: its values are in several units; all are taken in ms"]


def test_thousands_in_quotes_are_no_decimals(tmp_path: Path) -> None:
    rows = [f'{t:.0f},"{1000 * v:,.2f}"' for t, v in zip(times(N), VALUES, strict=True)]
    (tmp_path / "x.csv").write_text("timestamp,bytes\n" + "\n".join(rows))
    (history,), _ = read_series(tmp_path / "x.csv")
    np.testing.assert_allclose(history.values, 1000 * VALUES)
    dotted = [
        f"{t:.0f};{1000 * v:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")
        for t, v in zip(times(N), VALUES, strict=True)
    ]
    (tmp_path / "y.csv").write_text("timestamp;bytes\n" + "\n".join(dotted))
    (history,), _ = read_series(tmp_path / "y.csv")
    np.testing.assert_allclose(history.values, 1000 * VALUES)
