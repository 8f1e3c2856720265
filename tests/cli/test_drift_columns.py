"""`mlcontrol drift` over columns as logs have them: ids, dates, gaps in words, renamed ones, words; ranked by likely harm."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcontrol.cli.main import main

Columns = dict[str, Any]


def log(seed: int, n: int, start_s: int = 1_700_000_000) -> Columns:
    rng = np.random.default_rng(seed)
    words = np.array(["alpha", "beta", "gamma", "delta", "epsilon"])
    return {
        "seq": np.arange(n) + seed * 1_000_000,
        "user_id": rng.integers(seed * 10**8, (seed + 1) * 10**8, n),
        "created": [datetime.fromtimestamp(start_s + 60 * i, UTC).isoformat() for i in range(n)],
        "delivered": [datetime.fromtimestamp(start_s + 60 * i + 7200, UTC).isoformat() for i in range(n)],
        "birth": [str(date(1950, 1, 1) + timedelta(days=int(d))) for d in rng.integers(0, 18_000, n)],
        "query": [" ".join(rng.choice(words, size=9)) for _ in range(n)],
        "country": rng.choice(["de", "fr", "us"], size=n, p=[0.5, 0.3, 0.2]),
        "age": np.round(rng.normal(40, 10, n), 1),
        "income": np.round(np.exp(rng.normal(10, 0.5, n)), 2),
        "score": np.round(rng.beta(2, 5, n), 4),
    }


def write(path: Path, columns: Columns) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def ask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], reference: Columns, now: Columns
) -> tuple[int, dict[str, Any]]:
    code = main(
        [
            "drift",
            str(write(tmp_path / "now.csv", now)),
            "--reference",
            str(write(tmp_path / "was.csv", reference)),
            "--format",
            "json",
        ]
    )
    return code, json.loads(capsys.readouterr().out)


def found(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["column"], one["kind"]) for one in document["findings"]]


@pytest.mark.parametrize("n", [60, 3000])
def test_row_numbers_ids_texts_and_later_times_are_no_drift(
    n: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = ask(tmp_path, capsys, log(1, 3000), log(2, n, 1_700_900_000))
    assert (code, found(document)) == (0, [])
    (note,) = [note for note in document["notes"] if "not compared" in note]
    assert note.startswith("seq, user_id, query: ")


def test_a_date_that_is_data_is_compared_and_told_as_a_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = log(2, 3000, 1_700_900_000)
    now["birth"] = [str(date(1985, 1, 1) + timedelta(days=i % 9000)) for i in range(3000)]
    _, document = ask(tmp_path, capsys, log(1, 3000), now)
    assert {column for column, _ in found(document)} == {"birth"}
    assert "mean 1974-" in document["findings"][0]["why"]


def test_gaps_in_words_leave_numbers_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = log(2, 3000)
    now["age"] = ["n/a" if i % 4 == 0 else value for i, value in enumerate(now["age"])]
    now["income"] = ["oops" if i == 7 else value for i, value in enumerate(now["income"])]
    _, document = ask(tmp_path, capsys, log(1, 3000), now)
    assert found(document) == [("age", "missing")]
    said = "\n".join(document["notes"])
    assert "age: of its values 750 stand for a gap" in said
    assert "income: of its values 1 are words (the first is 'oops')" in said


def test_a_renamed_column_is_told_with_its_new_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = log(2, 3000)
    now["age_years"], now["land"] = now.pop("age"), now.pop("country")
    _, document = ask(tmp_path, capsys, log(1, 3000), now)
    whys = {one["column"]: one["why"] for one in document["findings"]}
    assert set(whys) == {"age", "age_years", "country", "land"}
    assert "age_years, new in it, is distributed alike" in whys["age"]
    assert "country, gone from the log, was distributed alike" in whys["land"]


def test_times_in_another_form_are_another_type_and_no_new_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = log(2, 3000)
    now["created"] = [f"on the {i % 28 + 1}. at {i % 24} o'clock" for i in range(3000)]
    _, document = ask(tmp_path, capsys, log(1, 3000), now)
    assert [one["why"] for one in document["findings"]] == ["it held times and holds none that can be read"]


def test_a_short_log_is_ranked_by_harm_and_not_by_the_alphabet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sixty rows against twenty thousand: harm is the share of the traffic, not a ratio of the lengths of two logs."""
    now = log(2, 60)
    now["age"] = now["age"] + 6
    now["score"] = now["score"] + 0.6
    _, document = ask(tmp_path, capsys, log(1, 20_000), now)
    assert found(document)[0][0] == "score"
    assert ("age", "distribution") in found(document)
    assert max(one["harm"] for one in document["findings"]) <= 2.0
