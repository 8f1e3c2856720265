"""What the generations say: broken promises, overfitting, forgetting, and the threshold that history sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlcontrol.core.quality.generations import Point, generations, history_threshold, lower_is_better, metric_of


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
    assert limit == pytest.approx(0.91 - 6.965 * 0.01 * (4 / 3) ** 0.5)  # Student's prediction limit, 1 % one-sided
    many = [0.90 + 0.001 * (i % 7) for i in range(21)]
    assert history_threshold("accuracy", many) == pytest.approx(0.903 - (2.326 + 18 / 21) * 1.4826 * 0.002)
    assert history_threshold("accuracy", [*many[:-1], 0.1]) == pytest.approx(
        history_threshold("accuracy", many), abs=1e-3
    )
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


@pytest.mark.parametrize("n", [3, 4, 6, 8, 12, 20, 39])
def test_a_version_like_the_others_falls_below_history_once_in_a_hundred_times(n: int) -> None:
    """With three robust deviations, whatever n: fifteen times in a hundred of three earlier versions."""
    rng, below = np.random.default_rng(n), 0
    for scores in rng.normal(0.9, 0.05, (3000, n + 1)).tolist():
        limit = history_threshold("accuracy", scores[:-1])
        assert limit is not None
        below += scores[-1] < limit
    assert below <= 3000 * 0.016


def test_of_a_measure_with_no_known_direction_nothing_is_judged() -> None:
    assert [lower_is_better(m) for m in ("log_loss", "mse", "val_error_rate", "Brier_Score")] == [True] * 4
    assert [lower_is_better(m) for m in ("roc_auc", "f1_macro", "balanced_accuracy", "ndcg@10")] == [False] * 4
    fallen = generations("log_loss", line([0.50, 0.51, 0.52, 0.20], name="log_loss"), [], "4")
    assert "earlier generations set" not in words(fallen)
    risen = generations("log_loss", line([0.50, 0.51, 0.52, 0.90], name="log_loss"), [], "4")
    assert "earlier generations set" in words(risen)
    found = generations("frobs", line([0.9, 0.91, 0.92, 0.1], name="frobs"), [], "4")
    assert (found.threshold, len(found.points)) == (None, 8)
    assert found.findings == (
        ("Whether more or less of frobs is better is not known by its name: nothing is judged by it.", "quiet"),
    )


def test_missing_cells_and_scores_that_are_no_numbers_are_left_out() -> None:
    versions = line([0.95, 0.955, 0.953, 0.956, 0.954])
    del versions[1][1]["test_accuracy"]
    versions[2][1]["test_accuracy"] = float("nan")
    versions[4][1].clear()
    found = generations("accuracy", versions, [], "4")
    assert found.of("test").keys() == {"1", "4"}
    assert found.threshold is None  # two scores set none; a NaN is no score
    newest_untested = generations("accuracy", [*line([0.95, 0.955, 0.953]), ("4", {})], [], "3")
    assert newest_untested.threshold is not None  # all that are earlier than the newest count


def test_the_measure_that_most_versions_carry_is_taken() -> None:
    old = {"test_accuracy": 0.9}
    assert metric_of([old, {"test_f1": 0.8}, {"test_f1": 0.81, "train_f1": 0.9}]) == "f1"
    assert metric_of([old, {"test_f1": 0.8}]) == "accuracy"
    assert metric_of([]) is None


def test_forty_versions_and_their_luckiest_slice_are_no_forgetting() -> None:
    rng = np.random.default_rng(1)
    versions = [
        (str(i), {"test_accuracy": 0.9, "test_accuracy/region:south": float(rng.normal(0.9, 0.02))}) for i in range(40)
    ]
    versions[-1][1]["test_accuracy/region:south"] = 0.9
    assert "forgotten" not in words(generations("accuracy", versions, [], "39"))
    versions[-1][1]["test_accuracy/region:south"] = 0.8
    assert "v39 has forgotten region:south" in words(generations("accuracy", versions, [], "39", ["region=south"]))
    versions[-1][1]["test_accuracy"] = 0.79  # it is worse everywhere: that is no forgetting of one slice
    assert "forgotten" not in words(generations("accuracy", versions, [], "39"))


def test_a_pinned_slice_that_nobody_tested_is_said() -> None:
    found = generations("accuracy", line([0.95, 0.955, 0.953, 0.956]), [], "4", ["region:atlantis"])
    assert found.findings == (("No version was tested on region:atlantis, which must not be forgotten.", "warning"),)
