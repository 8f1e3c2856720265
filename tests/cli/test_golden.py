"""`mlcontrol golden` on a real engine: an item drawn from the prediction log is made golden in one message, and is then seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.cli.golden import exit_code
from mlcontrol.cli.main import main
from mlcontrol.core.golden import GoldenSet
from mlcontrol.core.golden_history import GenerationScore, look
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import InlineHost
from tests.cli.test_review import log, workspace

__all__ = ["workspace"]


@pytest.fixture
def golden(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(*words: str) -> tuple[int, str]:
        code = main(["golden", "digits", *words, "--workspace", str(workspace)])
        return code, capsys.readouterr().out

    return run


def test_a_logged_prediction_becomes_a_dated_golden_item(
    golden: Callable[..., tuple[int, str]], workspace: Path, tmp_path: Path
) -> None:
    log(tmp_path / "log", 20)
    host = InlineHost(workspace, lambda _event: None)
    try:
        answer: Any = host.ask(m.NextReviewItem(request="1", service="digits", rater="eva"), 30.0)
        done: Any = host.ask(m.MakeGoldenItem(request="2", item=answer.item.id, rater="eva"), 30.0)
    finally:
        host.close()
    assert "is expected from now on" in done.text
    made = json.loads((tmp_path / "golden.json").read_text())["items"]
    assert [("added_at" in item, bool(item["slices"])) for item in made] == [(False, False), (True, True)]
    code, out = golden("--format", "json")
    body = json.loads(out)
    assert (code, body["schema"], body["n"], body["ages"]["undated"]) == (2, "mlcontrol.golden-look/1", 2, 1)
    assert 0 <= body["ages"]["oldest_days"] < 1
    code, out = golden()
    assert "2 items (2 exact), 0 critical, importance 1 to 1" in out
    assert "1 without a date" in out
    assert "No version has been asked yet" in out


def test_a_generation_that_is_worse_fails_a_pipeline() -> None:
    scores = [
        GenerationScore(v, 1.0, n, 100, look(GoldenSet("d", "d", ()), (), (), (), 0.0).set_of)
        for v, n in (("2", 50), ("1", 90))
    ]
    for good, code in ((["1"], 1), ([], 0)):
        assert exit_code(look(GoldenSet("d", "d", ()), scores, good, ["1", "2"], 0.0)) == code
    assert exit_code(look(GoldenSet("d", "d", ()), (), (), (), 0.0)) == 2
