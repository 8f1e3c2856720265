"""Plans: what a rollout would do to this service, whom it touches, how long it takes, and what forbids it."""

from __future__ import annotations

from dataclasses import replace

from mlcontrol.core import rollout
from mlcontrol.core.compatibility.report import Direction, Finding, Report, Verdict
from mlcontrol.core.coupling import Move, order_of
from mlcontrol.core.judge.policy import TITLES, Role
from mlcontrol.core.judge.sight import seconds_until_fine
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.plan import Overridable, Plan, PlanStep
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.core.sights import sights
from mlcontrol.core.strategy import Strategy, strategy_of
from mlcontrol.core.types import Health
from mlcontrol.core.versions import version_order
from mlcontrol.core.wayback import being_left
from mlcontrol.ports.errors import AdapterError
from mlcontrol.services.blast import blast_radius
from mlcontrol.services.context import ChecksService, ServiceContext
from mlcontrol.services.coupled import moves_with
from mlcontrol.services.live import LiveState, left_by, observe, on_trial_now, one_at_a_time, service_settings
from mlcontrol.services.memory import traffic_before
from mlcontrol.services.next_safest import next_safest
from mlcontrol.services.owners import find_owners, under_policy
from mlcontrol.services.patience import NoAnswer, within
from mlcontrol.services.permission import standing_words
from mlcontrol.services.shadow_inputs import MAX_PER_S
from mlcontrol.services.watching import LOG_LAG_S, require_watchable

DEFAULT_SECONDS = {
    rollout.ASSUME: 0.3,
    rollout.LOAD: 8.0,
    rollout.GOLDEN: 1.5,
    rollout.ROUTE: 0.1,
    rollout.VERIFY: 0.5,
    rollout.ALIAS: 0.3,
    rollout.UNLOAD: 3.0,
    rollout.LET_GO: 3.0,
    rollout.RETURN_ROUTE: 0.2,
    rollout.RETURN_LOAD: 0.5,
}
TO_ACCEPT = frozenset({"S1", "S4"})  # grown too much, trained earlier: stand unless a person answers for them
PAST_S, PAST_DEADLINE_S = 900.0, 3.0
CHECKER, CHECK_S, RETURN_CHECK_S = "The compatibility check", 25.0, 5.0
HAND_S = 300.0  # for a person to replace a server
READY_SECONDS = 0.1  # the load step when the version is loaded already


def make_plan(
    ctx: ServiceContext,
    checks: ChecksService,
    kind: OperationKind,
    service: str,
    version: str | None,
    express: bool,
    settings: RolloutSettings | None = None,
    strategy: Strategy | None = None,
) -> Plan:
    """A plan for the state as it is now. Raises `ProblemError` when there is nothing to plan (no such version, no way back).

    ``strategy``: of a bisect; a deploy's is what ``settings`` say, else those of the service.
    """
    chosen = settings if settings is not None else service_settings(ctx, service).rollout
    if kind is OperationKind.DEPLOY:
        strategy = strategy_of(chosen)
    strategy = strategy or Strategy()
    live = observe(ctx, service)
    target = version if version is not None else _default_target(ctx, kind, service, live)
    _require_registered(ctx, service, target)
    blocked, unknown, warnings = _obvious_reasons(ctx, kind, service, target, live)
    report: Report | None = None
    if live.current is not None and live.current != target:
        try:
            report = _ask_checker(checks, kind, service, target)
        except NoAnswer as silence:
            unknown.append(str(silence.problem))
        if ctx.settings.policy.problem:
            unknown.append(f"What the policy asks for is not known: {ctx.settings.policy.problem}")
        _judge(report, kind, express, blocked, unknown, warnings)
    owners = find_owners(ctx, service, target)
    stops, told, may_override = under_policy(ctx, service, kind, owners)
    blocked += stops
    warnings += told
    if strategy.judged:
        _require_judge(ctx, service, live, strategy, blocked, unknown)
    left = left_by(ctx, service, target, live)
    moves = moves_with(ctx, service, target, live, kind, strategy, unknown if not express else warnings, warnings)
    steps = _steps(ctx, kind, service, target, live, express, strategy, moves, left)
    blast = blast_radius(ctx, service, target, live, steps, strategy, express)
    if left != live.current:
        blast = replace(blast, share=live.split.canary_percent / 100.0)
    plan = Plan(
        service=service,
        kind=kind,
        from_version=left,
        to_version=target,
        express=express,
        assumes=live.assumption(_recorded_digest(ctx, service, target)),
        steps=steps,
        blast=blast,
        report=report,
        expected_s=sum(step.expected_s for step in steps),
        made_s=ctx.clock.utc_s(),
        strategy=strategy,
        sees=sights(strategy, blast.requests_per_s, _error_share(ctx, service) if strategy.steps else 0.0),
        blocked_by=tuple(blocked),
        unknown=tuple(unknown),
        warnings=tuple(warnings),
        overridable=(*_overridable(report, kind, (*blocked, *unknown)), *may_override),
        owners=owners.found,
        owners_unread=owners.unread,
        moves=moves,
    )
    if kind is OperationKind.ROLLBACK and version is None and plan.blocked_by:
        others = [v for v in rollback_targets(ctx, service, live.current) if v != target]
        return next_safest(plan, others, lambda other: make_plan(ctx, checks, kind, service, other, express))
    return plan


