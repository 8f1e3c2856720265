"""What the generations say: broken promises, overfitting, forgetting, and the threshold that history sets."""

from __future__ import annotations

from typing import Any

import pytest

from mlcontrol.core.quality.generations import Point, generations, history_threshold, metric_of


def line(
    test: list[float], train: list[float] | None = None, name: str = "accuracy"
) -> list[tuple[str, dict[str, float]]]:
    train = train or [t + 0.02 for t in test]
    return [
        (str(i + 1), {f"test_{name}": t, f"train_{name}": a}) for i, (t, a) in enumerate(zip(test, train, strict=True))
    ]


def words(found: Any) -> str:
    return " ".join(one for one, _ in found.findings)


def test_calm_generations_say_so() -> None:
    found = generations("accuracy", line([0.95, 0.955, 0.953, 0.956]), [], "4")
    assert found.findings[0][1] == "secondary"
    assert "Nothing differs" in words(found)


def test_a_version_that_tests_well_and_drops_in_production_is_named() -> None:
    measured = [
        Point("production", "4", 0.90, 0.88, 0.92, 800),
        Point("canary", "4", 0.91, 0.86, 0.95, 120),
        Point("human", "4", 0.80, 0.60, 0.92, 20),
    ]
    found = generations("accuracy", line([0.95, 0.955, 0.953, 0.956]), measured, "4")
    assert found.findings[0][1] == "critical"
    assert "v4 tests at 0.956 and shows 0.900 (0.880 to 0.920, n=800) in production" in words(found)
    assert "people" not in words(found)  # twenty judgements prove nothing
    assert "canary" not in words(found) or "0.950" in words(found)


def test_errors_count_the_other_way() -> None:
    versions = line([60.0, 61.0, 60.5, 60.2], [55.0, 56.0, 55.5, 20.0], "rmse")
    found = generations("rmse", versions, [Point("production", "4", 75.0, 70.0, 80.0, 200)], "4")
    assert [tone for _, tone in found.findings] == ["critical", "warning"]
    assert "overfitted" in found.findings[1][0]
    assert found.threshold > 60.5


def test_history_sets_the_threshold() -> None:
    assert history_threshold("accuracy", [0.9, 0.91]) is None
    limit = history_threshold("accuracy", [0.90, 0.91, 0.92])
    assert limit == pytest.approx(0.91 - 3 * 1.4826 * 0.01)
    assert history_threshold("accuracy", [0.9, 0.9, 0.9]) == pytest.approx(0.891)
    found = generations("accuracy", line([0.90, 0.91, 0.92, 0.80]), [], "4")
    assert "v4 tests at 0.800; earlier generations set" in words(found)


def test_a_forgotten_slice_is_named_though_the_whole_is_better() -> None:
    versions = [
        ("1", {"test_accuracy": 0.90, "test_accuracy/region:south": 0.92, "test_accuracy/region:north": 0.88}),
        ("2", {"test_accuracy": 0.93, "test_accuracy/region:south": 0.70, "test_accuracy/region:north": 0.96}),
    ]
    found = generations("accuracy", versions, [], "2")
    assert "v2 has forgotten region:south: 0.700 there, v1 had 0.920." in words(found)
    assert "north" not in words(found)
    del versions[1][1]["test_accuracy/region:south"]
    assert "was not tested on region:south" in words(generations("accuracy", versions, [], "2", ["region:south"]))
    assert metric_of([m for _, m in versions]) == "accuracy"


def test_of_nothing_nothing_is_said() -> None:
    assert generations("accuracy", [], []).findings == ()
    alone = generations("accuracy", [("1", {})], [], "1")
    assert alone.findings == (("v1 has no score at all: it cannot be compared.", "quiet"),)
