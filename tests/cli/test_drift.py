"""`mlcontrol drift` over real CSV, JSON Lines and Parquet files, read by DuckDB."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from mlcontrol.cli.main import main


def rows(seed: int, n: int, shift: float = 0.0, regions: tuple[str, ...] = ("north", "south")) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return [
        {
            "request_id": f"r-{seed}-{i}",
            "time": 1_700_000_000 + 60 * i,
            "region": str(rng.choice(regions)),
            "inputs": {"age": float(rng.normal(40 + shift, 10)), "tags": [1.0, 2.0]},
            "outputs": {"score": float(rng.random())},
        }
        for i in range(n)
    ]


def write(path: Path, entries: list[dict[str, Any]]) -> Path:
    lines = "\n".join(json.dumps(entry) for entry in entries)
    if path.suffix == ".jsonl":
        path.write_text(lines + "\n")
        return path
    source = path.with_suffix(".source.jsonl")
    source.write_text(lines + "\n")
    flat = "request_id, time, region, inputs.age as age, outputs.score as score" if path.suffix == ".csv" else "*"
    form = "csv, header" if path.suffix == ".csv" else "parquet"
    duckdb.sql(f"copy (select {flat} from read_json('{source}')) to '{path}' (format {form})")
    source.unlink()
    return path


def ask(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any], str]:
    code = main(["drift", *map(str, words), "--format", "json"])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else {}, said.err


@pytest.mark.parametrize(("suffix", "column"), [(".jsonl", "inputs.age"), (".csv", "age"), (".parquet", "inputs.age")])
def test_every_format(suffix: str, column: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = write(tmp_path / f"a{suffix}", rows(1, 800)), write(tmp_path / f"b{suffix}", rows(2, 800, shift=8))
    code, document, _ = ask(capsys, after, "--reference", before, "--by", "region")
    assert code == 1
    assert document["schema"] == "mlcontrol.drift/1"
    assert document["rows"] == {"log": 800, "reference": 800}
    assert {f["column"] for f in document["findings"]} == {column}
    assert {f["slice"] for f in document["findings"]} == {None, "north", "south"}
    finding = document["findings"][0]
    assert finding["q_value"] < 0.05
    assert finding["effect"] >= finding["least"]
    assert finding["psi"] > finding["psi_limit"]
    assert not any(f["column"] in ("request_id", "time") for f in document["unchanged"] if f["kind"] == "distribution")


def test_nothing_changed_is_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = write(tmp_path / "a.jsonl", rows(3, 800)), write(tmp_path / "b.parquet", rows(4, 800))
    code, document, _ = ask(capsys, after, "--reference", before, "--by", "region")
    assert (code, document["findings"], document["drift"]) == (0, [], False)
    assert document["unchanged"]
    assert main(["drift", str(after), "--reference", str(before)]) == 0
    assert "No change" in capsys.readouterr().out


def test_a_missing_region_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = write(tmp_path / "a.csv", rows(5, 900, regions=("north", "south", "west")))
    after = write(tmp_path / "b.csv", rows(6, 900))
    code, document, _ = ask(capsys, after, "--reference", before, "--by", "region")
    assert code == 1
    gone = [f for f in document["findings"] if f["kind"] == "missing_slice"]
    assert [(f["column"], f["slice"]) for f in gone] == [("region", "west")]


def test_requests_that_are_logged_twice_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = rows(1, 400)
    before, after = write(tmp_path / "a.jsonl", rows(2, 400)), write(tmp_path / "b.jsonl", entries + entries[:50])
    _, document, said = ask(capsys, after, "--reference", before)
    assert [note for note in document["notes"] if "50 rows repeat a request_id" in note]
    assert "50 rows repeat a request_id" in said


def test_too_little_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = write(tmp_path / "a.jsonl", rows(7, 800)), write(tmp_path / "b.jsonl", rows(8, 9, shift=90))
    code, document, _ = ask(capsys, after, "--reference", before)
    assert (code, document["drift"]) == (2, False)
    assert document["unknowns"]
    (tmp_path / "none.jsonl").write_text("")
    assert ask(capsys, tmp_path / "none.jsonl", "--reference", before)[0] == 2


def test_what_cannot_be_read_is_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write(tmp_path / "a.jsonl", rows(9, 50))
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "x.docx").write_text("words")
    (tmp_path / "x.jsonl").write_text("no json\n{{{\n")
    for bad in ("x.parquet", "x.docx", "x.jsonl", "absent.csv"):
        code, document, said = ask(capsys, tmp_path / bad, "--reference", good)
        assert (code, document) == (3, {})
        assert bad in said
    code, _, said = ask(capsys, good, "--reference", good, "--by", "planet")
    assert code == 3
    assert "planet" in said


def test_lines_that_are_no_entries_are_counted_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = write(tmp_path / "a.jsonl", rows(10, 400))
    after = write(tmp_path / "b.jsonl", rows(11, 400))
    after.write_text(after.read_text() + '{"request_id": "cut\nnot json\n')
    code, document, said = ask(capsys, after, "--reference", before)
    assert code == 0
    assert document["rows"]["log"] == 400
    assert "2 rows are empty" in said


def test_a_folder_of_files_is_one_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").mkdir()
    write(tmp_path / "log" / "1.jsonl", rows(12, 300))
    write(tmp_path / "log" / "2.jsonl", rows(13, 300))
    _, document, _ = ask(capsys, tmp_path / "log", "--reference", tmp_path / "log" / "*.jsonl")
    assert document["rows"] == {"log": 600, "reference": 600}
    assert document["findings"] == []


def test_the_command_ends_without_a_word_of_the_libraries_it_used(tmp_path: Path) -> None:
    """In a process of its own: DuckDB tells at its end what it could not free."""
    old, new = write(tmp_path / "old.jsonl", rows(1, 400)), write(tmp_path / "new.jsonl", rows(2, 400, shift=20.0))
    command = [sys.executable, "-m", "mlcontrol", "drift", str(new), "--reference", str(old)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (1, "")
