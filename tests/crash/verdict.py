"""After a kill: a new engine settles what is open, and then everything must be as the contract says."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

from mlcontrol.services.holding import targets
from mlcontrol.services.rollouts import Rollouts
from tests.crash.far_world import FarWorld
from tests.crash.scenarios import BEFORE, Scenario
from tests.services.rollout_world import Context, PassingChecks

SETTLED_WITHIN_S = 60.0


def judge(folder: Path, port: int, scenario: Scenario, acknowledged: list[str]) -> list[str]:
    """What is wrong, in words; empty when nothing is. ``acknowledged``: hashes of the rows that `append` had returned."""
    world = FarWorld(port)
    ctx = Context(world, folder)
    try:
        rollouts = Rollouts(ctx, PassingChecks())
        rollouts.settle()
        settler = rollouts._settler._thread
        if settler is not None:
            settler.join(SETTLED_WITHIN_S)
        rollouts.close()
        return _wrong(ctx, world, scenario, acknowledged)
    finally:
        ctx.store.close()
        world.close()


def _wrong(ctx: Context, world: FarWorld, scenario: Scenario, acknowledged: list[str]) -> list[str]:
    wrong = []
    facts = world.facts
    rows = ctx.store.audit.of_operation("op")
    outcomes = [json.loads(row.body) for row in rows if row.action.endswith(".outcome")]
    end = (facts["alias"], facts["stable"])
    if ctx.store.audit.open_operations():
        wrong.append("left open")
    if not ctx.store.audit.verify().ok:
        wrong.append("the chain of the audit log is broken")
    if set(acknowledged) - {row.hash for row in rows}:
        wrong.append("an acknowledged row is lost")
    if len(outcomes) != (1 if rows else 0):
        wrong.append(f"{len(outcomes)} outcomes")
    if end not in scenario.ends or facts["percent"]:
        wrong.append(f"ambiguous: {facts}")
    if facts["stable"] not in facts["ready"]:
        wrong.append("traffic goes to a version that is not loaded")
    if outcomes and scenario.kind != "probe" and (outcomes[0]["phase"] == "done") != (end != BEFORE):
        wrong.append(f"it says {outcomes[0]['phase']}, but {facts}")
    for effect in ("route", "alias", "canary"):
        moves = [move for move in facts["effects"] if move.startswith(effect)]
        if any(a == b for a, b in pairwise(moves)):
            wrong.append(f"doubled: {facts['effects']}")
    if ctx.store.leases.holder(targets(ctx, "digits")) is not None:
        wrong.append("a lease is still held")
    return wrong
