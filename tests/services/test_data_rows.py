"""What logged rows say of a change: the right input, the right slices, in words that fit how it moved."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mlcontrol.core.incidents.data_change import MovedBy, moved_words
from mlcontrol.core.signals.log_rows import LoggedRow, rows_as_log
from mlcontrol.services.incidents import data_rows
from mlcontrol.services.incidents.data_rows import Found, examples

BEGAN_S = 900.0
Inputs = Callable[[np.random.Generator, bool, dict[str, str]], dict[str, Any]]


def seen(made: Inputs, south_share: Callable[[bool], float] = lambda _since: 0.25, seed: int = 1) -> Found | None:
    """Of four requests a second; the last two minutes are made otherwise."""
    dice = np.random.default_rng(seed)
    at_s = np.sort(dice.uniform(0, BEGAN_S + 120, 4 * 1020))
    rows = []
    for moment in at_s.tolist():
        since = moment > BEGAN_S
        south = dice.random() < south_share(since)
        slices = {
            "region": "south" if south else str(dice.choice(["north", "east", "west"])),
            "device": str(dice.choice(["a", "b"])),
        }
        rows.append(LoggedRow(json.dumps(made(dice, since, slices)), json.dumps({"y": 1}), slices))
    every = np.ones(at_s.size, dtype=bool)
    return data_rows.look(rows_as_log(rows, "y"), at_s, at_s < BEGAN_S - 100, at_s > BEGAN_S + 30, every)


def steady(dice: np.random.Generator) -> dict[str, Any]:
    return {"k": str(dice.choice(["a", "b", "c"])), "w": float(dice.normal())}


def test_two_slices_of_four_are_named_together() -> None:
    found = seen(
        lambda dice, since, s: (
            steady(dice) | {"x": float(dice.gamma(9, 1)) * (2 if since and s["region"] in ("south", "north") else 1)}
        )
    )
    assert found is not None
    assert found.where.words == ("region north", "region south")
    (moved,) = found.inputs
    assert (moved.column, moved.by) == ("x", MovedBy.TIMES)
    assert found.parted is not None
    assert abs(found.parted.at_s - BEGAN_S) < 10


def test_what_moves_everywhere_is_of_no_slice() -> None:
    found = seen(lambda dice, since, _s: steady(dice) | {"x": float(dice.normal(5 if since else 0))})
    assert found is not None
    assert found.where.words == ()
    words = moved_words(found.inputs[0], found.where.words)
    assert words.startswith("x moved by +"), "below nought a ratio says nothing"


@pytest.mark.parametrize(
    ("made", "by", "said"),
    [
        (lambda dice, since: {"x": None if since and dice.random() < 0.5 else dice.normal()}, MovedBy.SHARE, "x: missing in 4"),
        (lambda dice, since: {"x": str(dice.choice(["p", "q", "r"] if since else ["p", "q"]))}, MovedBy.SHARE, "x: “"),
        (lambda dice, since: {"x": float(dice.normal(0, 6 if since else 1))}, MovedBy.SHAPE, "x lies elsewhere while its mean"),
        (lambda dice, since: {} if since else {"x": float(dice.normal())}, MovedBy.SHARE, "x: missing in 100.0 %"),
        (lambda dice, since: {"x": dice.normal(4 if since else 3, 1, 16).tolist()}, MovedBy.TIMES, "mean of x is 1.3"),
        (lambda dice, since: {"x": float(dice.normal(66 if since else 62, 2))}, MovedBy.SHIFT, "x moved by +"),
    ],
    ids=["missing", "new word", "spread", "gone", "vector", "small ratio"],
)  # fmt: skip
def test_how_it_moved_is_said_in_fitting_words(made: Any, by: MovedBy, said: str) -> None:
    found = seen(lambda dice, since, _s: steady(dice) | made(dice, since), seed=2)
    assert found is not None
    assert found.inputs[0].by is by
    assert moved_words(found.inputs[0], ()).startswith(said), moved_words(found.inputs[0], ())


def test_where_another_mix_of_callers_asks_the_slice_itself_has_moved() -> None:
    found = seen(lambda dice, _since, _s: steady(dice), south_share=lambda since: 0.7 if since else 0.2)
    assert found is not None
    assert found.inputs[0].column == "region"
    assert "“south” in 7" in moved_words(found.inputs[0], ()) or "“south” in 6" in moved_words(found.inputs[0], ())


def test_where_nothing_moved_nothing_is_found() -> None:
    assert sum(seen(lambda dice, _since, _s: steady(dice), seed=seed) is not None for seed in range(3)) == 0


def test_examples_show_what_was_sent() -> None:
    rows = [LoggedRow(json.dumps({"x": 19760.4, "k": None}), json.dumps({"y": 1}), {})]
    log = rows_as_log(rows, "y").log
    assert examples(["r1"], log, [0], ["x", "k", "gone"]) == ("r1: x 19760.4, k missing",)