def _ask_checker(checks: ChecksService, kind: OperationKind, service: str, target: str) -> Report:
    """Raises `NoAnswer` where the checker hangs or breaks. The way back waits for it only shortly."""
    if _goes_back(kind):
        return within(RETURN_CHECK_S, lambda: checks.check_return(service, target), CHECKER)
    return within(CHECK_S, lambda: checks.check(service, target, False, "", _silent), CHECKER)


def _goes_back(kind: OperationKind) -> bool:
    """Whether traffic goes to a version that came before: checked by the rules of that direction."""
    return kind in (OperationKind.ROLLBACK, OperationKind.BISECT)


def rollback_target(ctx: ServiceContext, service: str, current: str | None) -> str | None:
    """The newest version that served here and was known good; else the newest registered before the current one."""
    return next(iter(rollback_targets(ctx, service, current)), None)


def rollback_targets(ctx: ServiceContext, service: str, current: str | None) -> tuple[str, ...]:
    """Where to return to, safest first: versions that served here well, newest first, then what carried the traffic before, then
    those registered before the current one. What was rolled back itself is left out."""
    left = being_left(ctx.state().operations.values(), service, ctx.clock.utc_s(), 0.0)  # what is done is in the store
    quarantined = {**left, **ctx.store.knowledge.quarantined(service)}
    served = (*(v for v, _ in ctx.store.knowledge.known_good(service)), *traffic_before(ctx, service))
    proven = [v for v in dict.fromkeys(served) if v != current and v not in quarantined]
    if current is None:
        return tuple(proven)
    s = service_settings(ctx, service)
    older = [
        v.version
        for v in ctx.registry(s.registry).versions(s.model)
        if version_order(v.version) < version_order(current) and v.version not in (*quarantined, *proven)
    ]
    return (*proven, *sorted(older, key=version_order, reverse=True))


def _default_target(ctx: ServiceContext, kind: OperationKind, service: str, live: LiveState) -> str:
    target = None
    if kind is OperationKind.ROLLBACK:
        tried = on_trial_now(ctx, service, live)
        target = live.current if tried is not None else rollback_target(ctx, service, live.current)
    if target is None:
        raise ProblemError(
            Problem(
                "There is no earlier version known to be good."
                if kind is OperationKind.ROLLBACK
                else "No version was named.",
                "Nothing else has served here, and the registry holds no earlier version."
                if kind is OperationKind.ROLLBACK
                else "",
                "Choose a version by hand.",
                code="not-found",
            )
        )
    return target


def _require_registered(ctx: ServiceContext, service: str, version: str) -> None:
    s = service_settings(ctx, service)
    known = {v.version for v in ctx.registry(s.registry).versions(s.model)}
    if version not in known:
        listing = ", ".join(sorted(known, key=version_order)) or "none"
        raise ProblemError(
            Problem(
                f"{s.model} has no version {version}.",
                f"The registry knows: {listing}.",
                "Choose one of these.",
                code="not-found",
            )
        )


