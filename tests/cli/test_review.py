"""`mlcontrol review` on a whole engine: what pipelines see, literally."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.cli.main import main
from mlcontrol.engine.hosts import InlineHost

TOML = """\
version = 1
name = "small"
store = "sqlite:///panel.db"

[connections.log]
kind = "predictions"
adapter = "jsonl"
url = "{log}"

[services.digits]
title = "Digit reader"
predictions = "log"
prediction = "digit"
probability = "p"
golden = "golden.json"
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def attach(path: Path, on_event: Any, _on_lost: Any, *, start: bool = True) -> InlineHost:
        return InlineHost(path, on_event)

    monkeypatch.setattr("mlcontrol.cli.session.attach", attach)
    path = tmp_path / "mlcontrol.toml"
    path.write_text(TOML.format(log=(tmp_path / "log").as_uri()))
    item = {"id": "g1", "inputs": {"x": [9]}, "expected": {"output": "digit", "value": [9]}}
    (tmp_path / "golden.json").write_text(
        json.dumps({"schema": "mlcontrol.golden/1", "service": "digits", "model": "digits", "items": [item]})
    )
    return path


@pytest.fixture
def run(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    def go(*words: str) -> Any:
        code = main(["review", *words, "--workspace", str(workspace)])
        got = capsys.readouterr()
        document = json.loads(got.out) if "json" in words and got.out.strip() else None
        return SimpleNamespace(code=code, out=got.out, err=got.err, json=document)

    return go


def rows(n: int) -> list[dict[str, Any]]:
    return [
        {
            "request_id": f"r{i}", "version": "3" if i % 2 else "2", "inputs": json.dumps({"x": [i]}),
            "outputs": json.dumps({"digit": [i % 10]}), "slices": json.dumps({"region": "north" if i % 3 else "south"}),
        }
        for i in range(n)
    ]  # fmt: skip


def write(path: Path, n: int) -> Path:
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows(1)[0])
            writer.writeheader()
            writer.writerows(rows(n))
    elif path.suffix == ".parquet":
        import duckdb

        lines = path.with_suffix(".jsonl")
        write(lines, n)
        duckdb.sql(f"copy (select * from '{lines}') to '{path}' (format parquet)")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows(n)))
    return path


