"""A golden set as a whole: importance, age, and drift over generations on the very same items."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from mlcontrol.core.golden import Expected, GoldenItem, GoldenSet, Tolerance, ToleranceKind, score, set_name
from mlcontrol.core.golden_history import DAY_S, Drift, GenerationScore, ages, look
from mlcontrol.core.review.judging import wilson

NOW = 1_000 * DAY_S
ITEMS = (
    GoldenItem(
        "a", {"x": [1]}, Expected("y", 1), {"region": "north"}, critical=True, importance=3.0, added_s=NOW - 10 * DAY_S
    ),
    GoldenItem("b", {"x": [2]}, Expected("y", 2), {"region": "south"}, added_s=NOW - 400 * DAY_S),
    GoldenItem("c", {"x": [3]}, Expected("y", "Zoë", Tolerance(ToleranceKind.TEXT)), {"region": "south"}),
)
SET = GoldenSet("digits", "digits", ITEMS)
NAME = set_name(ITEMS)


def answers(**values: object) -> dict[str, dict[str, object]]:
    return {name: {"y": value} for name, value in values.items()}


def test_an_important_item_weighs_more() -> None:
    only_a = score(ITEMS, answers(a=1, b=0, c="no"))
    assert (only_a.right, only_a.n, only_a.estimate) == (1, 3, 3 / 5)
    without_a = score(ITEMS, answers(a=0, b=2, c="ZOE\u0308"))
    assert (without_a.right, without_a.estimate, without_a.critical_failed) == (2, 2 / 5, ("a",))
    assert without_a.by_slice == {"region=north": (0, 1), "region=south": (2, 2)}


@given(st.lists(st.tuples(st.booleans(), st.floats(0.01, 100.0)), min_size=1, max_size=30), st.floats(0.01, 50.0))
def test_only_the_ratios_of_importance_count(rows: list[tuple[bool, float]], factor: float) -> None:
    def scored(scale: float) -> tuple[float | None, float, float]:
        items = [GoldenItem(str(i), {}, Expected("y", 1), importance=w * scale) for i, (_, w) in enumerate(rows)]
        found = score(items, answers(**{str(i): int(good) for i, (good, _) in enumerate(rows)}))
        return found.estimate, found.low, found.high

    one, scaled = scored(1.0), scored(factor)
    assert one == pytest.approx(scaled, rel=1e-9)
    assert one[0] is not None
    assert one[1] - 1e-9 <= one[0] <= one[2] + 1e-9


def test_equal_importance_is_the_plain_count() -> None:
    items = [replace(item, importance=2.5) for item in ITEMS]
    found = score(items, answers(a=1, b=2, c="no"))
    assert found.estimate == pytest.approx(2 / 3)
    assert (found.low, found.high) == pytest.approx(wilson(2, 3))


def test_what_weighs_otherwise_is_another_set() -> None:
    assert set_name([replace(ITEMS[1], importance=2.0)]) != set_name([ITEMS[1]])
    assert set_name([replace(ITEMS[1], added_s=1.0)]) == set_name([ITEMS[1]])


def test_old_items_are_named_and_undated_ones_counted() -> None:
    found = ages(SET, NOW)
    assert (found.oldest_days, found.median_days, found.undated) == (400.0, 205.0, 1)
    assert found.old == (("b", 400.0),)
    assert ages(replace(SET, stale_days=500.0), NOW).old == ()
    assert ages(replace(SET, items=ITEMS[2:]), NOW).oldest_days is None


def generation(version: str, right: int, n: int = 100, set_of: str = NAME) -> GenerationScore:
    low, high = wilson(right, n)
    return GenerationScore(version, float(version) * 10, right, n, set_of, right / n, low, high)


def test_drift_is_seen_against_the_good_generations_on_the_same_items() -> None:
    scores = [
        generation("5", 70),
        generation("4", 95),
        generation("3", 40, set_of="other"),
        generation("2", 96),
        generation("1", 94),
    ]
    found = look(SET, scores, ["1", "2", "3"], ["1", "2", "3", "4", "5"], NOW)
    assert [(g.score.version, g.drift) for g in found.generations] == [
        ("1", Drift.FIRST),
        ("2", Drift.AS_BEFORE),
        ("3", Drift.OTHER_ITEMS),
        ("4", Drift.AS_BEFORE),
        ("5", Drift.WORSE),
    ]
    assert [g.change for g in found.generations] == pytest.approx([None, 0.02, None, -0.01, -0.25], nan_ok=True)
    assert (found.floor, found.floor_from) == (0.94, "the worst of the generations that served well")
    assert look(replace(SET, minimum_score=0.8), scores, [], [], NOW).floor == 0.8
    assert (found.n, found.critical, found.weights) == (3, 1, (1.0, 3.0))
    assert found.slices == {"region=north": 1, "region=south": 2}
    assert found.tolerances == {"exact": 2, "text": 1}


def test_a_few_items_of_luck_are_no_drift() -> None:
    scores = [generation("2", 18, 20), generation("1", 19, 20)]
    assert look(SET, scores, ["1"], ["1", "2"], NOW).generations[-1].drift is Drift.AS_BEFORE


def test_of_a_version_the_score_on_the_present_items_counts() -> None:
    newer_on_others = [replace(generation("1", 10, set_of="other"), at_s=99.0), generation("1", 90)]
    (only,) = look(SET, newer_on_others, [], ["1"], NOW).generations
    assert (only.score.right, only.drift) == (90, Drift.FIRST)