def _obvious_reasons(
    ctx: ServiceContext, kind: OperationKind, service: str, target: str, live: LiveState
) -> tuple[list[str], list[str], list[str]]:
    blocked: list[str] = []
    unknown: list[str] = []
    warnings: list[str] = []
    if live.current == target and live.split.canary_percent == 0:
        blocked.append(f"v{target} answers all the traffic already.")
    if live.current is None:
        unknown.append("It is not known which version answers now, so nobody can say what would change.")
    by_people, announced = standing_words(ctx, kind, service, target)
    blocked += by_people
    warnings += announced
    if ctx.golden(service) is None and kind is not OperationKind.BISECT:
        blocked.append("This service has no golden set: after the change nobody could prove who answers.")
    s = service_settings(ctx, service)
    if (alone := one_at_a_time(ctx, s)) and not live.loaded_everywhere(target):
        told = f"{alone} holds one version at a time: v{target} cannot be asked beforehand, and callers wait while it starts."
        (blocked if s.routing else warnings if kind is OperationKind.ROLLBACK else unknown).append(told)
    known_good = {version for version, _ in ctx.store.knowledge.known_good(service)}
    if _goes_back(kind) and target not in known_good:
        warnings.append(f"There is no record here that v{target} served well; it is the version before this one.")
    return blocked, unknown, warnings


def _judge(
    report: Report | None,
    kind: OperationKind,
    express: bool,
    blocked: list[str],
    unknown: list[str],
    warnings: list[str],
) -> None:
    """Deploying meets every rule of its direction; returning meets only what is mechanical (the checker holds that rule)."""
    direction = Direction.ROLLBACK if _goes_back(kind) else Direction.DEPLOY
    lists = {Verdict.BLOCK: blocked, Verdict.UNKNOWN: unknown, Verdict.WARN: warnings}
    for finding in report.findings if report is not None else ():
        if finding.direction is not direction or finding.verdict not in lists:
            continue
        to_accept = finding.rule in TO_ACCEPT and direction is Direction.DEPLOY
        (unknown if to_accept else lists[finding.verdict]).append(_sentence(finding))
    if report is not None and report.one_way and direction is Direction.DEPLOY:
        warnings.append("One way: once callers speak to the new version, the old one cannot take over again.")
    if express:
        # What is not known must not keep anybody from the way back; it is still said.
        warnings.extend(f"Not known: {sentence}" for sentence in unknown)
        unknown.clear()


def _overridable(report: Report | None, kind: OperationKind, standing: tuple[str, ...]) -> tuple[Overridable, ...]:
    """Of what stands against the plan: what the policy lets somebody override."""
    direction = Direction.ROLLBACK if _goes_back(kind) else Direction.DEPLOY
    found = (
        Overridable(f.rule, _sentence(f), f.may_override)
        for f in (report.findings if report is not None else ())
        if f.direction is direction and f.may_override
    )
    return tuple(dict.fromkeys(one for one in found if one.sentence in standing))


def _sentence(finding: Finding) -> str:
    return f"{finding.rule}: {finding.why}" + (f" To fix: {finding.remedy}" if finding.remedy else "")


def _require_judge(
    ctx: ServiceContext,
    service: str,
    live: LiveState,
    strategy: Strategy,
    blocked: list[str],
    unknown: list[str],
) -> None:
    """What stages need: a router that splits and counts, an old version to compare with, data to judge by."""
    problem = require_watchable(service_settings(ctx, service))
    if problem is not None:
        blocked.append(f"{problem.what} {problem.why}")
    if live.split.canary_percent > 0:
        blocked.append(
            f"The router already sends {live.split.canary_percent:g} % to v{live.split.canary}: end that first."
        )
    state = ctx.state().services.get(service)
    if strategy.steps and (state is None or state.use.health is Health.UNKNOWN):
        unknown.append("Nobody knows the traffic right now, so nobody can say when a stage will be decided.")


def _error_share(ctx: ServiceContext, service: str) -> float:
    """Of the last quarter of an hour, by the prediction log; 0 where nothing fails or nothing is known."""
    s, now = service_settings(ctx, service), ctx.clock.utc_s()
    if not s.predictions:
        return 0.0
    try:
        shares = ctx.predictions(s.predictions).shares(service, now - PAST_S, now, PAST_DEADLINE_S)
    except AdapterError:
        return 0.0
    failed, answered = sum(x.failed for x in shares), sum(x.answered for x in shares)
    return min(0.5, failed / (failed + answered)) if failed else 0.0


