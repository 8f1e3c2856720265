"""`mlcontrol stage SERVICE show|hold|resume|promote|clear|abort`: what a person says to the rollout that is running."""

from __future__ import annotations

import argparse
from typing import Any

from mlcontrol.cli.exit_codes import DONE
from mlcontrol.cli.output import add_common, plain, put_json, put_table, say
from mlcontrol.cli.rollout import operation_document, owner_lines
from mlcontrol.cli.session import Session, actor
from mlcontrol.core.judge.policy import TITLES
from mlcontrol.core.operation import Operation
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.state import FleetState
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request

SHOW_S, BEFORE_ACTING_S = 30.0, 5.0
AT_ONCE = ("hold", "abort")
"""Who stops a rollout is not kept waiting for who else keeps the target: the plan has named them."""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("stage", help="the running rollout: show, hold, resume, promote, clear a fail, abort")
    actions = parser.add_subparsers(dest="what", required=True)
    for name, text in (
        ("show", "where it stands, guard by guard"),
        ("hold", "stay at the present share"),
        ("resume", "go on being judged"),
        ("promote", "leave the stage now; needs a reason where the judge has not said fine"),
        ("clear", "take a guard's latched fail away, with a reason"),
        ("abort", "go back"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("service")
        if name == "clear":
            action.add_argument("guard", choices=sorted(TITLES))
        if name in ("promote", "clear", "abort"):
            action.add_argument("--reason", default="", required=name == "clear", help="why; recorded in the audit log")
        add_common(action)


def run(args: argparse.Namespace) -> int:
    with Session(args.workspace) as session:
        operation = running_on(session.state, args.service)
        if args.what == "show":
            return _show(operation, _owners(session, operation, SHOW_S), args)
        if args.what not in AT_ONCE:
            owners = _owners(session, operation, BEFORE_ACTING_S)
            for line in owner_lines(owners.owners, owners.unread):
                say(line)
        answer = session.ask(_command(args, operation))
    assert isinstance(answer, m.Done)
    say(f"{args.service}: {answer.text}.")
    return DONE


def _owners(session: Session, operation: Operation, timeout_s: float) -> m.OwnersAnswer:
    """Asked now: who keeps the target may have changed since the plan. Where the engine cannot tell in time, that is said."""
    command = m.FindOwners(request=new_request(), service=operation.service, version=operation.to_version)
    try:
        answer = session.ask(command, timeout_s)
    except ProblemError as error:
        return m.OwnersAnswer(request=command.request, owners=(), unread=(error.problem.what,))
    assert isinstance(answer, m.OwnersAnswer)
    return answer


def running_on(state: FleetState, service: str) -> Operation:
    """The operation that runs on a service. Raises `ProblemError` where there is none."""
    found = [op for op in state.operations.values() if op.service == service and not op.phase.ended]
    if not found:
        raise ProblemError(
            Problem(
                f"No rollout is running on {service}.",
                "It has ended, or none was begun.",
                "`mlcontrol timeline` says what happened last.",
                code="not-found",
            )
        )
    return max(found, key=lambda op: op.started_s)


def _command(args: argparse.Namespace, operation: Operation) -> m.Command:
    by, now = actor(), operation.live.step if operation.live is not None else ""
    match args.what:
        case "hold" | "resume":
            return m.HoldStage(request=new_request(), operation=operation.id, actor=by, hold=args.what == "hold")
        case "promote":
            return m.PromoteStage(request=new_request(), operation=operation.id, actor=by, reason=args.reason, step=now)
        case "clear":
            return m.ClearGuard(
                request=new_request(), operation=operation.id, guard=args.guard, actor=by, reason=args.reason
            )
        case _:
            return m.Abort(request=new_request(), operation=operation.id, actor=by, reason=args.reason)


def _show(operation: Operation, owners: m.OwnersAnswer, args: argparse.Namespace) -> int:
    if args.format == "json":
        put_json(operation_document(operation, found=owners))
        return DONE
    print(plain(f"{operation.kind.value} of v{operation.to_version} on {operation.service}, by {operation.actor}"))
    for line in owner_lines(owners.owners, owners.unread):
        print(line)
    live = operation.live
    if live is None or live.judgement is None:
        step = next((s.title for s in operation.steps if s.state.value == "running"), operation.phase.value)
        print(plain(step))
        return DONE
    observed = "?" if live.observed is None else f"{100 * live.observed:.1f} %"
    print(
        f"{live.percent:g} % wanted, {observed} observed, {live.requests} answers, {live.state}; waits for {live.waits_for}"
    )
    rows = [
        (r.title, r.role.value, r.verdict.value + (" (latched)" if r.guard in live.failed else ""), r.figures or r.note)
        for r in live.judgement.readings
    ]
    put_table(("GUARD", "ROLE", "VERDICT", "FIGURES"), rows)
    return DONE
