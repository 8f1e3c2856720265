"""Golden sets: what counts as right, the score, and the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.golden import Expected, GoldenItem, GoldenSet, Tolerance, ToleranceKind, matches, score
from mlcontrol.core.problem import ProblemError
from mlcontrol.store.golden_files import read_golden, write_golden

NUMERIC = Tolerance(ToleranceKind.NUMERIC, abs=0.1)
SET, TEXT, TOP2 = (Tolerance(k, k=2) for k in (ToleranceKind.SET, ToleranceKind.TEXT, ToleranceKind.TOP_K))


@pytest.mark.parametrize(
    ("got", "want", "tolerance", "right"),
    [
        ([[7]], 7, Tolerance(), True),
        ([[8]], 7, Tolerance(), False),
        ([["Ideal"]], "Ideal", Tolerance(), True),
        ([[True]], 1, Tolerance(), False),
        ([[1.05]], 1.0, NUMERIC, True),
        ([[1.2]], 1.0, NUMERIC, False),
        ([[float("nan")]], 1.0, NUMERIC, False),
        (["x"], 1.0, NUMERIC, False),
        ([[1.0, 2.05]], [1.0, 2.0], NUMERIC, True),
        ([[1.0]], [1.0, 2.0], NUMERIC, False),
        ([[0.1, 0.5, 0.4]], 2, TOP2, True),
        ([[0.1, 0.5, 0.4]], 0, TOP2, False),
        ([["b", "a", "c"]], "a", TOP2, True),
        ([["a", "b"]], ["b", "a"], SET, True),
        ([["a"]], ["b", "a"], SET, False),
        (["  An  Answer "], "an answer", TEXT, True),
        (["no"], "yes", TEXT, False),
    ],
)
def test_tolerances(got: Any, want: Any, tolerance: Tolerance, right: bool) -> None:
    assert matches(Expected("y", want, tolerance), {"y": got}) is right
    assert not matches(Expected("z", want, tolerance), {"y": got})


def item(name: str, critical: bool = False, region: str = "north") -> GoldenItem:
    return GoldenItem(name, {"x": [[1.0]]}, Expected("y", 1), {"region": region}, critical)


def test_score_counts_the_unanswered_as_wrong() -> None:
    items = [item("a"), item("b", critical=True), item("c", critical=True, region="south"), item("d")]
    result = score(items, {"a": {"y": [1]}, "b": {"y": [1]}, "c": {"y": [0]}})
    assert (result.right, result.n, result.estimate) == (2, 4, 0.5)
    assert (result.wrong, result.unanswered, result.critical_failed) == (("c",), ("d",), ("c",))
    assert result.by_slice == {"region=north": (2, 3), "region=south": (0, 1)}
    assert 0 < result.low < 0.5 < result.high < 1


def test_empty_set_scores_nothing() -> None:
    result = score([], {})
    assert result.estimate is None
    assert (result.low, result.high) == (0.0, 1.0)


def test_file_round_trip(tmp_path: Path) -> None:
    golden = GoldenSet(
        "digits",
        "digits",
        (item("a", True), GoldenItem("b", {"x": 2}, Expected("y", 1.5, NUMERIC), importance=2.5, added_s=1.8e9)),
        0.9,
        "now",
        30.0,
    )
    write_golden(tmp_path / "g.json", golden)
    assert read_golden(tmp_path / "g.json") == golden
    assert [p.name for p in tmp_path.iterdir()] == ["g.json"]


def test_an_item_without_a_date_is_as_old_as_its_set(tmp_path: Path) -> None:
    one = {"inputs": {}, "expected": {"output": "y", "value": 1}}
    items = [{"id": "a", **one}, {"id": "b", "added_at": "2026-03-01", **one}]
    text = {"schema": "mlcontrol.golden/1", "created_at": "2026-01-01T00:00:00Z", "items": items}
    (tmp_path / "g.json").write_text(json.dumps(text))
    made, own = read_golden(tmp_path / "g.json").items
    assert (own.added_s or 0) - (made.added_s or 0) == 59 * 86_400
    (tmp_path / "g.json").write_text(json.dumps({**text, "created_at": ""}))
    assert read_golden(tmp_path / "g.json").items[0].added_s is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": "mlcontrol.golden/1"}', "[" * 100_000]
    + [
        json.dumps({"schema": "mlcontrol.golden/1", **more})
        for more in (
            {"items": [{}]},
            {"items": [], "minimum_score": 2},
            {"items": [], "stale_days": 0},
            {"items": [{"inputs": {}, "expected": {"output": "y", "value": 1}, "importance": -1}]},
            {"items": [{"inputs": {}, "expected": {"output": "y", "value": 1}, "importance": True}]},
            {"items": [{"inputs": {}, "expected": {"output": "y", "value": 1}, "added_at": "long ago"}]},
            {"items": [{"inputs": {}, "expected": {"output": "y", "value": 1, "tolerance": {"kind": "about"}}}]},
            {
                "items": [
                    {
                        "inputs": {},
                        "expected": {"output": "y", "value": 1, "tolerance": {"kind": "numeric", "abs": "x"}},
                    }
                ]
            },
            {"items": [{"id": "a", "inputs": {}, "expected": {"output": "y", "value": 1}}] * 2},
        )
    ],
    ids=range(14),
)
def test_bad_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "g.json").write_text(text)
    with pytest.raises(ProblemError) as caught:
        read_golden(tmp_path / "g.json")
    assert caught.value.problem.code == "unreadable"
    with pytest.raises(ProblemError):
        read_golden(tmp_path / "missing.json")


def test_an_item_without_an_answer_is_wrong_and_a_silent_one_is_unknown() -> None:
    items = tuple(GoldenItem(f"i{n}", {}, Expected("y", n), critical=n == 3, importance=1.0 + n) for n in range(4))
    answers = {"i0": {"y": 0}, "i1": {"y": 1}}
    found = score(items, answers, silent=("i3", "i0"))
    assert (found.right, found.n, found.unanswered, found.unknown) == (2, 3, ("i2",), ("i3",))
    assert found.critical_failed == ()
    assert found.estimate == pytest.approx(3 / 6)
    assert found.at_best == pytest.approx(7 / 10), "with the silent one right"
    assert score(items, answers).critical_failed == ("i3",)
