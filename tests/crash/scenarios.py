"""What the engine is killed in: guarded operations of every kind, and where the world may stand once they are settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mlcontrol.core.operation import OperationKind
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.services import staging
from mlcontrol.services.effects import Effects
from mlcontrol.services.holding import hold
from mlcontrol.services.live import observe
from mlcontrol.services.operation_run import OperationRun
from mlcontrol.services.rollouts import Rollouts
from tests.crash.far_world import FarWorld
from tests.services.rollout_world import Context, PassingChecks

BEFORE = ("2", "2")


@dataclass(frozen=True)
class Scenario:
    """``ends``: (registry, traffic) as it may be once settled, the first where nothing was achieved."""

    kind: OperationKind
    version: str
    ends: tuple[tuple[str, str], ...]
    express: bool = False
    abort_after: str = ""  # a person aborts once this write was answered
    abort_at: int = 1  # after the how-manieth such write
    rollout: RolloutSettings | None = None
    given: dict[str, Any] = field(default_factory=dict)


CANARY = RolloutSettings("canary", (10.0, 50.0), min_requests=20, min_s=0.0, error_tolerance=0.05, bake_s=0.03)
LOOK_S = 0.01

SCENARIOS = {
    "deploy": Scenario(OperationKind.DEPLOY, "3", (BEFORE, ("3", "3"))),
    "rollback": Scenario(OperationKind.ROLLBACK, "1", (BEFORE, ("1", "1"))),
    "express": Scenario(OperationKind.ROLLBACK, "1", (BEFORE, ("1", "1")), express=True),
    "abort": Scenario(OperationKind.DEPLOY, "3", (BEFORE,), abort_after="stable"),
    "refused": Scenario(OperationKind.DEPLOY, "3", (BEFORE,), given={"wrong": ["3"]}),
    "probe": Scenario(OperationKind.PROBE, "3", (BEFORE,)),
    "canary": Scenario(OperationKind.DEPLOY, "3", (BEFORE, ("3", "3")), rollout=CANARY),
    "canary-aborted": Scenario(OperationKind.DEPLOY, "3", (BEFORE,), rollout=CANARY, abort_after="canary", abort_at=2),
    "canary-worse": Scenario(OperationKind.DEPLOY, "3", (BEFORE,), rollout=CANARY, given={"fails": {"3": 0.3}}),
}


def carry_out(ctx: Context, world: FarWorld, scenario: Scenario, ready: Callable[[], None]) -> None:
    """Run the scenario's operation on the calling thread, as `Rollouts` and `Checks` do on theirs. ``ready``: called before the
    first write."""
    kind, version = scenario.kind, scenario.version
    planned = OperationKind.DEPLOY if kind is OperationKind.PROBE else kind
    staging.QUICK_S = LOOK_S  # this process lives for one operation
    plan = Rollouts(ctx, PassingChecks()).make_plan(planned, "digits", version, scenario.express, scenario.rollout)
    ready()
    with hold(ctx, "digits", "op", "ann", kind.value) as holding:
        before = observe(ctx, "digits")
        effects = Effects(ctx, "digits", kind, version, before.current, before, plan.assumes, strategy=plan.strategy)
        run = OperationRun(ctx, "op", plan, effects, "test", "ann", lambda _run: None, holding)
        counted, written = world.around, 0

        def around(when: str, call: str) -> None:
            nonlocal written
            counted(when, call)
            written += when == "after" and call == scenario.abort_after
            if when == "after" and call == scenario.abort_after and written == scenario.abort_at:
                run.abort("ann", "changed my mind")

        world.around = around
        run.run_now()
