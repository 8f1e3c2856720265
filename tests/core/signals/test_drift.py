"""Drift: found where it is, named, ranked; not found where nothing changed; unknown where there is too little."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mlcontrol.core.signals.drift import Aspect, Comparison, Judged, compare
from mlcontrol.core.signals.log_columns import Column, Log
from mlcontrol.core.signals.log_rows import LoggedRow, rows_as_log


def log(rng: np.random.Generator, n: int, **changed: np.ndarray) -> Log:
    region = rng.choice(["north", "south", "east", "west"], size=n, p=[0.4, 0.3, 0.2, 0.1]).astype(object)
    amount = rng.lognormal(3, 1, size=n)
    values: dict[str, np.ndarray] = {
        "region": region,
        "amount": amount,
        "age": rng.normal(40, 10, size=n),
        "noise": rng.normal(size=n),
        "plan": rng.choice(["free", "paid"], size=n).astype(object),
        "outputs.score": np.log(amount) / 6 + 0.02 * rng.normal(size=n),
        **changed,
    }
    return Log({name: Column(name, column) for name, column in values.items()}, n)


def found(reference: Log, now: Log, by: str | None = None) -> list[Comparison]:
    return [c for c in compare(reference, now, by) if c.judged is Judged.DRIFT]


def test_two_halves_of_one_stream_do_not_differ() -> None:
    """300 and more comparisons, several times: hardly one is a finding. Uncorrected, there would be a dozen a time."""
    findings, small = 0, 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        compared = compare(log(rng, 4000), log(rng, 3000), "region")
        findings += sum(c.judged is Judged.DRIFT for c in compared)
        small += sum(c.p_value is not None and c.p_value < 0.05 for c in compared)
    assert findings == 0
    assert small >= 3


def test_a_shift_is_found_and_named() -> None:
    rng = np.random.default_rng(10)
    (first, *_) = found(log(rng, 4000), log(rng, 3000, age=rng.normal(46, 10, size=3000)))
    assert (first.column, first.aspect) == ("age", Aspect.DISTRIBUTION)
    assert first.effect is not None
    assert first.effect > 0.2
    assert first.distance is not None
    assert first.distance.psi > first.distance.psi_limit


def test_a_shift_that_is_significant_and_tiny_is_no_finding() -> None:
    rng = np.random.default_rng(11)
    compared = compare(log(rng, 150_000), log(rng, 150_000, age=rng.normal(40.3, 10, size=150_000)))
    age = next(c for c in compared if c.column == "age" and c.aspect is Aspect.DISTRIBUTION)
    assert age.q_value is not None
    assert age.q_value < 1e-6
    assert age.judged is Judged.NONE


def test_a_shift_in_one_region_is_found_there() -> None:
    rng = np.random.default_rng(12)
    now = log(rng, 4000)
    south = now.columns["region"].values == "south"
    now.columns["age"].values[south] += 15
    findings = found(log(rng, 4000), now, "region")
    assert ("age", "south") in {(c.column, c.slice) for c in findings}
    assert not {c.slice for c in findings} & {"north", "east", "west"}


def test_a_missing_region_and_a_new_one_are_named() -> None:
    rng = np.random.default_rng(13)
    region = rng.choice(["north", "south", "east", "mars"], size=3000, p=[0.4, 0.3, 0.2, 0.1]).astype(object)
    findings = {(c.aspect, c.slice) for c in found(log(rng, 3000), log(rng, 3000, region=region), "region")}
    assert (Aspect.GONE_SLICE, "west") in findings
    assert (Aspect.NEW_SLICE, "mars") in findings
    assert (Aspect.PROPORTIONS, None) in findings


def test_missing_values_new_categories_and_ranges() -> None:
    rng = np.random.default_rng(14)
    age = rng.normal(40, 10, size=3000)
    age[rng.random(3000) < 0.2] = np.nan
    amount = rng.lognormal(3, 1, size=3000)
    amount[:90] *= 1e6  # cents for euros, in one row of thirty
    plan = rng.choice(["free", "paid", "gold"], size=3000, p=[0.49, 0.49, 0.02]).astype(object)
    findings = {
        (c.column, c.aspect): c for c in found(log(rng, 3000), log(rng, 3000, age=age, amount=amount, plan=plan))
    }
    assert findings["age", Aspect.MISSING].after is not None
    assert findings["amount", Aspect.OUT_OF_RANGE].effect == pytest.approx(0.03, abs=0.001)
    assert findings["plan", Aspect.NEW_CATEGORY].names == ("gold",)


def test_columns_that_came_went_or_changed_their_kind() -> None:
    rng = np.random.default_rng(15)
    now = log(rng, 500, age=np.array(["old"] * 500, dtype=object), extra=rng.normal(size=500))
    columns = {name: column for name, column in now.columns.items() if name != "noise"}
    aspects = {(c.column, c.aspect) for c in found(log(rng, 500), Log(columns, 500))}
    assert {("noise", Aspect.GONE_COLUMN), ("extra", Aspect.NEW_COLUMN), ("age", Aspect.TYPE)} <= aspects


def test_too_few_rows_are_unknown_and_never_drift() -> None:
    rng = np.random.default_rng(16)
    compared = compare(log(rng, 2000), log(rng, 12, age=np.full(12, 500.0)))
    assert {c.judged for c in compared} == {Judged.UNKNOWN}
    assert "too few" in compared[0].why


def test_what_moves_the_output_comes_first() -> None:
    """Both shift alike; one of them drives the score in the reference."""
    rng = np.random.default_rng(17)
    now = log(rng, 4000, amount=rng.lognormal(3.5, 1, size=4000), noise=rng.normal(0.5, 1, size=4000))
    order = [c.column for c in found(log(rng, 4000), now) if c.aspect is Aspect.DISTRIBUTION]
    assert order.index("amount") < order.index("noise")


def test_half_the_traffic_is_a_change_of_volume() -> None:
    rng = np.random.default_rng(18)
    hours = 3600 * np.arange(48)
    before = np.repeat(hours, 100) + rng.random(4800) * 3600
    after = np.repeat(hours + 90 * 86_400, 45) + rng.random(2160) * 3600
    one, two = log(rng, 4800), log(rng, 2160)
    findings = found(Log(one.columns, 4800, before), Log(two.columns, 2160, after))
    assert [c.aspect for c in findings] == [Aspect.VOLUME]
    assert not found(Log(one.columns, 4800, before), Log(two.columns, 2160, before[:2160]))


def test_another_unit_in_a_few_rows_is_found_though_they_move_no_distribution() -> None:
    """Half a percent of the amounts come in cents; the same share just beyond the range is a tail and no finding."""
    rng = np.random.default_rng(30)
    reference = log(rng, 5000, amount=rng.lognormal(3, 0.5, size=5000))
    wrong, tail = rng.lognormal(3, 0.5, size=5000), rng.lognormal(3, 0.5, size=5000)
    wrong[::200] *= 1000
    tail[::200] = 1.5 * reference.columns["amount"].values.max()
    (one,) = found(reference, log(rng, 5000, amount=wrong))
    assert (one.column, one.aspect) == ("amount", Aspect.OUT_OF_RANGE)
    assert "0.5 % lie more than 10 times its width outside" in one.why
    assert found(reference, log(rng, 5000, amount=tail)) == []


@pytest.mark.parametrize("seed", range(5))
def test_what_a_short_log_had_no_chance_to_show_is_not_gone(seed: int) -> None:
    """Sixty rows cannot hold forty models and five thousand request ids."""
    rng = np.random.default_rng(seed)

    def drawn(n: int) -> Log:
        names = np.array([f"m{i}" for i in rng.integers(40, size=n)], dtype=object)
        return log(rng, n, model=names, request_id=np.array([f"r{i}" for i in range(n)], dtype=object))

    findings = found(drawn(5000), drawn(60), "region")
    assert not [c for c in findings if c.aspect in (Aspect.GONE_CATEGORY, Aspect.NEW_CATEGORY)]
    assert not [c for c in findings if c.column in ("model", "request_id")]


def test_what_is_gone_though_it_had_every_chance_is_found() -> None:
    """One of forty by itself, and forty rare ones that are gone together."""
    rng = np.random.default_rng(40)
    names = np.array([f"m{i}" for i in rng.integers(40, size=5000)], dtype=object)
    kept = np.array([f"m{i}" for i in rng.integers(39, size=5000)], dtype=object)
    findings = found(log(rng, 5000, model=names), log(rng, 5000, model=kept))
    assert [c.names for c in findings if c.aspect is Aspect.GONE_CATEGORY] == [("m39",)]
    assert {c.column for c in findings} == {"model"}
    rare = np.where(rng.random(5000) < 0.02, np.array([f"rare{i}" for i in rng.integers(40, size=5000)]), "usual")
    never = np.full(5000, "usual", dtype=object)
    aspects = {c.aspect for c in found(log(rng, 5000, model=rare.astype(object)), log(rng, 5000, model=never))}
    assert Aspect.GONE_CATEGORY in aspects


def test_words_in_place_of_numbers_are_one_finding() -> None:
    rng = np.random.default_rng(50)
    words = np.array([f"{v:.2f}y" for v in rng.normal(40, 10, size=3000)], dtype=object)
    (one,) = found(log(rng, 4000), log(rng, 3000, age=words))
    assert (one.column, one.aspect) == ("age", Aspect.TYPE)


@pytest.mark.parametrize("strange", [float("nan"), float("inf"), 10**400, "n/a", True, {"v": 1}])
def test_one_value_that_is_no_number_does_not_make_words_of_a_column(strange: Any) -> None:
    """It had been told that x "held numbers and holds words"."""
    rng = np.random.default_rng(0)

    def logged(n: int, odd: Any = None) -> Log:
        values = [odd if i == 7 and odd is not None else float(rng.normal()) for i in range(n)]
        return rows_as_log([LoggedRow(json.dumps({"x": v}), '{"y": 1}', {}) for v in values], "y").log

    calm, now = logged(3000), logged(2000, strange)
    assert now.columns["x"].numeric
    assert now.columns["x"].known == 1999
    assert not [c for c in compare(calm, now) if c.judged is Judged.DRIFT]
    words = rows_as_log([LoggedRow(json.dumps({"x": str(i % 7)}), "{}", {}) for i in range(2000)], "y").log
    assert Aspect.TYPE in [c.aspect for c in compare(calm, words) if c.judged is Judged.DRIFT]
