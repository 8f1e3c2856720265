"""The journal of operations: rows of the audit chain, and the operation they add up to.

The journal is the only memory an operation has. The board shows `fold` of its rows, live and after a crash alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from mlcontrol.core.audit import AuditRow
from mlcontrol.core.operation import Operation, OperationKind, Phase, Step, StepState
from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import Problem
from mlcontrol.core.rollout import title

INTENT, STEP, OUTCOME, NOTE = "intent", "step", "outcome", "note"


def action(kind: OperationKind, what: str) -> str:
    """The audit action of a journal row: "deploy.intent", "rollback.step", ..."""
    return f"{kind.value}.{what}"


def intent_body(plan: Plan, reason: str, steps: Sequence[tuple[str, float]], before: dict[str, Any]) -> dict[str, Any]:
    """``steps``: (id, expected seconds). ``before``: the live state to return to."""
    return {
        "from": plan.from_version,
        "to": plan.to_version,
        "express": plan.express,
        "strategy": plan.strategy.words,
        "strategy_data": asdict(plan.strategy),
        "plan_hash": plan.hash,
        "reason": reason,
        "steps": [{"id": step, "expected_s": expected} for step, expected in steps],
        "assumes": asdict(plan.assumes),
        "moves": [asdict(move) for move in plan.moves],
        "before": before,
        "warnings": list(plan.warnings),
        "accepted_unknown": list(plan.unknown),
    }


def step_body(step: str, state: StepState, phase: Phase, detail: str = "") -> dict[str, Any]:
    return {"step": step, "state": state.value, "phase": phase.value, "detail": detail}


def note_body(text: str, latched: Mapping[str, str]) -> dict[str, Any]:
    """What the judge or a person decided on the way. ``latched``: guards whose fail stands by now, with what they said."""
    return {"text": text, "latched": dict(latched)}


def latched_of(rows: Iterable[AuditRow]) -> dict[str, str]:
    """The fails that stood when the last note was written: a crash clears none of them."""
    bodies = [json.loads(row.body) for row in rows if row.action.endswith("." + NOTE)]
    found: dict[str, str] = bodies[-1].get("latched", {}) if bodies else {}
    return found


def outcome_body(phase: Phase, summary: str, problem: Problem | None, found: str = "") -> dict[str, Any]:
    """``found``: of a bisect."""
    body = {"phase": phase.value, "summary": summary, "problem": None if problem is None else asdict(problem)}
    return {**body, "found": found} if found else body


def fold(rows: Iterable[AuditRow]) -> Operation | None:
    """The operation that its rows (oldest first) describe; `None` without an intent row."""
    operation: Operation | None = None
    for row in rows:
        kind, _, what = row.action.partition(".")
        body = json.loads(row.body)
        if what == INTENT:
            operation = _from_intent(row, OperationKind(kind), body)
        elif operation is not None and operation.phase.ended:
            continue  # written by an engine that slept and woke too late: the outcome stands
        elif operation is not None and what == STEP:
            operation = _with_step(operation, row, body)
        elif operation is not None and what == NOTE:
            operation = replace(operation, log=(*operation.log, (row.at_s, str(body.get("text", "")))), seq=row.seq)
        elif operation is not None and what == OUTCOME:
            operation = _with_outcome(operation, row, body)
    return operation


def before_of(rows: Iterable[AuditRow]) -> dict[str, Any]:
    """The live state that the intent row recorded."""
    for row in rows:
        if row.action.endswith("." + INTENT):
            before: dict[str, Any] = json.loads(row.body)["before"]
            return before
    raise ValueError("these rows hold no intent")


def strategy_of(rows: Iterable[AuditRow]) -> dict[str, Any] | None:
    """The strategy that the intent row recorded, as plain data; `None` in rows of before there were strategies."""
    for row in rows:
        if row.action.endswith("." + INTENT):
            found: dict[str, Any] | None = json.loads(row.body).get("strategy_data")
            return found
    return None


def moves_of(rows: Iterable[AuditRow]) -> list[dict[str, Any]]:
    """What was to move with the version, as plain data."""
    for row in rows:
        if row.action.endswith("." + INTENT):
            found: list[dict[str, Any]] = json.loads(row.body).get("moves", [])
            return found
    return []


def attempted_steps(operation: Operation) -> tuple[str, ...]:
    """Forward steps whose effect may have happened."""
    untouched = (StepState.WAITING, StepState.SKIPPED)
    return tuple(
        step.id for step in operation.steps if step.state not in untouched and not step.id.startswith("return-")
    )


def _from_intent(row: AuditRow, kind: OperationKind, body: dict[str, Any]) -> Operation:
    steps = tuple(Step(s["id"], title(s["id"]), expected_s=s["expected_s"]) for s in body["steps"])
    return Operation(
        id=row.operation,
        kind=kind,
        service=row.service,
        from_version=body["from"],
        to_version=body["to"],
        actor=row.actor,
        reason=body["reason"],
        plan_hash=body["plan_hash"],
        phase=Phase.RUNNING,
        steps=steps,
        started_s=row.at_s,
        seq=row.seq,
        strategy=body.get("strategy", ""),
    )


def _with_step(operation: Operation, row: AuditRow, body: dict[str, Any]) -> Operation:
    name, state = body["step"], StepState(body["state"])
    steps = list(operation.steps)
    index = next((i for i, step in enumerate(steps) if step.id == name), None)
    if index is None:
        steps.append(Step(name, title(name)))
        index = len(steps) - 1
    old = steps[index]
    started = row.at_s if state is StepState.RUNNING or old.started_s is None else old.started_s
    ended = None if state is StepState.RUNNING else row.at_s
    steps[index] = replace(old, state=state, detail=body["detail"], started_s=started, ended_s=ended)
    return replace(operation, steps=tuple(steps), phase=Phase(body["phase"]), seq=row.seq)


def _with_outcome(operation: Operation, row: AuditRow, body: dict[str, Any]) -> Operation:
    problem = None if body["problem"] is None else Problem(**body["problem"])
    unfinished = StepState.UNRESOLVED if body["phase"] == Phase.UNRESOLVED.value else StepState.SKIPPED
    steps = tuple(
        replace(step, state=unfinished) if step.state in (StepState.WAITING, StepState.RUNNING) else step
        for step in operation.steps
    )
    return replace(
        operation,
        steps=steps,
        phase=Phase(body["phase"]),
        ended_s=row.at_s,
        summary=body["summary"],
        problem=problem,
        seq=row.seq,
        found=body.get("found", ""),
    )
