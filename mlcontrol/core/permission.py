"""Who must agree before a deploy, and what the panel may do by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mlcontrol.core.operation import OperationKind
from mlcontrol.core.settings import ServiceSettings

VALID_S = 3600.0


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's yes to one plan, named by its hash: an edited plan has another hash, and this is void for it."""

    plan_hash: str
    service: str
    actor: str
    reason: str
    at_s: float
    expires_s: float


class Automation(StrEnum):
    """``SUGGEST``: the panel says what it would do; a person does it."""

    MANUAL = "manual"
    SUGGEST = "suggest"
    AUTOMATIC = "automatic"


_DEFAULTS = {"abort": Automation.AUTOMATIC, "drill": Automation.AUTOMATIC, "rollback": Automation.SUGGEST}


def automation(service: ServiceSettings, action: str) -> Automation:
    """What the panel may do of itself: ``action`` is "deploy", "rollback", "abort" or "drill". What cannot be read is manual."""
    chosen = service.automation.get(action)
    if chosen is None:
        return _DEFAULTS.get(action, Automation.MANUAL)
    try:
        return Automation(chosen)
    except ValueError:
        return Automation.MANUAL


def people_needed(service: ServiceSettings, kind: OperationKind) -> int:
    """How many others must approve. A rollback never waits for anybody."""
    return int(service.approval.get("people", 0)) if kind is OperationKind.DEPLOY else 0


def valid_for_s(service: ServiceSettings) -> float:
    return float(service.approval.get("valid_s", VALID_S))


def standing(approvals: Iterable[Approval], plan_hash: str, actor: str, now_s: float) -> tuple[Approval, ...]:
    """The approvals that count for ``actor`` to run this very plan now: his own does not."""
    return tuple(
        a for a in approvals if a.plan_hash == plan_hash and a.actor != actor and a.at_s <= now_s < a.expires_s
    )
