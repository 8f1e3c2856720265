"""The guards that are people: approvals, freeze windows, and what the engine may do of itself. None of them binds a rollback."""

from __future__ import annotations

from mlcontrol.core.freeze import binds
from mlcontrol.core.incidents.incident import frozen_by
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.overriding import Overridden
from mlcontrol.core.permission import Approval, Automation, automation, people_needed, standing, valid_for_s
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings


class Permissions:
    """*Thread:* any."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx

    def approve(self, service: str, plan_hash: str, actor: str, reason: str) -> Approval:
        """Somebody else's yes to one plan. Audited before it counts."""
        if not reason.strip():
            raise ProblemError(_no_reason("An approval"))
        if not plan_hash.startswith("sha256:") or len(plan_hash) != 71:
            raise ProblemError(
                Problem(f"{plan_hash[:80]!r} names no plan.", "", "Copy the hash of the plan.", "refused")
            )
        settings = service_settings(self._ctx, service)
        now = self._ctx.clock.utc_s()
        approval = Approval(plan_hash, service, actor, reason, now, now + valid_for_s(settings))
        self._ctx.store.audit.append(actor, "plan.approved", {"plan_hash": plan_hash, "reason": reason}, service)
        self._ctx.store.approvals.put(approval)
        self._tell(service, f"Approved a plan for {service}", f"{reason} Plan {plan_hash[:19]}….", actor, Health.OK)
        return approval

    def require(self, plan: Plan, actor: str, reason: str, break_glass: bool, automatic: bool) -> None:
        """Raises `ProblemError` (codes "automation", "frozen", "approval"). Rollbacks and drills of them pass, always."""
        settings = service_settings(self._ctx, plan.service)
        if automatic and automation(settings, plan.kind.value) is not Automation.AUTOMATIC:
            raise ProblemError(_not_automatic(plan, automation(settings, plan.kind.value)))
        if plan.kind is not OperationKind.DEPLOY:
            return
        stops = self._stops(settings, plan, actor)
        if not stops:
            return
        if not break_glass or automatic:
            raise ProblemError(stops[0])
        words = " ".join(problem.what + " " + problem.why for problem in stops)
        self._ctx.store.audit.append(
            actor, "deploy.glass-broken", {"plan_hash": plan.hash, "reason": reason, "against": words}, plan.service
        )
        self._tell(plan.service, f"{actor} broke the glass for v{plan.to_version}", f"{reason} Against: {words}", actor)

    def require_no_quarantine(self, plan: Plan) -> None:
        """Looked at with the lease in hand: a plan lives for minutes, in which a colleague may have rolled its version back. Raises
        `ProblemError` (code "blocked")."""
        why = self._ctx.store.knowledge.quarantined(plan.service).get(plan.to_version)
        if why is not None:
            raise ProblemError(
                Problem(
                    f"v{plan.to_version} has been in quarantine since this plan was made.",
                    f"It was rolled back: {why}",
                    "Choose another version, or lift the quarantine with a reason and plan again.",
                    code="blocked",
                )
            )

    def record_overrides(self, plan: Plan, actor: str, overridden: Overridden) -> None:
        """Audited before anything is done: who went on against which finding, and why."""
        for one, reason in overridden:
            body = {
                "plan_hash": plan.hash,
                "rule": one.rule,
                "reason": reason,
                "against": one.sentence,
                "may_override": list(one.by),
            }
            self._ctx.store.audit.append(actor, f"{plan.kind.value}.rule-overridden", body, plan.service)
            title = f"{actor} overrode {one.rule} for v{plan.to_version}"
            self._tell(plan.service, title, f"{reason} Against: {one.sentence}", actor)

    def freezes(self, settings: ServiceSettings) -> tuple[str, ...]:
        """Why this service may not be deployed to now, one sentence a freeze."""
        now = self._ctx.clock.utc_s()
        found = (binds(f, settings.id, settings.environment, now) for f in self._ctx.settings.freezes.values())
        stopped = [words for words in found if words]
        environment = settings.environment or self._ctx.settings.environment
        burning = frozen_by(self._ctx.store.incidents.all(), settings.id, environment)
        if burning is not None:
            stopped.append(f"Incident {burning.number} burns in {burning.environment or burning.service}.")
        return tuple(stopped)

    def approvals(self, settings: ServiceSettings, plan_hash: str, actor: str) -> tuple[int, tuple[Approval, ...]]:
        """How many others are needed, and whose approvals count for ``actor`` now."""
        given = self._ctx.store.approvals.of(plan_hash)
        needed = people_needed(settings, OperationKind.DEPLOY)
        return needed, standing(given, plan_hash, actor, self._ctx.clock.utc_s())

    def second_person(self, plan_hash: str, actor: str, since_s: float) -> str:
        """Who else has approved this very plan since it runs; empty when nobody has. What was approved before it began was a plan
        whose judge sees something."""
        given = standing(self._ctx.store.approvals.of(plan_hash), plan_hash, actor, self._ctx.clock.utc_s())
        return ", ".join(approval.actor for approval in given if approval.at_s >= since_s)

    def _stops(self, settings: ServiceSettings, plan: Plan, actor: str) -> list[Problem]:
        found = [
            Problem(
                f"{plan.service} is frozen.",
                words,
                "Wait for its end, or break the glass with a reason. A rollback is never frozen.",
                code="frozen",
            )
            for words in self.freezes(settings)
        ]
        needed, given = self.approvals(settings, plan.hash, actor)
        if len(given) < needed:
            have = (
                f"{', '.join(a.actor for a in given)} approved it." if given else "Nobody has approved this very plan."
            )
            found.append(
                Problem(
                    f"A deploy to {plan.service} needs the approval of {needed} other{'s' if needed > 1 else ''}.",
                    f"{have} An approval binds one plan and expires; a plan made anew needs a new one.",
                    f"Ask for: mlcontrol approve {plan.service} {plan.hash} --reason …",
                    code="approval",
                )
            )
        return found

    def lift_quarantine(self, service: str, version: str, actor: str, reason: str) -> None:
        """Let a version that was rolled back be deployed again."""
        if not reason.strip():
            raise ProblemError(_no_reason("Lifting a quarantine"))
        why = self._ctx.store.knowledge.quarantined(service).get(version)
        if why is None:
            raise ProblemError(Problem(f"v{version} of {service} is not in quarantine.", code="not-found"))
        body = {"version": version, "was": why, "reason": reason}
        self._ctx.store.audit.append(actor, "quarantine.lifted", body, service)
        self._ctx.store.knowledge.lift(service, version)
        self._tell(service, f"Quarantine of v{version} lifted", f"{reason} It was rolled back: {why}", actor)

    def _tell(self, service: str, title: str, detail: str, actor: str, severity: Health = Health.WARNING) -> None:
        stamp = self._ctx.clock.stamp()
        self._ctx.emit(
            TimelineEvent(
                id=f"permission-{service}-{stamp.utc_s:.3f}-{stamp.seq}",
                at_s=stamp.utc_s,
                kind=EventKind.CONFIG,
                title=title,
                service=service,
                detail=detail,
                actor=actor,
                severity=severity,
            )
        )


