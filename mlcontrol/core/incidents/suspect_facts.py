"""What is known of a suspected version besides its odds: how it was judged, and what its signature changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlcontrol.core.compatibility.difference import FieldChange, Side
from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.core.rollout import BAKE, SHADOW, is_judged, share_of
from mlcontrol.core.stage import ALTHOUGH, TOOK_AWAY


@dataclass(frozen=True, slots=True)
class Canary:
    """``state``: "fine", "undecided" (a person went on without a verdict), "not-judged" or "unknown". ``words``: a sentence;
    ``evidence``: what each stage saw, with its number of answers."""

    state: str
    words: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SuspectFacts:
    """``signature``: (what, before, now) of every field that differs; ``signature_note``: why there is none to show."""

    version_from: str
    version_to: str
    canary: Canary
    signature: tuple[tuple[str, str, str], ...] = ()
    signature_note: str = ""


def canary_of(operation: Operation | None) -> Canary:
    """How the operation that brought the version judged it. ``operation``: `None` where no journal knows of one."""
    if operation is None:
        return Canary("unknown", "Not known: no rollout of this panel brought it, so nobody here has judged it.")
    if operation.kind is OperationKind.ROLLBACK:
        return Canary("not-judged", "Was not judged: it was a rollback, which moves all the traffic at once.")
    judged = [step for step in operation.steps if is_judged(step.id) or step.id == SHADOW]
    done = [step for step in judged if step.state is StepState.DONE]
    evidence = tuple(f"{_stage(step.id)}: {step.detail or 'nothing recorded'}" for step in done)
    if not judged:
        return Canary("not-judged", "Was not judged: deployed all at once.")
    went_on = [words for _at_s, words in operation.log if ALTHOUGH in words or TOOK_AWAY in words]
    if went_on:
        return Canary("undecided", f"Not decided: {'; '.join(went_on)}.", evidence)
    if operation.phase is not Phase.DONE or len(done) < len(judged):
        ended = operation.phase.value if operation.phase.ended else "still running"
        return Canary("undecided", f"Not decided: its rollout is {ended}.", evidence)
    return Canary("fine", f"Was judged fine ({', '.join(_stage(step.id) for step in done)}).", evidence)


def _stage(step: str) -> str:
    percent = share_of(step)
    return {BAKE: "bake", SHADOW: "shadow"}.get(step, f"{percent:g} %" if percent is not None else step)


def signature_rows(inputs: Iterable[FieldChange], outputs: Iterable[FieldChange]) -> tuple[tuple[str, str, str], ...]:
    """(what, before, now) of every field that is not the same in both."""
    rows = []
    for kind, changes in (("input", inputs), ("output", outputs)):
        for change in changes:
            if change.change != "same":
                name = next(side.name for side in (change.old, change.new) if side is not None)
                rows.append((f"{kind} {name}", _side(change.old, name), _now(change, name)))
    return tuple(rows)


def _now(change: FieldChange, name: str) -> str:
    said = _side(change.new, name)
    return said if change.change in ("added", "removed") else f"{said}: {change.change}"


def _side(side: Side | None, name: str) -> str:
    if side is None:
        return "none"
    return " ".join(part for part in (side.name if side.name != name else "", side.type, side.note) if part)
