"""Gaps that were filled in before anybody logged them, and what a signature declares of inputs and answers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mlcontrol.core.signals.declared import against_declared
from mlcontrol.core.signals.drift import Aspect, Judged, compare
from mlcontrol.core.signals.filled import filled_in
from mlcontrol.core.signals.log_rows import LoggedRow, rows_as_log
from mlcontrol.core.signals.training import against_training
from mlcontrol.core.signature import Domain, Field


def rows(values: Any, answers: Any = None) -> Any:
    told = [1.0] * len(values) if answers is None else answers
    return rows_as_log(
        [
            LoggedRow(json.dumps({"age": v, "luck": i % 7}), json.dumps({"y": a}), {})
            for i, (v, a) in enumerate(zip(values, told, strict=True))
        ],
        "y",
    )


def filled(values: np.ndarray, share: float, fill: float, rng: np.random.Generator) -> list[float]:
    return np.where(rng.random(values.size) < share, fill, values).tolist()


def found(comparisons: Any) -> list[tuple[str, Aspect]]:
    return [(c.column, c.aspect) for c in comparisons if c.judged is Judged.DRIFT]


@pytest.mark.parametrize("share", [0.05, 0.2, 1.0])
def test_gaps_that_are_filled_in_are_found_though_nothing_is_missing(share: float) -> None:
    """A twentieth of all ages became the mean: no gap, no value out of range, and a distribution that hardly moved."""
    rng = np.random.default_rng(1)
    before = rows(rng.normal(40, 10, 4000).tolist())
    after = rows(filled(rng.normal(40, 10, 2000), share, 40.25, rng))
    told = {c.aspect: c for c in compare(before.log, after.log) if c.column == "age" and c.judged is Judged.DRIFT}
    assert Aspect.FILLED in told
    assert told[Aspect.FILLED].effect == pytest.approx(share, abs=0.02)
    assert told[Aspect.FILLED].why.startswith("exactly 40.25: 0.0 % before,")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (lambda r: r.normal(40, 10, 4000), lambda r: r.normal(40, 10, 2000)),
        (lambda r: r.normal(40, 10, 4000), lambda r: r.normal(55, 10, 2000)),
        (lambda r: r.poisson(30, 4000) * 1.0, lambda r: r.poisson(60, 2000) * 1.0),
        (lambda r: np.round(r.gamma(2, 20, 4000)), lambda r: np.round(r.gamma(2, 30, 2000))),
        (
            lambda r: r.normal(40, 10, 4000) * (r.random(4000) < 0.7),
            lambda r: r.normal(40, 10, 2000) * (r.random(2000) < 0.7),
        ),
    ],
    ids=["the same", "a shift", "counts that doubled", "whole numbers", "many zeros, as before"],
)
def test_what_moves_as_a_whole_is_not_filled_in(before: Any, after: Any) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        was, now = rows(before(rng).tolist()), rows(after(rng).tolist())
        assert ("age", Aspect.FILLED) not in found(compare(was.log, now.log)), seed


def test_the_value_is_chosen_and_its_p_pays_for_the_choice() -> None:
    rng = np.random.default_rng(2)
    low = 0
    for _ in range(200):
        one = filled_in(rng.normal(size=400), np.append(rng.normal(size=400), 0.5))
        low += one is not None and one.p_value < 0.05
    assert low == 0


def test_the_share_that_training_filled_in_is_held_against_the_log() -> None:
    rng = np.random.default_rng(8)
    age = {"count": 5000, "missing_share": 0.0, "imputed_with": 38.5, "imputed_share": 0.1,
           "quantiles": {"0.1": 27.0, "0.5": 38.5, "0.9": 53.0}}  # fmt: skip

    def told(share: float, **changes: Any) -> Any:
        here = rows(filled(rng.normal(40, 10, 2000), share, 38.5, rng))
        return [c for c in against_training({"age": age | changes}, here) if c.aspect is Aspect.FILLED]

    assert [c.judged for c in told(0.1)] == [Judged.NONE]
    (more,) = told(0.3)
    assert (more.judged, more.before) == (Judged.DRIFT, 0.1)
    assert more.why.startswith("filled in with 38.5: 10.0 % in training, ")
    assert [c.judged for c in told(0.0)] == [Judged.DRIFT]  # nobody fills in any more
    assert told(0.3, imputed_with=None) == []
    (unsaid,) = told(0.3, imputed_share=None)
    assert (unsaid.judged, "does not say how many" in unsaid.why) == (Judged.UNKNOWN, True)


def test_a_feature_that_goes_with_the_answers_comes_before_one_that_does_not() -> None:
    """Drift against training was ranked by effect alone."""
    rng = np.random.default_rng(4)
    age = rng.normal(60, 10, 2000)
    inputs = [LoggedRow(json.dumps({"age": a, "luck": b}), json.dumps({"y": a}), {})
              for a, b in zip(age.tolist(), rng.normal(25, 10, 2000).tolist(), strict=True)]  # fmt: skip
    quantiles = {"0.1": 27.0, "0.25": 33.0, "0.5": 40.0, "0.75": 47.0, "0.9": 53.0}
    of = {"count": 5000, "quantiles": quantiles}
    told = {c.column: c for c in against_training({"age": of, "luck": of}, rows_as_log(inputs, "y"))
            if c.aspect is Aspect.DISTRIBUTION}  # fmt: skip
    assert told["age"].effect == pytest.approx(told["luck"].effect, abs=0.2)
    assert told["age"].harm > 2 * told["luck"].harm


AGE = Field("age", "float64", domain=Domain(min=0, max=130))


@pytest.mark.parametrize(
    ("field", "values", "aspect", "why"),
    [
        (AGE, [200.0] * 3 + [40.0] * 97, Aspect.OUT_OF_RANGE, "3.0 % outside 0 to 130"),
        (Field("age", domain=Domain(values=("1", "2"))), [1, 2] * 48 + [7, 8, 9, 9], Aspect.OUT_OF_RANGE,
         "4.0 % not among the declared values: 7, 8, 9"),
        (Field("age", "float64"), ["40,5"] * 100, Aspect.TYPE, "declared float64 and holds words"),
        (Field("age", "float64", nullable=False), [None] * 5 + [40.0] * 95, Aspect.MISSING, "5.0 % have no value"),
    ],
)  # fmt: skip
def test_what_is_declared_of_an_input_is_held(field: Any, values: Any, aspect: Any, why: str) -> None:
    (one,) = [c for c in against_declared((field,), rows(values)) if c.judged is Judged.DRIFT]
    assert (one.column, one.aspect) == ("age", aspect)
    assert one.why.startswith(why)


def test_what_is_declared_of_the_answer_is_held_too() -> None:
    """Outputs had not been looked at."""
    here = rows([40.0] * 100, [0.5] * 95 + [1.5] * 5)
    share = Field("y", "float64", domain=Domain(min=0, max=1))
    assert found(against_declared((), here, (share,), "y")) == [("prediction", Aspect.OUT_OF_RANGE)]
    assert against_declared((), here, (share,), "z") == ()
    named = rows([40.0] * 100, ["good"] * 90 + ["??"] * 10)
    assert found(against_declared((), named, (Field("y", classes=("good", "bad")),), "y")) == [
        ("prediction", Aspect.OUT_OF_RANGE)
    ]
    whole = rows([40.0] * 100, [0, 1] * 50)
    assert found(against_declared((), whole, (Field("y", classes=("0", "1")),), "y")) == []


def test_a_required_input_that_nobody_sends_is_found_where_names_are_the_signatures() -> None:
    here = rows([40.0] * 100)
    assert found(against_declared((AGE, Field("weight", required=True)), here)) == [("weight", Aspect.GONE_COLUMN)]
    assert found(against_declared((AGE, Field("weight", required=False)), here)) == []
    assert found(against_declared((Field("input-0", required=True),), here)) == []  # a log of other names
