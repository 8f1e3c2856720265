"""Logs with a row for each feature of a request are compared by feature, and those that only look like one are not."""

from __future__ import annotations

import gzip
from pathlib import Path

from mlcontrol.adapters.predictions.log_file import read_log
from mlcontrol.core.signals.drift import Judged, compare


def long(path: Path, older: int = 0) -> Path:
    rows = [
        f"r{i},2026-03-29T00:{i % 60:02}:00Z,{'ns'[i % 2]},{feature},{value}"
        for i in range(400)
        for feature, value in (("age", 30 + i % 37 + older), ("city", "abc"[i % 3]), ("note", ""))
        if not (feature == "city" and i % 4 == 0)
    ]
    path.write_text("\n".join(["request_id,time,region,feature,value", *rows]) + "\n")
    return path


def test_each_feature_is_a_column_of_its_own(tmp_path: Path) -> None:
    """As "value" ages and cities were one column of words."""
    before, now = read_log(str(long(tmp_path / "a.csv"))), read_log(str(long(tmp_path / "b.csv", older=30)))
    assert before.rows == 400
    assert {name: (c.numeric, c.known) for name, c in before.columns.items() if name in ("age", "city", "note")} == {
        "age": (True, 400),
        "city": (False, 300),
        "note": (True, 0),
    }
    assert before.times_s is not None
    assert "put together to a row a request" in before.notes[0]
    found = {c.column for c in compare(before, now, "region") if c.judged is Judged.DRIFT}
    assert found == {"age"}


def test_a_row_a_request_stays_as_it_is_whatever_its_columns_are_called(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("request_id,name,value\n" + "".join(f"r{i},{'ab'[i % 2]},{i}\n" for i in range(100)))
    assert read_log(str(path)).columns.keys() == {"request_id", "name", "value"}


def test_a_packed_csv_is_read_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,x\n2,y\n"))
    assert {name: c.numeric for name, c in read_log(str(path)).columns.items()} == {"a": True, "b": False}
