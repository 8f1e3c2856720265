"""Plans and guarded actions: what `plan`, `deploy` and `rollback` share."""

from __future__ import annotations

import argparse
import queue
import sys
import uuid
from dataclasses import replace
from typing import Any

from mlcontrol.cli.exit_codes import BLOCKED, DONE, UNKNOWN
from mlcontrol.cli.output import jsonable, plain, put_json, say, say_problem, utc
from mlcontrol.cli.session import Session, actor
from mlcontrol.core.bisect import Found
from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.core.overriding import override_words
from mlcontrol.core.owner import Owner, OwnerKind, owner_words
from mlcontrol.core.plan import Plan, Sight
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import RolloutSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.strategy import Advance, StrategyKind, strategy_of
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request

PLAN_S = 120.0
START_S = 420.0  # a rollback may wait for what it takes over to put back what it had loaded
_MARKS = {StepState.DONE: "done", StepState.FAILED: "FAILED", StepState.RUNNING: "…"}


def add_action_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, help="why; recorded in the audit log")
    parser.add_argument("--yes", action="store_true", help="do not ask; the guards stay")
    parser.add_argument("--follow", action="store_true", help="print what happens as it happens")
    parser.add_argument("--accept-unknown", action="store_true", help="go on although something is not known")
    parser.add_argument(
        "--break-glass",
        action="store_true",
        help="against a freeze, or without the approval it needs; loud and recorded",
    )

    parser.add_argument(
        "--override",
        action="append",
        default=[],
        metavar="RULE=REASON",
        help="go on against a rule, where the policy lets you; recorded; may be given again",
    )


def overrides_of(rows: list[str]) -> dict[str, str]:
    """Reasons by rule id. Raises `ProblemError` (usage) for one without a reason."""
    found: dict[str, str] = {}
    for row in rows:
        rule, _, reason = row.partition("=")
        if not rule.strip() or not reason.strip():
            what = f"--override {row!r:.60} is not understood."
            raise ProblemError(Problem(what, "It names a rule and why one goes on.", "Write RULE=REASON.", "usage"))
        found[rule.strip().upper()] = reason.strip()
    return found


def add_strategy_options(parser: argparse.ArgumentParser) -> None:
    """How the traffic moves; what is not named is as the service's settings say."""
    group = parser.add_argument_group("strategy")
    kinds = [kind.value for kind in StrategyKind]
    group.add_argument("--strategy", choices=kinds, help="how the version takes over the traffic")
    group.add_argument("--steps", metavar="1,10,50,100", help="shares in percent, each judged")
    group.add_argument("--advance", choices=[a.value for a in Advance], help="what to do when a stage is judged fine")
    group.add_argument(
        "--bake", type=float, metavar="SECONDS", help="keep the old version hot so long, under judgement"
    )
    group.add_argument("--min-requests", type=int, metavar="N", help="answers a stage must have")
    group.add_argument("--min-time", type=float, metavar="SECONDS", help="seconds a stage must last")
    group.add_argument(
        "--max-time", type=float, metavar="SECONDS", help="seconds after which an undecided stage is held"
    )


