"""A team's PostgreSQL goes away in the middle of guarded actions (fault 68): blocked and said, nothing doubled or lost."""

from __future__ import annotations

import threading
import time
import uuid
from itertools import pairwise
from pathlib import Path

import pytest

from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.problem import ProblemError
from mlcontrol.services import settling
from mlcontrol.services.rollouts import Rollouts
from tests.crash.conftest import PostgresServer
from tests.services.rollout_world import Context, PassingChecks, World

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

WITHIN_S = 60.0
MOMENTS = ("serve_versions", "infer", "set_stable", "set_alias", "resolve_alias", "split")


def test_restarted_in_the_middle_of_every_kind_of_step(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "RETRY_S", 0.5)
    world = World()
    ctx = Context(world, tmp_path, url=postgres.new_database())
    rollouts = Rollouts(ctx, PassingChecks())
    try:
        for moment in MOMENTS:
            _one(ctx, rollouts, world, postgres, moment)
    finally:
        rollouts.close()
        ctx.store.close()


def _one(ctx: Context, rollouts: Rollouts, world: World, postgres: PostgresServer, moment: str) -> None:
    world.alias, world.stable, world.ready = "2", "2", ("1", "2")
    world.writes.clear()
    plan = rollouts.make_plan(OperationKind.DEPLOY, "digits", "3", False)
    refusals: list[ProblemError] = []
    back = threading.Event()

    def restart() -> None:
        del world.faults[moment]
        postgres.stop()
        try:
            rollouts.execute(uuid.uuid4().hex, plan.hash, "while it is away", "bob", False)
        except ProblemError as refused:
            refusals.append(refused)
        threading.Timer(0.3, _start, (postgres, back)).start()

    operation = uuid.uuid4().hex
    world.faults[moment] = restart
    try:
        rollouts.execute(operation, plan.hash, "test", "ann", False)
    except ProblemError:
        # It went away before the intent was written, or while it was: either nothing is begun, or it is settled.
        assert back.wait(WITHIN_S)
    assert back.wait(WITHIN_S), moment
    assert refusals, "an action was let through without a store"
    _await_settled(ctx, operation)
    audit = ctx.store.audit
    assert audit.verify().ok
    rows = audit.of_operation(operation)
    assert sum(row.action.endswith(".outcome") for row in rows) == (1 if rows else 0), moment
    done = rows and ctx.operations[operation].phase is Phase.DONE
    assert (world.alias, world.stable) == (("3", "3") if done else ("2", "2")), moment
    for effect in ("route", "alias"):
        moves = [write for write in world.writes if write.startswith(effect)]
        assert all(a != b for a, b in pairwise(moves)), (moment, world.writes)


def _start(postgres: PostgresServer, back: threading.Event) -> None:
    postgres.start()
    back.set()


def _await_settled(ctx: Context, operation: str) -> None:
    """No operation is open and the target is free, with the store back."""
    give_up_s = time.monotonic() + WITHIN_S
    while True:
        try:
            if not ctx.store.audit.open_operations() and not _running(ctx):
                return
        except ProblemError:
            pass  # it is just coming back
        assert time.monotonic() < give_up_s, (operation, ctx.operations)
        time.sleep(0.05)


def _running(ctx: Context) -> bool:
    return any(thread.name.startswith(("operation-", "settler", "lease-")) for thread in threading.enumerate())