def _steps(
    ctx: ServiceContext,
    kind: OperationKind,
    service: str,
    target: str,
    live: LiveState,
    express: bool,
    strategy: Strategy,
    moves: tuple[Move, ...],
    left: str | None,
) -> tuple[PlanStep, ...]:
    errors = _error_share(ctx, service) if strategy.judged else 0.0
    details = {
        rollout.ASSUME: "nothing is done if the world has changed since this plan",
        rollout.LOAD: f"v{target} beside v{live.current}; no traffic moves",
        rollout.GOLDEN: f"v{target} is asked directly; no traffic moves",
        rollout.ROUTE: f"all traffic from v{live.current} to v{target}"
        if left == live.current
        else f"the {live.split.canary_percent:g} % of v{left} to v{target}, which has the rest",
        rollout.VERIFY: "golden queries on the callers' road, counters that move; else it goes back by itself",
        rollout.ALIAS: f"the registry names v{target}",
        rollout.UNLOAD: "as it was before",
        rollout.LET_GO: f"v{live.current}, and what else belongs to another server than the one that comes",
        rollout.SHADOW: _shadow_words(strategy),
        rollout.BAKE: f"{strategy.bake_s:.0f} s under judgement; v{live.current} stays loaded, the way back is hot",
    }
    details |= {f"{prefix}{m.part.name}": m.words() for m in moves for prefix in (rollout.PART, rollout.BY_HAND)}
    steps = []
    for step in rollout.forward_steps(kind, express, strategy, order_of(kind, moves)):
        expected, detail = _expected(ctx, service, step, strategy, errors), details.get(step, "")
        percent = rollout.share_of(step)
        if percent is not None and step.startswith(rollout.SPLIT):
            detail = f"{percent:g} % to v{target}, the rest stays on v{live.current}"
        elif percent is not None:
            detail = _judged_words(strategy)
        if kind is OperationKind.BISECT:
            detail = _bisect_detail(step, target, live) or detail
        if step == rollout.LOAD and live.loaded_everywhere(target):
            expected, detail = READY_SECONDS, f"v{target} is loaded and ready already"
        steps.append(PlanStep(step, rollout.title(step), detail, expected))
    return tuple(steps)


def _bisect_detail(step: str, target: str, live: LiveState) -> str:
    if step == rollout.RETURN_ROUTE:
        return f"all of it to v{live.current} again, whatever was found"
    if rollout.is_judged(step):
        return f"v{live.current} against v{target} by a sequential test, until it has decided"
    return ""


def _expected(ctx: ServiceContext, service: str, step: str, strategy: Strategy, errors: float) -> float:
    if step.startswith((rollout.PART, rollout.BY_HAND)):
        return DEFAULT_SECONDS[rollout.ALIAS] if step.startswith(rollout.PART) else HAND_S
    if step.startswith(rollout.SPLIT):
        return DEFAULT_SECONDS[rollout.ROUTE]
    state = ctx.state().services.get(service)
    per_s = state.traffic_per_s if state is not None and state.use.health is not Health.UNKNOWN else None
    if step == rollout.SHADOW:
        return min(strategy.max_s, strategy.shadow_requests / min(per_s or MAX_PER_S, MAX_PER_S) + LOG_LAG_S)
    if rollout.share_of(step) is None:
        measured = None if rollout.is_judged(step) else ctx.store.knowledge.measured_seconds(service, step)
        at_most = {rollout.BAKE: strategy.bake_s}
        return measured or at_most.get(step) or DEFAULT_SECONDS[step]
    if not per_s:
        return strategy.min_s
    share = (rollout.share_of(step) or 0.0) / 100.0
    fine = seconds_until_fine(per_s, share, errors, strategy.judge) or strategy.max_s
    return min(strategy.max_s, max(fine, strategy.min_s, strategy.min_requests / (per_s * share)))


def _shadow_words(strategy: Strategy) -> str:
    every = f"every input that comes to both versions, at most {MAX_PER_S:g} a second"
    return (
        f"{every}, until {strategy.shadow_requests:,} were asked; at most {strategy.shadow_tolerance:.1%} may differ;"
        " no caller gets an answer of it"
    )


def _judged_words(strategy: Strategy) -> str:
    required = [TITLES[name].lower() for name, role in strategy.judge.roles.items() if role is Role.REQUIRE]
    then = {"auto": "then goes on by itself", "ask": "then asks", "hold": "then holds"}[strategy.advance.value]
    return f"until {', '.join(required)} judged fine, at least {strategy.min_requests} answers; {then}"


def _recorded_digest(ctx: ServiceContext, service: str, version: str) -> str | None:
    s = service_settings(ctx, service)
    for summary in ctx.registry(s.registry).versions(s.model):
        if summary.version == version:
            return summary.digest
    return None


def _silent(_text: str, _fraction: float | None) -> None:
    """A declared check takes a moment only; nobody waits for its progress."""
