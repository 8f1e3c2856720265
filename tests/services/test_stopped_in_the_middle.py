"""An operation whose journal cannot be written any more: nobody drives it, and the board does not go on saying that it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.problem import Problem
from mlcontrol.services.rollouts import Rollouts
from mlcontrol.store.database import StoreError
from tests.services.rollout_world import Context, PassingChecks, World, opened
from tests.services.test_staged_rollouts import WITHIN_S, until


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ctx(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr("mlcontrol.services.proof.ATTEMPT_S", 0.3)
    monkeypatch.setattr("mlcontrol.services.effects.LOAD_SETTLE_S", 0.3)
    with opened(world, tmp_path) as context:
        yield context


FULL = StoreError(Problem("The store panel.db did not take part.", "database or disk is full", "Free space.", "store"))


@pytest.mark.parametrize("kind", [OperationKind.DEPLOY, OperationKind.ROLLBACK])
@pytest.mark.parametrize("away", ["full", "gone"])
def test_the_board_says_that_it_is_unresolved_where_the_traffic_is_and_how_to_move_it_by_hand(
    ctx: Context, world: World, monkeypatch: pytest.MonkeyPatch, kind: OperationKind, away: str
) -> None:
    """Fault 27 in the middle of a change, also when the store cannot even be read: only this engine's memory can tell."""
    world.by_hand = lambda *to: (f"curl -X POST router/{to[-1]}",)  # type: ignore[attr-defined]
    append, of_operation = ctx.store.audit.append, ctx.store.audit.of_operation
    broken = threading.Event()

    def full(*args: Any, **named: Any) -> Any:
        if "route 3" in world.writes or "route 1" in world.writes:
            broken.set()
            raise FULL
        return append(*args, **named)

    def read(*args: Any) -> Any:
        if away == "gone" and broken.is_set():
            raise FULL
        return of_operation(*args)

    monkeypatch.setattr(ctx.store.audit, "append", full)
    monkeypatch.setattr(ctx.store.audit, "of_operation", read)
    rollouts = Rollouts(ctx, PassingChecks())
    back = kind is OperationKind.ROLLBACK
    plan = rollouts.make_plan(kind, "digits", "1" if back else "3", back)
    rollouts.execute("op", plan.hash, "test", "ann", True)
    assert broken.wait(WITHIN_S)
    until(lambda: ctx.operations["op"].phase is Phase.UNRESOLVED)
    told = ctx.operations["op"]
    assert told.problem is not None
    assert f"curl -X POST router/{'1' if back else '2'}" in told.problem.next
    until(lambda: any(event.severity == "critical" for event in ctx.events))
    rollouts.close()


def test_a_load_that_hangs_delays_a_rollback_and_does_not_refuse_it(ctx: Context, world: World) -> None:
    """What the deploy loads drops the version that the rollback goes to: it must be put back first, then the rollback comes."""
    inside, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        if not inside.is_set():
            inside.set()
            go_on.wait(WITHIN_S)

    world.after["serve_versions"] = hang
    rollouts = Rollouts(ctx, PassingChecks())
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    rollouts.execute("op", plan.hash, "test", "ann", True)
    assert inside.wait(WITHIN_S)
    back = rollouts.make_plan(OperationKind.ROLLBACK, "digits", "1", True)
    threading.Timer(1.0, go_on.set).start()
    rollouts.execute("back", back.hash, "errors rose", "bob", True)
    rollouts.close()
    assert ctx.operations["back"].phase is Phase.DONE
    assert world.stable == "1"
    assert "1" in world.ready


def test_the_patience_of_a_rollback_outlasts_what_a_server_may_take() -> None:
    from mlcontrol.services import effects, rollouts

    assert rollouts.TAKE_OVER_S >= 2 * (effects.LOAD_DEADLINE_S + effects.LOAD_SETTLE_S)
