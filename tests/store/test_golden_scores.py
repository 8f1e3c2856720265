"""Scores of golden sets are kept one a generation, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mlcontrol.core.golden import Expected, GenerationScore, GoldenItem, set_name
from mlcontrol.store.store import Store


def test_the_newest_score_of_each_version_stands(open_store: Callable[[], Store]) -> None:
    store = open_store()
    one = GenerationScore("1", 10.0, 90, 100, "a")
    two = GenerationScore("2", 20.0, 95, 100, "a")
    for service in ("digits", "price"):
        for score in (one, two, replace(one, at_s=30.0, right=80)):
            store.golden_scores.put(service, score)
    store.close()
    again = open_store()
    assert again.golden_scores.generations("digits") == (replace(one, at_s=30.0, right=80), two)
    assert again.golden_scores.generations("digits", limit=1) == (replace(one, at_s=30.0, right=80),)
    assert again.golden_scores.generations("nobody") == ()


def test_only_scores_of_the_same_items_are_compared() -> None:
    items = [GoldenItem("a", {"x": [1]}, Expected("y", 1)), GoldenItem("b", {"x": [2]}, Expected("y", 2))]
    assert set_name(items) == set_name(reversed(items))
    assert set_name(items) != set_name([replace(items[0], critical=True), items[1]])
    assert set_name(items) != set_name([replace(items[0], expected=Expected("y", 3)), items[1]])
