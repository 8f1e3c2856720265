"""Rollout and rollback plans as data: steps, guards, blast radius, and what the plan assumes of the world."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from mlcontrol.core.compatibility.report import Report
from mlcontrol.core.coupling import Move
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.owner import Owner
from mlcontrol.core.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Assumption:
    """The live state the plan was made for. It is read again right before the first effect; a difference voids the plan."""

    intended: str | None
    served: tuple[str, ...]
    stable: str | None
    canary: str | None
    canary_percent: float
    target_digest: str | None
    parts: tuple[tuple[str, str | None], ...] = ()  # of what is coupled: name and what it was


@dataclass(frozen=True, slots=True)
class PlanStep:
    """``id`` names the effect ("load", "golden", "route", "verify", "alias", "alias-verify", "trim")."""

    id: str
    title: str
    detail: str
    expected_s: float


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """Who feels it. ``share``: of the service's traffic, 0..1; ``irreversible``: what a return does not undo."""

    requests_per_s: float | None
    share: float
    slices: tuple[str, ...]
    cold_load_s: float | None
    irreversible: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    """What the judge of errors can see at one share, at the present traffic; `None` where the traffic is not known or too
    little.

    ``doubled_s``/``tripled_s``: median time until a doubled or tripled error rate is found. ``fine_s``: until a good version
    is judged fine. ``per_s``: requests a second at risk.
    """

    percent: float
    per_s: float | None
    doubled_s: float | None
    tripled_s: float | None
    fine_s: float | None


@dataclass(frozen=True, slots=True)
class Overridable:
    """A finding that stops the plan unless one of ``by`` overrides its rule with a reason; ``sentence`` stands in the plan's
    ``blocked_by`` or ``unknown`` as well, so who knows nothing of overrides is stopped by it."""

    rule: str
    sentence: str
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    service: str
    kind: OperationKind
    from_version: str | None
    to_version: str
    express: bool
    assumes: Assumption
    steps: tuple[PlanStep, ...]
    blast: BlastRadius
    report: Report | None
    expected_s: float
    made_s: float
    strategy: Strategy = field(default_factory=Strategy)
    sees: tuple[Sight, ...] = ()  # what each guard can see at each stage
    blocked_by: tuple[str, ...] = ()  # sentences; empty = may run
    unknown: tuple[str, ...] = ()  # sentences; a person may override with a reason, an automatic step may not
    warnings: tuple[str, ...] = ()
    overridable: tuple[Overridable, ...] = ()
    moves: tuple[Move, ...] = ()  # what is coupled to the version and goes with it
    owners: tuple[Owner, ...] = ()  # who else writes what it changes, as far as anybody can tell
    owners_unread: tuple[str, ...] = ()  # who could not be asked about that

    @property
    def hash(self) -> str:
        """Digest of what is asked, of what it assumes and of the verdicts shown: approvals and commands bind to it."""
        body = {
            "service": self.service,
            "kind": self.kind,
            "from": self.from_version,
            "to": self.to_version,
            "express": self.express,
            "assumes": asdict(self.assumes),
            "steps": [step.id for step in self.steps],
            "strategy": asdict(self.strategy),
            "blocked_by": self.blocked_by,
            "unknown": self.unknown,
            "warnings": self.warnings,
            "overridable": [asdict(one) for one in self.overridable],
            "moves": [asdict(one) for one in self.moves],
        }
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
