"""Acting together: approvals, freezes, quarantine, drills."""

from __future__ import annotations

from mlcontrol.core.drill import Drill, DrillMode
from mlcontrol.core.freeze import Freeze
from mlcontrol.core.permission import Approval
from mlcontrol.engine.messages.shape import Request


class ApprovePlan(Request, frozen=True, kw_only=True):
    """Say yes to a plan that somebody else is to run. Answer: `Done` when it is durable."""

    service: str
    plan_hash: str
    actor: str
    reason: str


class QueryGuards(Request, frozen=True, kw_only=True):
    """What people's guards say of a plan that ``actor`` wants to run now. Answer: `GuardsAnswer`."""

    service: str
    plan_hash: str
    actor: str


class LiftQuarantine(Request, frozen=True, kw_only=True):
    """Let a version that was rolled back be deployed again. Answer: `Done`."""

    service: str
    version: str
    actor: str
    reason: str


class AddFreeze(Request, frozen=True, kw_only=True):
    """Nothing is deployed within its scope while it holds; rollbacks always are. Kept in the workspace file. Answer: `Done`."""

    freeze: Freeze
    actor: str


class LiftFreeze(Request, frozen=True, kw_only=True):
    """Answer: `Done`."""

    freeze: str
    actor: str
    reason: str


class RunDrill(Request, frozen=True, kw_only=True):
    """Exercise the way back. ``quiet_per_s``: the traffic up to which a drill for real may be felt. Answer: `DrillAnswer` at its
    end; the operation shows as it runs."""

    service: str
    mode: DrillMode
    actor: str
    reason: str
    quiet_per_s: float | None = None


class QueryDrills(Request, frozen=True, kw_only=True):
    """Answer: `DrillsAnswer`."""

    service: str


class GuardsAnswer(Request, frozen=True, kw_only=True):
    needed: int
    approvals: tuple[Approval, ...]
    freezes: tuple[str, ...]


class DrillAnswer(Request, frozen=True, kw_only=True):
    drill: Drill


class DrillsAnswer(Request, frozen=True, kw_only=True):
    """Newest first."""

    service: str
    drills: tuple[Drill, ...]


Command = ApprovePlan | QueryGuards | LiftQuarantine | AddFreeze | LiftFreeze | RunDrill | QueryDrills
Event = GuardsAnswer | DrillAnswer | DrillsAnswer
