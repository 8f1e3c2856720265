"""Scores of golden sets are kept one a generation, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mlcontrol.core.golden import Expected, GoldenItem, set_name
from mlcontrol.core.golden_history import GenerationScore
from mlcontrol.store.store import Store
from mlcontrol.store.tables.golden import golden_scores


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


def test_a_generation_is_kept_whole_and_apart_for_each_set(open_store: Callable[[], Store]) -> None:
    store = open_store()
    one = GenerationScore("1", 10.0, 9, 10, "a", 0.8, 0.5, 0.95, ("item-3",), {"region=north": (4, 5)})
    other = replace(one, set_of="b", at_s=11.0)
    for score in (one, other):
        store.golden_scores.put("digits", score)
    assert store.golden_scores.generations("digits") == (other, one)
    assert (one.estimate, replace(one, share=None).estimate) == (0.8, 0.9)


def test_scores_of_an_older_store_are_still_read(open_store: Callable[[], Store]) -> None:
    store = open_store()
    with store.golden_scores._db.write() as connection:
        row = {"service": "digits", "version": "1", "at_s": 5.0, "right_answers": 8, "n": 10, "set_of": "a"}
        connection.execute(golden_scores.insert().values(**row))
    assert store.golden_scores.generations("digits") == (GenerationScore("1", 5.0, 8, 10, "a"),)
    newer = GenerationScore("1", 6.0, 9, 10, "a")
    store.golden_scores.put("digits", newer)
    assert store.golden_scores.generations("digits") == (newer,)
