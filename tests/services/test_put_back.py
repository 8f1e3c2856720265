"""A put-back is believed when it is read back: a router or a server that only says yes is found out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlcontrol.core import rollout
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.problem import ProblemError
from mlcontrol.services.effects import Effects
from mlcontrol.services.live import observe
from tests.services.rollout_world import Context, opened
from tests.services.staged_world import StagedWorld


class Nodding(StagedWorld):
    """Says yes and does nothing: to the share of one version, and to leaving one version out."""

    deaf_to: str | None = None
    clings_to: str | None = None

    def set_canary(self, route: str, version: str | None, percent: float, deadline_s: float = 5.0) -> None:
        if self.deaf_to is None or self.deaf_to not in (version, self.canary):
            super().set_canary(route, version, percent)

    def serve_versions(self, model: str, versions: tuple[str, ...], deadline_s: float = 5.0) -> None:
        kept = {self.clings_to} & set(self.ready)
        super().serve_versions(model, tuple(sorted({*versions, *(v for v in kept if v)})))


@pytest.fixture
def world() -> Nodding:
    return Nodding(canary="1", percent=10.0)


@pytest.fixture
def ctx(world: Nodding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr("mlcontrol.services.effects.LOAD_SETTLE_S", 0.3)
    with opened(world, tmp_path) as context:
        yield context


def effects(ctx: Context) -> Effects:
    return Effects(ctx, "digits", OperationKind.DEPLOY, "3", "2", observe(ctx, "digits"), None)


def test_the_share_of_another_version_is_put_back_and_nothing_is_written_twice(ctx: Context, world: Nodding) -> None:
    act = effects(ctx)
    for step in (rollout.LOAD, rollout.ROUTE):
        act.run(step)
    assert act.run(rollout.RETURN_ROUTE) == "the router reads back: 90 % to v2, 10 % to v1"
    written = list(world.writes)
    assert act.run(rollout.RETURN_ROUTE) == "the router sends 90 % to v2, 10 % to v1 already"
    assert world.writes == written
    assert ("route", ("3", None, 0.0), ("2", None, 0.0)) in ctx.written


def test_a_share_of_ours_that_was_taken_back_is_said_so(ctx: Context, world: Nodding) -> None:
    world.canary, world.percent = None, 0.0
    act = effects(ctx)
    for step in (rollout.LOAD, f"{rollout.SPLIT}20"):
        act.run(step)
    assert act.run(rollout.RETURN_ROUTE) == "the router reads back: 100 % to v2"
    assert ctx.written[-1] == ("route", ("2", "3", 20.0), ("2", None, 0.0))
    assert act.run(rollout.RETURN_ROUTE) == "the router sends 100 % to v2 already"


def test_a_share_that_does_not_come_back_is_a_conflict(ctx: Context, world: Nodding) -> None:
    act = effects(ctx)
    for step in (rollout.LOAD, rollout.ROUTE):
        act.run(step)
    world.deaf_to = "1"
    with pytest.raises(ProblemError) as told:
        act.run(rollout.RETURN_ROUTE)
    assert told.value.problem.code == "conflict"
    assert "send 90 % to v2, 10 % to v1, but says it sends 100 % to v2" in told.value.problem.what


def test_a_share_of_ours_that_stays_after_another_hand_moved_the_rest_is_told(ctx: Context, world: Nodding) -> None:
    act = effects(ctx)
    for step in (rollout.LOAD, f"{rollout.SPLIT}20"):
        act.run(step)
    world.stable, world.deaf_to = "5", "3"
    with pytest.raises(ProblemError) as told:
        act.run(rollout.RETURN_ROUTE)
    assert "says it sends 80 % to v5, 20 % to v3" in told.value.problem.what


def test_a_version_that_stays_loaded_is_not_put_back(ctx: Context, world: Nodding) -> None:
    act = effects(ctx)
    act.run(rollout.LOAD)
    world.clings_to = "3"
    with pytest.raises(ProblemError) as told:
        act.run(rollout.RETURN_LOAD)
    assert told.value.problem.what == "triton was told to serve v1, v2 as before, but still serves v3."
    world.clings_to = None
    assert act.run(rollout.RETURN_LOAD) == "v1, v2 loaded as before"
    assert act.run(rollout.RETURN_LOAD) == "nothing to put back"


@pytest.mark.parametrize("guard", ["_require_reads_back", "_becomes"])
def test_twin_without_reading_back_a_nod_would_do(
    ctx: Context, world: Nodding, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    act = effects(ctx)
    for step in (rollout.LOAD, rollout.ROUTE):
        act.run(step)
    monkeypatch.setattr(Effects, guard, lambda *_: True)
    world.deaf_to, world.clings_to = ("1", None) if guard == "_require_reads_back" else (None, "3")
    act.run(rollout.RETURN_ROUTE)
    act.run(rollout.RETURN_LOAD)
    assert world.percent == 0.0 if world.deaf_to else "3" in world.ready, "nobody noticed"