def log(folder: Path, n: int) -> None:
    hour = time.strftime("%Y%m%dT%H", time.gmtime())
    (folder / "digits").mkdir(parents=True)
    lines = [
        {
            **row, "inputs": json.loads(row["inputs"]), "slices": json.loads(row["slices"]), "status": 200, "error": None,
            "outputs": {**json.loads(row["outputs"]), "p": [0.5, 0.5] if i % 5 == 0 else [0.99, 0.01]},
            "latency_ms": 2.0, "time": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        }
        for i, row in enumerate(rows(n))
    ]  # fmt: skip
    (folder / "digits" / f"{hour}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_from_a_file_to_training_examples(run: Callable[..., Any], tmp_path: Path, suffix: str) -> None:
    made = run(
        "import", str(write(tmp_path / f"in{suffix}", 6)), "--service", "digits", "--campaign", "c", "--format", "json"
    )
    assert (made.code, made.json) == (
        0,
        {"schema": "mlcontrol.review.import/1", "service": "digits", "campaign": "c", "items": 6},
    )
    judge = ("judge", "--campaign", "c", "--rater", "eva", "--format", "json")
    seen = []
    for label in ("right", "right", "wrong", "skip", "unsure"):
        item = run(*judge).json["item"]
        assert item["outputs"]
        assert "version" not in item
        seen.append(item["id"])
        stored = run(*judge, "--item", item["id"], "--label", label, "--correct", "=7", "--id", f"j-{item['id']}")
        assert (stored.code, stored.json["schema"], stored.json["label"]) == (0, "mlcontrol.review.judgement/1", label)
    assert len(set(seen)) == 5
    again = run(*judge, "--item", seen[0], "--label", "wrong", "--id", f"j-{seen[0]}")
    assert again.json["verdict"] == "right"  # the same id is the same judgement
    listed = run("campaigns", "--format", "json").json
    assert listed["schema"] == "mlcontrol.review.campaigns/1"
    assert [(c["id"], c["items"], c["judgements_given"]) for c in listed["campaigns"]] == [("c", 6, 4)]
    score = run("score", "--campaign", "c", "--format", "json")
    assert (score.code, score.json["schema"]) == (0, "mlcontrol.scores/1")
    assert sum(q["estimate"]["n"] for q in score.json["quality"] if not q["slice"]) == 3
    assert score.json["verdict"] == "inconclusive"
    for name in ("out.jsonl", "out.csv", "out.parquet"):
        done = run("export", str(tmp_path / name), "--campaign", "c", "--format", "json")
        assert (done.code, done.json["examples"]) == (0, 4)
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert first["schema"] == "mlcontrol.review.example/1"
    assert first["rater"] == "eva"
    assert first["request_id"].startswith("r")
    assert first["version"] in ("2", "3")
    with (tmp_path / "out.csv").open(newline="") as file:
        assert {row["correct"] for row in csv.DictReader(file)} == {"'=7"}
    import duckdb

    found = duckdb.sql(f"select count(*), any_value(campaign) from '{tmp_path / 'out.parquet'}'").fetchall()
    assert found == [(4, "c")]


def test_a_campaign_is_drawn_from_the_log_by_its_mixture(run: Callable[..., Any], tmp_path: Path) -> None:
    log(tmp_path / "log", 200)
    start = ("campaigns", "--service", "digits", "--start", "Weekly look", "--n", "40", "--format", "json")
    made = run(*start, "--sample", "stratified:3,uncertain:1", "--by", "region").json["campaigns"][0]
    assert 30 <= made["items"] <= 44
    assert made["id"].startswith("weekly-look-")
    assert made["sampling"]["allocation"] == "half"
    item = run("judge", "--campaign", made["id"], "--format", "json").json["item"]
    assert set(item["slices"]) == {"region"}
    closed = run("campaigns", "--close", made["id"], "--format", "json").json["campaigns"][0]
    assert closed["standing"] == "closed"
    after = run("judge", "--campaign", made["id"], "--format", "json")
    assert (after.code, after.json["item"]) == (2, None)
    unblinded = run("campaigns", "--unblind", made["id"])
    assert unblinded.code == 0
    assert run("campaigns", "--open", made["id"]).code == 1


def test_undo_gives_the_item_back(run: Callable[..., Any], tmp_path: Path) -> None:
    log(tmp_path / "log", 9)
    judge = ("judge", "--service", "digits", "--rater", "eva", "--format", "json")
    item = run(*judge).json["item"]["id"]
    run(*judge, "--item", item, "--label", "right")
    assert run("score", "digits", "--format", "json").json["scores"][0]["n"] == 1
    assert run(*judge, "--undo").json["item"]["id"] == item
    assert run("score", "digits").code == 2
    assert run(*judge, "--undo").code == 2


def test_feedback_is_counted_beside_the_judgements(run: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "feedback.jsonl"
    ones = [
        {"request_id": f"r{i}", "kind": "thumbs", "value": v, "version": "3"}
        for i, v in enumerate(("up", "down", True))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*ones, {"request_id": "x", "value": "perhaps"}]))
    first = run("import", str(path), "--feedback", "--service", "digits", "--format", "json")
    assert (first.code, first.json["feedback"], first.json["not_understood"]) == (1, 3, 1)
    assert run("import", str(path), "--feedback", "--service", "digits", "--format", "json").json["feedback"] == 0
    score = run("score", "digits", "--format", "json").json
    assert score["scores"] == []
    assert score["feedback"] == [{"version": "3", "kind": "thumbs", "positive": 2, "n": 3}]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("import", "nowhere.csv", "--service", "digits"), 3),
        (("judge",), 3),
        (("judge", "--campaign", "none"), 3),
        (("judge", "--service", "digits"), 2),  # the log is empty: nothing to judge
        (("score",), 3),
        (("score", "digits"), 2),
        (("score", "--campaign", "none"), 3),
        (("export", "out.txt", "--service", "digits"), 3),
        (("export", "out.csv"), 3),
        (("campaigns",), 2),
        (("campaigns", "--start", "x"), 3),
        (("campaigns", "--start", "x", "--service", "digits", "--sample", "best"), 3),
        (("campaigns", "--start", "x", "--service", "digits"), 2),
        (("nonsense",), 3),
    ],
)
def test_what_cannot_be_done_says_so_by_its_exit_code(
    run: Callable[..., Any], words: tuple[str, ...], code: int
) -> None:
    done = run(*words)
    assert done.code == code
    assert done.err or done.out


def test_a_file_that_is_none_is_named(run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_text("no parquet")
    done = run("import", str(tmp_path / "bad.parquet"), "--service", "digits")
    assert done.code != 0
    assert "bad.parquet" in done.err


def test_a_campaign_of_the_workspace_file_opens_by_itself_when_there_is_something_to_draw(
    run: Callable[..., Any], workspace: Path, tmp_path: Path
) -> None:
    with workspace.open("a") as file:
        file.write(
            '\n[campaigns.weekly]\nservice = "digits"\ntitle = "Weekly"\nn = 10\nsample = ["random:2", "uncertain"]\n'
        )
        file.write('[campaigns.lost]\nservice = "nobody"\n')
    assert run("campaigns").code == 2  # the log is empty
    log(tmp_path / "log", 60)
    listed = run("campaigns", "--format", "json").json["campaigns"]
    assert [(c["id"], c["title"], c["created_by"]) for c in listed] == [("weekly", "Weekly", "workspace")]
    assert 5 <= listed[0]["items"] <= 14


def test_common_options_may_stand_before_the_word_or_after_it(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ["review", "--workspace", str(workspace), "--format", "json", "campaigns"],
        ["review", "campaigns", "--workspace", str(workspace), "--format", "json"],
    ):
        assert main(words) == 2
        assert json.loads(capsys.readouterr().out)["schema"] == "mlcontrol.review.campaigns/1"
