"""The cheap look has the effects of the whole comparison, in every column and slice that both compare."""

from __future__ import annotations

import json
import random

import pytest

from mlcontrol.core.signals.drift import Aspect, compare
from mlcontrol.core.signals.far import far_apart
from mlcontrol.core.signals.log_rows import LoggedRow, Rows, rows_as_log


def log(seed: int, n: int, moved: float = 0.0) -> Rows:
    dice = random.Random(seed)
    rows = [
        LoggedRow(
            json.dumps({
                "x": dice.gauss(moved, 1.0) if dice.random() > 0.05 else None,
                "pixels": [[dice.random() for _ in range(4)]],
                "count": dice.randrange(5),
                "colour": dice.choice("rgb" if moved else "rrg"),
                "name": f"{dice.random()}",
            }),
            json.dumps({"y": dice.randrange(2)}),
            {"region": dice.choice("nnsw"), "kind": dice.choice("ab")},
        )
        for _ in range(n)
    ]  # fmt: skip
    return rows_as_log(rows, "y")


@pytest.mark.parametrize("moved", [0.0, 1.0])
@pytest.mark.parametrize("fewest", [20, 30])
def test_effects_and_p_values_are_those_of_the_whole_comparison(moved: float, fewest: int) -> None:
    before, now = log(1, 600), log(2, 150, moved)
    whole = {
        (c.column, c.slice or ""): (c.effect, c.p_value)
        for c in compare(before.log, now.log, now.cuts, fewest)
        if c.aspect is Aspect.DISTRIBUTION and c.effect is not None
    }
    cheap = {
        (one.column, one.slice): (one.effect, one.p_value()) for one in far_apart(before.log, now.log, now.cuts, fewest)
    }
    assert cheap.keys() == whole.keys()
    assert len(cheap) > 20
    for place, values in cheap.items():
        assert values == pytest.approx(whole[place], rel=1e-9), place


def test_a_column_that_only_one_has_is_not_compared() -> None:
    before, now = log(1, 100), rows_as_log([LoggedRow('{"z": 1.5}', '{"y": 0}', {})] * 50, "y")
    assert {one.column for one in far_apart(before.log, now.log, ("region",))} == {"prediction"}
