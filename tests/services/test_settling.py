"""After a crash: what earlier engines did is told, and what they left open is settled by observation."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.services.rollouts import Rollouts
from tests.services.rollout_world import UNREACHABLE, PassingChecks, World, crash, fails, opened, settled

WITHIN_S = 20.0


def test_the_next_engine_tells_what_the_last_one_did(tmp_path: Path) -> None:
    world = World()
    with opened(world, tmp_path) as ctx:
        rollouts = Rollouts(ctx, PassingChecks())
        rollouts.execute(
            "op", rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False).hash, "test", "ann", False
        )
        assert ctx.ended.wait(WITHIN_S)
        rollouts.close()
        told = ctx.operations["op"]
        assert told.phase is Phase.DONE
    with opened(world, tmp_path) as ctx:
        rollouts = Rollouts(ctx, PassingChecks())
        rollouts.settle()
        rollouts.close()
        assert ctx.operations == {told.id: told}
    assert world.writes == ["load 2 3", "route 3", "alias 3"]


ROWS_OF_A_DEPLOY = 14


@pytest.mark.parametrize("kind", [OperationKind.DEPLOY, OperationKind.ROLLBACK])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("row", range(1, ROWS_OF_A_DEPLOY + 1))
def test_a_crash_at_any_row_is_settled_by_observation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: OperationKind, when: str, row: int
) -> None:
    """Killed around the n-th journal row: the next engine finds the world in one of two clean states and says which."""
    world = World()
    version = "3" if kind is OperationKind.DEPLOY else "1"
    with opened(world, tmp_path) as ctx:
        killed = crash(ctx, kind, version, when, row, monkeypatch)
    before, after = ("2", "2"), (version, version)
    with opened(world, tmp_path) as ctx:
        settled(ctx)
        rows = ctx.store.audit.of_operation("op")
        assert ctx.store.audit.open_operations() == ()
        assert ctx.store.audit.verify().ok
    assert (world.alias, world.stable) in (before, after)
    assert world.stable in world.ready
    outcomes = [json.loads(r.body)["phase"] for r in rows if r.action.endswith(".outcome")]
    assert len(outcomes) == (1 if rows else 0)
    if outcomes:
        assert (outcomes[0] == "done") == ((world.alias, world.stable) == after), (killed, outcomes, world.facts)
    for effect in ("route", "alias"):
        moves = [write for write in world.writes if write.startswith(effect)]
        assert all(a != b for a, b in pairwise(moves)), "nothing is done twice"


def test_an_unreadable_world_leaves_it_unresolved_at_a_named_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    with opened(world, tmp_path) as ctx:
        assert crash(ctx, OperationKind.DEPLOY, "3", "after", 8, monkeypatch)
    world.faults["split"] = fails(UNREACHABLE)
    with opened(world, tmp_path) as ctx:
        rollouts = Rollouts(ctx, PassingChecks())
        rollouts.settle()
        assert ctx.ended.wait(WITHIN_S)
        found = ctx.operations["op"]
        rollouts.close()
        assert found.phase is Phase.UNRESOLVED
        assert "Move the traffic" in found.summary
        assert ctx.store.audit.open_operations() == ("op",)