def standing_words(ctx: ServiceContext, kind: OperationKind, service: str, target: str) -> tuple[list[str], list[str]]:
    """What a plan says of people's guards: (blocks, warnings). Approvals and freezes are judged when it is executed; here they
    are announced in words that do not change while the plan lives, since its hash covers them."""
    settings = service_settings(ctx, service)
    blocked, warnings = [], []
    quarantine = ctx.store.knowledge.quarantined(service).get(target)
    if quarantine is not None:
        blocked.append(
            f"P2: v{target} is in quarantine; it was rolled back: {quarantine} "
            "To fix: choose another version, or lift the quarantine with a reason."
        )
    if kind is OperationKind.DEPLOY:
        needed = people_needed(settings, kind)
        if needed:
            warnings.append(
                f"P1: {needed} other{'s' if needed > 1 else ''} must approve this very plan before it runs."
            )
        warnings += [f"P1: {words}" for words in Permissions(ctx).freezes(settings)]
    return blocked, warnings


def _no_reason(what: str) -> Problem:
    return Problem("A reason is missing.", f"{what} is recorded with its reason.", "Give one.", code="refused")


def _not_automatic(plan: Plan, level: Automation) -> Problem:
    return Problem(
        f"A {plan.kind.value} of {plan.service} is not done without a person.",
        f"Its automation level is “{level.value}”.",
        "Do it by hand, or set the level in the workspace.",
        code="automation",
    )
