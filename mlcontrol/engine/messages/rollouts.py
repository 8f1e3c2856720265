"""Checks, plans and guarded changes."""

from __future__ import annotations

import msgspec

from mlcontrol.core.compatibility.report import Report
from mlcontrol.core.judge.backtest import GateBacktest
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.owner import Owner
from mlcontrol.core.plan import Plan
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.engine.messages.shape import Request


class CheckVersion(Request, frozen=True, kw_only=True):
    """Compatibility of a registered version with what is served now. ``probe``: also load it beside the current version and run
    the golden set on the real server (journaled; no traffic moves). Answer: `CheckAnswer`; progress as `Progress`."""

    service: str
    version: str
    probe: bool = False
    actor: str = ""


class MakePlan(Request, frozen=True, kw_only=True):
    """``version`` `None` with a rollback: the last version known good. ``rollout`` `None`: as the service's settings say.
    Answer: `PlanAnswer`."""

    kind: OperationKind
    service: str
    version: str | None = None
    express: bool = False
    rollout: RolloutSettings | None = None


class FindOwners(Request, frozen=True, kw_only=True):
    """Who else keeps what a change of the service would move, asked now; ``version``: the one that it is about.
    Answer: `OwnersAnswer`."""

    service: str
    version: str


class Execute(Request, frozen=True, kw_only=True):
    """Run a plan the engine made (`MakePlan`), named by its hash. The same ``operation`` id twice is one operation.
    Answer: `Done` when the intent is durable and the operation runs; then `OperationChanged` until it has ended."""

    operation: str
    plan_hash: str
    reason: str
    actor: str
    accept_unknown: bool = False
    break_glass: bool = False  # against a freeze or without an approval; loud, and recorded
    overrides: dict[str, str] = msgspec.field(default_factory=dict)  # by rule: why; for those whom the policy names


class Abort(Request, frozen=True, kw_only=True):
    """Stop at the next safe point and go back."""

    operation: str
    actor: str
    reason: str = ""


class HoldStage(Request, frozen=True, kw_only=True):
    """Stay at the present share until a person goes on (``hold``), or go on being judged."""

    operation: str
    actor: str
    hold: bool = True


class PromoteStage(Request, frozen=True, kw_only=True):
    """Leave the present stage now. Where the judge has not said fine, ``reason`` is needed and recorded. ``step``: the stage that
    was looked at; when another one is judged by now, it is refused. Empty: whichever it is."""

    operation: str
    actor: str
    reason: str = ""
    step: str = ""


class ClearGuard(Request, frozen=True, kw_only=True):
    """Take a guard's latched "worse" away, with a reason."""

    operation: str
    guard: str
    actor: str
    reason: str


class CheckAnswer(Request, frozen=True, kw_only=True):
    service: str
    version: str
    report: Report


class PlanAnswer(Request, frozen=True, kw_only=True):
    plan: Plan
    plan_hash: str


class OwnersAnswer(Request, frozen=True, kw_only=True):
    """``unread``: places that could not be asked, in words; with them "none found" is worth less."""

    owners: tuple[Owner, ...]
    unread: tuple[str, ...]


class BacktestGate(Request, frozen=True, kw_only=True):
    """Run a plan's guards over a change of the past: ``at_s``, when one version took the traffic of another (UTC seconds).

    ``rollout`` `None`: the service's own plan. ``rollouts_a_month`` `None`: as many as the journal knows of. Answer:
    `GateBacktestAnswer`; progress as `Progress`."""

    service: str
    at_s: float
    rollout: RolloutSettings | None = None
    rollouts_a_month: float | None = None


class StopBacktest(Request, frozen=True, kw_only=True):
    """Give up the backtest that was asked for as ``of``: it is answered by a refusal (code "stopped") at its next progress.
    Answer: `Done`, also where it had ended."""

    of: str


class GateBacktestAnswer(Request, frozen=True, kw_only=True):
    backtest: GateBacktest


Command = (
    CheckVersion
    | MakePlan
    | FindOwners
    | Execute
    | Abort
    | HoldStage
    | PromoteStage
    | ClearGuard
    | BacktestGate
    | StopBacktest
)
Event = CheckAnswer | PlanAnswer | OwnersAnswer | GateBacktestAnswer
