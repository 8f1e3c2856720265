"""Live rows against training statistics: what has not changed stays silent, what has is named, what is not told is unknown."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mlcontrol.core.data_report import DataSettings
from mlcontrol.core.signals.declared import against_declared
from mlcontrol.core.signals.drift import Aspect, Judged, compare
from mlcontrol.core.signals.log_rows import LoggedRow, rows_as_log
from mlcontrol.core.signals.training import against_training, evidence_of_one
from mlcontrol.core.signature import Domain, Field

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def statistics(rng: Any, n: int = 3000) -> dict[str, dict[str, Any]]:
    """As the training pipeline writes them."""
    age = rng.normal(40, 10, n)
    pixels = np.clip(rng.normal(2, 4, n * 16), 0, None)

    def of(values: Any) -> dict[str, Any]:
        return {"count": values.size, "missing_share": 0.0, "min": float(values.min()), "max": float(values.max()),
                "quantiles": {str(q): float(np.quantile(values, q)) for q in QUANTILES}}  # fmt: skip

    return {
        "age": of(age),
        "image": of(pixels),
        "color": {"count": n, "missing_share": 0.0, "categories": {"D": 0.6, "E": 0.3, "F": 0.1}},
    }


def live(rng: Any, n: int = 1500, shift: float = 0.0, colors: Any = (0.6, 0.3, 0.1), gaps: float = 0.0) -> Any:
    rows = []
    for i in range(n):
        inputs = {
            "age": None if rng.random() < gaps else float(rng.normal(40 + shift, 10)),
            "image": [np.clip(rng.normal(2 + shift / 4, 4, 16), 0, None).tolist()],
            "color": str(rng.choice(["D", "E", "F"], p=colors)),
        }
        rows.append(LoggedRow(json.dumps(inputs), json.dumps({"y": [[1]]}), {"region": "ns"[i % 2]}))
    return rows_as_log(rows, "y")


def drifts(found: Any) -> set[tuple[str, Aspect]]:
    return {(c.column, c.aspect) for c in found if c.judged is Judged.DRIFT}


def test_the_same_law_is_no_drift_however_often_one_looks() -> None:
    rng = np.random.default_rng(1)
    told = statistics(rng)
    seen = [drifts(against_training(told, live(rng, 600))) for _ in range(20)]
    assert sum(map(bool, seen)) <= 1


def sent_again(told: Any, n: int, own: int, seed: int, shift: float = 0.0) -> Any:
    """``n`` requests that are ``own`` different ones, drawn again and again."""
    rng = np.random.default_rng(seed)
    pool = [
        json.dumps({f"x{k}": float(v) for k, v in enumerate(row)}) for row in rng.normal(shift, 1, (own, len(told)))
    ]
    drawn = rng.integers(0, own, n)
    return rows_as_log([LoggedRow(pool[i], json.dumps({"y": [[1]]}), {}) for i in drawn], "y")


def ten_features() -> dict[str, dict[str, Any]]:
    values = np.random.default_rng(0).normal(0, 1, (10, 354))
    return {
        f"x{k}": {"count": 354, "missing_share": 0.0, "min": float(v.min()), "max": float(v.max()),
                  "quantiles": {str(q): float(np.quantile(v, q)) for q in QUANTILES}}
        for k, v in enumerate(values)
    }  # fmt: skip


def test_the_same_requests_sent_again_and_again_are_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ten_features()
    logs = [sent_again(told, 1200, 88, seed) for seed in range(20)]
    assert evidence_of_one(logs[0], told) == pytest.approx(88 / 1200)
    assert sum(bool(drifts(against_training(told, log))) for log in logs) <= 2
    assert drifts(against_training(told, sent_again(told, 1200, 88, 1, shift=0.8))), "a true shift is still seen"
    # The twin: counted as so many different ones, chance looks like drift.
    monkeypatch.setattr("mlcontrol.core.signals.training.evidence_of_one", lambda *_: 1.0)
    assert sum(bool(drifts(against_training(told, log))) for log in logs) >= 10


def test_few_kinds_of_requests_come_again_by_chance() -> None:
    rng = np.random.default_rng(3)
    rows = [
        LoggedRow(json.dumps({"a": str(rng.choice(["u", "v"])), "b": str(rng.choice(["x", "y", "z"]))}), "{}", {})
        for _ in range(900)
    ]
    assert evidence_of_one(rows_as_log(rows, "y"), ["a", "b"]) == 1.0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"shift": 6.0}, {("age", Aspect.DISTRIBUTION), ("image", Aspect.DISTRIBUTION)}),
        ({"colors": (0.3, 0.3, 0.4)}, {("color", Aspect.DISTRIBUTION)}),
        ({"colors": (0.66, 0.34, 0.0)}, {("color", Aspect.GONE_CATEGORY), ("color", Aspect.DISTRIBUTION)}),
        ({"gaps": 0.2}, {("age", Aspect.MISSING)}),
    ],
)
def test_a_change_is_named_with_what_it_is(change: dict[str, Any], expected: set[Any]) -> None:
    rng = np.random.default_rng(2)
    assert drifts(against_training(statistics(rng), live(rng, **change))) == expected


def test_a_feature_nobody_sends_and_one_nobody_describes() -> None:
    rng = np.random.default_rng(3)
    told = statistics(rng) | {"weight": {"count": 100}}
    assert ("weight", Aspect.GONE_COLUMN) in drifts(against_training(told, live(rng, 100)))
    few = against_training(statistics(rng), live(rng, 10))
    assert {c.judged for c in few} == {Judged.UNKNOWN}


def test_declared_ranges_and_values_hold() -> None:
    rng = np.random.default_rng(4)
    fields = (
        Field("age", domain=Domain(min=0, max=130)),
        Field("image", domain=Domain(min=0, max=5)),
        Field("color", domain=Domain(values=("D", "E"))),
    )
    found = {c.column: c for c in against_declared(fields, live(rng, 300))}
    assert found["age"].judged is Judged.NONE
    assert "outside 0 to 5" in found["image"].why
    assert "not among the declared values: F" in found["color"].why


def test_a_missing_region_is_found_among_several_cuts() -> None:
    rng = np.random.default_rng(5)

    def log(regions: str) -> Any:
        rows = [
            LoggedRow(
                json.dumps({"x": float(rng.normal())}),
                '{"y": 1}',
                {"region": str(rng.choice(list(regions))), "device": "ab"[i % 2]},
            )
            for i in range(1200)
        ]
        return rows_as_log(rows, "y")

    before, now = log("nsew"), log("nsw")
    assert before.cuts == ("device", "region")
    found = [c for c in compare(before.log, now.log, before.cuts) if c.judged is Judged.DRIFT]
    assert ("region", Aspect.GONE_SLICE, "region e") in {(c.column, c.aspect, c.slice) for c in found}
    assert all(c.column == "region" for c in found)


def test_settings_are_read_or_refused_in_words() -> None:
    assert DataSettings.read({"window": "5m", "slices": "region, device"}) == DataSettings(
        300.0, 86_400.0, ("region", "device")
    )
    with pytest.raises(ValueError, match="is no span"):
        DataSettings.read({"window": "soon"})


def test_whole_numbers_of_one_law_are_no_drift_and_a_shift_of_one_is() -> None:
    """Quantiles of values that repeat say little: many of them sit on one number, and what they leave open is no difference."""
    rng = np.random.default_rng(5)

    def log(values: Any) -> Any:
        return rows_as_log(
            [LoggedRow(json.dumps({"table": int(v)}), json.dumps({"y": [[1]]}), {}) for v in values], "y"
        )

    trained = np.round(rng.normal(57, 1.2, 4000))
    told = {"table": {"count": 4000, "missing_share": 0.0, "min": float(trained.min()), "max": float(trained.max()),
                      "quantiles": {str(q): float(np.quantile(trained, q)) for q in QUANTILES}}}  # fmt: skip
    for _ in range(5):
        assert drifts(against_training(told, log(np.round(rng.normal(57, 1.2, 1500))))) == set()
    found = against_training(told, log(np.round(rng.normal(58, 1.2, 1500))))
    assert ("table", Aspect.DISTRIBUTION) in drifts(found)
    narrower = against_training(told, log(np.round(rng.normal(57, 0.3, 1500))))
    (told_of,) = [c for c in narrower if c.aspect is Aspect.DISTRIBUTION]
    assert told_of.judged is Judged.DRIFT
    assert "in training" in told_of.why
    assert "median" not in told_of.why


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (5, "cannot be read"),
        ({"count": 1000, "quantiles": {"low": 1, "high": 2}}, "quantiles"),
        ({"count": 1000, "quantiles": {"0.1": 5.0, "0.5": 3.0, "0.9": 1.0}}, "quantiles"),
        ({"count": 1000, "quantiles": {"0.1": float("nan"), "0.5": None}}, "quantiles"),
        ({"count": 1000, "categories": {"a": -1, "b": float("nan")}}, "shares"),
        ({"count": "many", "quantiles": {"0.5": 1}}, "too few"),
    ],
)
def test_statistics_that_cannot_be_read_are_unknown_and_stop_nobody(told: Any, why: str) -> None:
    """A quantile named "p50" had stopped the whole watch, with the advice to correct the workspace file."""
    rows = rows_as_log([LoggedRow(json.dumps({"x": i / 10, "z": i / 10}), "{}", {}) for i in range(500)], "y")
    fine = {"count": 1000, "quantiles": {"p10": 5.0, "p50": 25.0, "90%": 45.0}}
    found = against_training({"x": told, "z": fine}, rows)
    assert [(c.judged, why in c.why) for c in found if c.column == "x"] == [(Judged.UNKNOWN, True)]
    assert [c.judged for c in found if c.column == "z"] == [Judged.NONE]