def rollout_settings(args: argparse.Namespace, state: FleetState) -> RolloutSettings | None:
    """The service's settings with what the options change; `None` when they change nothing. Raises `ProblemError` (usage)."""
    known = state.settings.services.get(args.service)
    given = {
        "strategy": args.strategy,
        "steps": _steps(args.steps),
        "advance": args.advance,
        "bake_s": args.bake,
        "min_requests": args.min_requests,
        "min_s": args.min_time,
        "max_s": args.max_time,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes or known is None:
        return None
    if "strategy" in changes and "steps" not in changes and changes["strategy"] != known.rollout.strategy:
        changes["steps"] = ()
    if "steps" in changes and "strategy" not in changes and known.rollout.strategy == StrategyKind.ALL_AT_ONCE:
        changes["strategy"] = StrategyKind.CANARY.value
    settings = replace(known.rollout, **changes)
    strategy_of(settings)
    return settings


def _steps(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.replace("%", "").split(","))
    except ValueError:
        problem = Problem("The steps cannot be read.", f"{text!r} is no list of percentages.", "For example 1,10,50.")
        raise ProblemError(replace(problem, code="usage")) from None


def make_plan(
    session: Session,
    kind: OperationKind,
    service: str,
    version: str | None,
    express: bool,
    rollout: RolloutSettings | None = None,
) -> m.PlanAnswer:
    command = m.MakePlan(
        request=new_request(), kind=kind, service=service, version=version, express=express, rollout=rollout
    )
    answer = session.ask(command, PLAN_S)
    assert isinstance(answer, m.PlanAnswer)
    return answer


def put_plan(plan: Plan, plan_hash: str) -> None:
    """The plan in words."""
    old = "nothing known" if plan.from_version is None else f"v{plan.from_version}"
    print(f"{plan.kind.value} of {plan.service}: {old} -> v{plan.to_version}, about {plan.expected_s:.0f} s")
    for step in plan.steps:
        print(f"  {step.title}: {plain(step.detail)} ({step.expected_s:.1f} s)")
    rate = "traffic unknown" if plan.blast.requests_per_s is None else f"{plan.blast.requests_per_s:.1f} requests/s"
    for sight in plan.sees:
        print(f"  {sight_words(sight)}")
    for line in owner_lines(plan.owners, plan.owners_unread):
        print(line)
    print(f"touches {plan.blast.share:.0%} of the service, {rate}")
    for words in plan.blast.slices:
        print(f"        {plain(words)}")
    for title, sentences in (("BLOCKED", plan.blocked_by), ("UNKNOWN", plan.unknown), ("warning", plan.warnings)):
        for sentence in sentences:
            print(f"  {title}: {plain(sentence)}")
    for one in plan.overridable:
        print(f"  by policy {plain(override_words(one))}: --override '{one.rule}=…'")
    print(f"plan {plan_hash}")


def owner_lines(owners: tuple[Owner, ...], unread: tuple[str, ...]) -> list[str]:
    """Who else keeps the target, and who changed it lately."""
    lately = [f"  changed lately: {plain(one.evidence)}" for one in owners if one.kind is OwnerKind.RECENT]
    return [f"owner: {plain(owner_words(owners, unread))}", *lately]


def sight_words(sight: Sight) -> str:
    """What the judge sees at one share."""
    if sight.per_s is None:
        return f"at {sight.percent:g} %: the traffic is not known, so nobody can say when anything is seen"

    def about(seconds: float | None) -> str:
        return "not within a day" if seconds is None else f"in about {seconds / 60:.0f} min"

    return (
        f"at {sight.percent:g} %, {sight.per_s:.1f} requests/s: a doubled error rate is seen {about(sight.doubled_s)},"
        f" a tripled one {about(sight.tripled_s)}; a good version is fine {about(sight.fine_s)}"
    )


def plan_document(plan: Plan, plan_hash: str) -> dict[str, Any]:
    return {"schema": "mlcontrol.plan/1", "plan_hash": plan_hash, **jsonable(plan), "made_at": utc(plan.made_s)}


def operation_document(
    operation: Operation, plan: Plan | None = None, found: m.OwnersAnswer | None = None
) -> dict[str, Any]:
    """``plan``: what it carries out, or what was ``found`` by asking now: then who else writes the target is said with it."""
    times = {"started_at": utc(operation.started_s), "ended_at": utc(operation.ended_s)}
    owners = {} if plan is None else {"owners": jsonable(plan.owners), "owners_unread": list(plan.owners_unread)}
    if found is not None:
        owners = {"owners": jsonable(found.owners), "owners_unread": list(found.unread)}
    return {"schema": "mlcontrol.operation/1", **jsonable(operation), **times, **owners}


def plan_exit_code(plan: Plan) -> int:
    if plan.blocked_by:
        return BLOCKED
    return UNKNOWN if plan.unknown else DONE


def act(args: argparse.Namespace, kind: OperationKind, version: str | None, express: bool = False) -> int:
    """Plan, ask, execute, follow to the end."""
    with Session(args.workspace) as session:
        overrides = overrides_of(args.override)
        settings = rollout_settings(args, session.state) if kind is OperationKind.DEPLOY else None
        answer = make_plan(session, kind, args.service, version, express, settings)
        return carry_out(session, args, answer, overrides)


def carry_out(session: Session, args: argparse.Namespace, answer: m.PlanAnswer, overrides: dict[str, str]) -> int:
    """Show the plan, ask, execute, follow to the end; the exit code."""
    if args.format == "text":
        put_plan(answer.plan, answer.plan_hash)
    if answer.plan.blocked_by and not overrides:  # with them the engine decides whether they may
        if args.format == "json":
            put_json(plan_document(answer.plan, answer.plan_hash))
        say("Blocked; nothing was done.")
        return BLOCKED
    if not args.yes and not _confirmed(answer.plan):
        say("Nothing was done.")
        return BLOCKED
    operation_id = uuid.uuid4().hex
    session.ask(
        m.Execute(
            request=new_request(),
            operation=operation_id,
            plan_hash=answer.plan_hash,
            reason=args.reason,
            actor=actor(),
            accept_unknown=args.accept_unknown,
            break_glass=args.break_glass,
            overrides=overrides,
        ),
        START_S,
    )
    try:
        operation = follow(session, operation_id, args, answer.plan)
    except KeyboardInterrupt:
        ended = _cancel(session, operation_id)
        if ended is not None and args.format == "json" and args.follow:
            put_json(operation_document(ended, answer.plan))
        operation = ended or follow(session, operation_id, args, answer.plan)
    return _end(operation, args, answer.plan)


def follow(session: Session, operation_id: str, args: argparse.Namespace, plan: Plan) -> Operation:
    """Wait for the operation's end; prints its steps (text), or each change as a line (json with --follow)."""
    told: set[tuple[str, StepState]] = set()
    said = 0
    while True:
        try:
            event = session.events.get(timeout=300.0)
        except queue.Empty:
            raise ProblemError(
                Problem("The engine says nothing about this operation any more.", code="unknown")
            ) from None
        if isinstance(event, Problem):
            raise ProblemError(event)
        operation = _in(event, operation_id)
        if operation is None:
            continue
        if args.format == "json":
            if args.follow:
                put_json(operation_document(operation, plan))
        else:
            _tell_steps(operation, told, args.follow)
            said = _tell_log(operation, said, args.follow)
        if operation.phase.ended:
            return operation


def _in(event: m.Event, operation_id: str) -> Operation | None:
    """A snapshot takes the place of changes that this shell was too slow for."""
    if isinstance(event, m.Snapshot):
        return event.state.operations.get(operation_id)
    return event.operation if isinstance(event, m.OperationChanged) and event.operation.id == operation_id else None


def _tell_steps(operation: Operation, told: set[tuple[str, StepState]], everything: bool) -> None:
    for step in operation.steps:
        shown = step.state in (StepState.DONE, StepState.FAILED) or (everything and step.state is StepState.RUNNING)
        if shown and (step.id, step.state) not in told:
            told.add((step.id, step.state))
            detail = f": {plain(step.detail)}" if step.detail else ""
            print(f"  {_MARKS[step.state]:6} {step.title}{detail}", flush=True)


def _tell_log(operation: Operation, said: int, everything: bool) -> int:
    """What the judge and people decided since ``said`` lines; with --follow also where the evidence stands."""
    for _at_s, words in operation.log[said:]:
        print(f"  {'·':6} {plain(words)}", flush=True)
    live = operation.live
    if everything and live is not None and live.judgement is not None:
        readings = ", ".join(
            f"{r.title.lower()} {r.verdict.value}" + (f" {r.line[-1]:+.2f}" if r.line else "")
            for r in live.judgement.readings
        )
        observed = "?" if live.observed is None else f"{100 * live.observed:.1f} %"
        waits = plain(live.waits_for)
        print(
            f"  {'':6} {live.percent:g} % wanted, {observed} observed, {live.requests} answers; {readings}; waits for {waits}"
        )
    return len(operation.log)


def _confirmed(plan: Plan) -> bool:
    if not sys.stdin.isatty():
        raise ProblemError(
            Problem(
                "Nothing was done.",
                "There is no terminal to ask on.",
                "Add --yes to go on without a question.",
                "usage",
            )
        )
    say(f"{plan.kind.value} v{plan.to_version} on {plan.service}? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _cancel(session: Session, operation_id: str) -> Operation | None:
    """Ask for the way back. The operation when it had ended before the key was pressed: then its end is what is told."""
    say("Aborting; it goes back by itself. Press Ctrl-C again to leave it to the engine.")
    try:
        session.ask(m.Abort(request=new_request(), operation=operation_id, actor=actor(), reason="Ctrl-C"))
    except ProblemError as error:
        ended = session.state.operations.get(operation_id)
        if error.problem.code != "not-found" or ended is None or not ended.phase.ended:
            raise
        say("Too late to abort: it had ended already.")
        return ended
    return None


def _end(operation: Operation, args: argparse.Namespace, plan: Plan) -> int:
    if args.format == "json":
        if not args.follow:
            put_json(operation_document(operation, plan))
    else:
        print(f"{operation.phase.value}: {plain(operation.summary)}")
        if operation.problem is not None:
            say_problem(operation.problem)
    if operation.found == Found.INCONCLUSIVE:
        return UNKNOWN
    return {Phase.DONE: DONE, Phase.UNRESOLVED: UNKNOWN}.get(operation.phase, BLOCKED)
