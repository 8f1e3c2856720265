"""What the running world adds to a check: the rules that only it can feed fire, and are silent where all is well."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlcontrol.core.compatibility.policy import Policy
from mlcontrol.core.compatibility.report import Direction, Report, Verdict
from mlcontrol.core.drill import Drill, DrillMode
from mlcontrol.core.signature import Field, Signature
from mlcontrol.core.types import Health, ServiceState, Signal
from mlcontrol.ports.predictions import LoggedPrediction
from mlcontrol.services.check_facts import data_facts, operation_facts
from mlcontrol.services.judging import Asked, judge
from tests.services.rollout_world import SERVICE, Context, World, opened

DAY_S = 86_400.0
FIELDS = (Field("carat", "float64", (-1,), True, False, tensor=False),)


def trained(version: str, centre: float, **more: object) -> Signature:
    marks = np.quantile(np.random.default_rng(1).normal(centre, 1.0, 20_000), np.linspace(0, 1, 21))
    quantiles = {f"{q:.2f}": float(v) for q, v in zip(np.linspace(0, 1, 21), marks, strict=True)}
    told = {"carat": {"count": 20_000, "missing_share": 0.0, "quantiles": quantiles}}
    whole = Signature("gems", version, FIELDS, FIELDS, statistics=told, created_s=time.time() - 10 * DAY_S)
    return replace(whole, **more)  # type: ignore[arg-type]


def requests(centre: float, region: str = "north") -> list[LoggedPrediction]:
    values = np.random.default_rng(2).normal(centre, 1.0, 400)
    return [
        LoggedPrediction(f"r{i}", float(i), "1", json.dumps({"carat": v}), '{"price": 1.0}', {"region": region})
        for i, v in enumerate(values.tolist())
    ]


def report(candidate: Signature, current: Signature, rows: list[LoggedPrediction]) -> Report:
    facts = data_facts(SERVICE, candidate, current, rows)
    return judge(Asked(candidate, current, "triton", Policy(), time.time(), data=facts))


def verdict(found: Report, rule: str, direction: Direction = Direction.DEPLOY) -> Verdict | None:
    return next((f.verdict for f in found.findings if f.rule == rule and f.direction is direction), None)


def test_a_version_trained_on_other_data_than_callers_send_is_told() -> None:
    old = trained("1", 0.0)
    assert verdict(report(trained("2", 0.0), old, requests(0.0)), "D1") is None
    found = report(trained("2", 4.0), old, requests(0.0))
    assert verdict(found, "D1") is Verdict.WARN
    assert verdict(found, "D1", Direction.ROLLBACK) in (None, Verdict.INFO)


def test_a_region_that_was_not_trained_on_is_told() -> None:
    old = trained("1", 0.0, slices=("region=north", "region=south"))
    both = trained("2", 0.0, slices=("region=north", "region=south"))
    north = trained("2", 0.0, slices=("region=north",))
    assert verdict(report(both, old, requests(0.0, "south")), "D2") is None
    assert verdict(report(north, old, requests(0.0, "south")), "D2") is Verdict.WARN
    assert (
        verdict(report(trained("2", 0.0), old, requests(0.0)), "D2") is Verdict.UNKNOWN
    )  # it lost what the one before told


def test_a_bare_name_is_neither_a_region_nor_the_lack_of_one() -> None:
    """ "region" alone: by what the data can be cut. It had been told that region=south is missing from it."""
    old = trained("1", 0.0, slices=("region=north", "region=south"))
    bare = trained("2", 0.0, slices=("region",))
    assert verdict(report(bare, old, requests(0.0, "south")), "D2") is Verdict.UNKNOWN
    assert verdict(report(bare, trained("1", 0.0, slices=("region",)), requests(0.0, "south")), "D2") is None


def mixed(south: float, n: int = 400) -> list[LoggedPrediction]:
    rows = requests(0.0)[:n]
    return [replace(row, slices={"region": "south" if i < south * n else "north"}) for i, row in enumerate(rows)]


def test_callers_of_another_mix_of_regions_than_it_learned_are_told() -> None:
    """The panel had never brought the shares of slices to the check: rule D3 was silent whatever callers sent."""
    old = trained("1", 0.0)
    even = trained("2", 0.0, slice_shares={"region=north": 0.5, "region=south": 0.5})
    assert verdict(report(even, old, mixed(0.5)), "D3") is None
    assert verdict(report(even, old, mixed(0.8)), "D3") is Verdict.WARN
    assert verdict(report(even, old, mixed(0.8, n=100)), "D3") is None  # so few may be chance
    by_feature = replace(even, slice_shares={}, statistics={"region": {"categories": {"north": 0.5, "south": 0.5}}})
    assert verdict(report(by_feature, old, mixed(0.8)), "D3") is Verdict.WARN
    assert verdict(report(by_feature, old, mixed(0.45)), "D3") is None


def test_a_region_that_it_was_not_tested_on_is_told() -> None:
    old, metrics = trained("1", 0.0), {"test_accuracy/region:north": 0.9, "train_accuracy/region:south": 0.9}
    north = trained("2", 0.0, metrics=metrics)
    assert verdict(report(north, old, requests(0.0, "north")), "D2") is None
    assert verdict(report(north, old, mixed(0.5)), "D2") is Verdict.WARN
    whole = trained("2", 0.0, metrics=metrics | {"test_f1/region:south": 0.8})
    assert verdict(report(whole, old, mixed(0.5)), "D2") is None


def test_where_nobody_asks_or_nobody_tells_there_is_nothing_to_compare() -> None:
    bare = Signature("gems", "2", FIELDS, FIELDS)
    assert data_facts(SERVICE, bare, bare, []) is None
    found = data_facts(SERVICE, bare, bare, requests(0.0))
    assert found is not None
    assert (found.distances, found.serving_slices) == ({}, None)


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Context]:
    with opened(World(), tmp_path) as context:
        yield context


@pytest.mark.parametrize(("days_ago", "told"), [(3.0, None), (40.0, Verdict.WARN)])
def test_an_old_drill_is_told(ctx: Context, days_ago: float, told: Verdict | None) -> None:
    at_s = ctx.clock.utc_s() - days_ago * DAY_S
    ctx.store.drills.put(Drill("digits", at_s, DrillMode.SHADOW, "1", True))
    one = trained("1", 0.0)
    facts = operation_facts(ctx, ctx.settings.services["digits"], one)
    found = judge(Asked(trained("2", 0.0), one, "triton", Policy(), time.time(), operation=facts))
    assert verdict(found, "P3") is told


def test_a_version_to_come_back_to_that_is_too_old_warns_with_what_has_changed_since(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = replace(ctx.settings.services["digits"], objectives={"max_age_days": 5})
    drifting = ServiceState("digits", data=Signal(Health.WARNING, "carat changed"))
    fleet = replace(ctx.state(), services={"digits": drifting})
    monkeypatch.setattr(ctx, "state", lambda: fleet)
    old, young = trained("1", 0.0), trained("1", 0.0, created_s=time.time() - DAY_S)
    for target, told in ((old, Verdict.WARN), (young, None)):
        facts = operation_facts(ctx, service, target)
        found = judge(Asked(trained("2", 0.0), target, "triton", Policy(), time.time(), operation=facts))
        assert verdict(found, "S5", Direction.ROLLBACK) is told
        assert any("carat changed" in f.why for f in found.findings if f.rule == "S5") is (told is not None)
