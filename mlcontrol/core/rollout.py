"""The rollout state machine: what to do next, given what has been done. Pure; it names effects, others carry them out.

Forward, an operation walks its steps one by one. When a step fails, or a person aborts, it walks back: traffic first, then
its proof, then the registry's word, then what was loaded. Every path ends in a named phase; no step is ever left out silently.

A rollback that has proven who answers never gives the traffic back to what it left: what fails after that is said and stays undone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.problem import Problem
from mlcontrol.core.strategy import Strategy

ASSUME, LOAD, GOLDEN, ROUTE, VERIFY, ALIAS, UNLOAD = "assume", "load", "golden", "route", "verify", "alias", "unload"
SHADOW, BAKE, LET_GO = "shadow", "bake", "let-go"
SPLIT, JUDGE = (
    "split-",
    "judge-",
)  # with the share: "split-10" sends 10 % to the new version, "judge-10" watches what comes of it
PART, BY_HAND = "part-", "hand-"
"""With the name of what is coupled to the version: "part-threshold" moves it, "hand-server" waits until a person has."""
RETURN = "return-"
RETURN_ROUTE, RETURN_VERIFY, RETURN_ALIAS, RETURN_LOAD = "return-route", "return-verify", "return-alias", "return-load"

_FORWARD = {
    OperationKind.DEPLOY: (ASSUME, LOAD, GOLDEN, ROUTE, VERIFY, ALIAS),
    OperationKind.ROLLBACK: (ASSUME, LOAD, GOLDEN, ROUTE, VERIFY, ALIAS),
    OperationKind.PROBE: (ASSUME, LOAD, GOLDEN, UNLOAD),
    OperationKind.DRILL: (ASSUME, LOAD, ROUTE, VERIFY, RETURN_ROUTE, RETURN_VERIFY, RETURN_LOAD),
    OperationKind.BISECT: (ASSUME, LOAD, RETURN_ROUTE, RETURN_LOAD),
}

TITLES = {
    ASSUME: "Read the live state again",
    LOAD: "Load beside the current version",
    GOLDEN: "Ask the golden set",
    ROUTE: "Move the traffic",
    VERIFY: "Prove who answers",
    ALIAS: "Tell the registry",
    UNLOAD: "Put back what was loaded",
    SHADOW: "Compare the answers of both versions",
    BAKE: "Keep the old version hot",
    LET_GO: "Unload what needs the other server",
    RETURN_ROUTE: "Move the traffic back",
    RETURN_VERIFY: "Prove that the old version answers",
    RETURN_ALIAS: "Tell the registry again",
    RETURN_LOAD: "Put back what was loaded",
}


_AT_ONCE = Strategy()


@dataclass(frozen=True, slots=True)
class Coupled:
    """Names of the parts that go with the version: replaced by hand before it is loaded, moved right after the traffic, replaced by
    hand after the proof (of a rollback at its very end, so that nothing else waits for a person)."""

    before: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


_ALONE = Coupled()


def forward_steps(
    kind: OperationKind, express: bool, strategy: Strategy = _AT_ONCE, coupled: Coupled = _ALONE
) -> tuple[str, ...]:
    """The steps of an operation. An express rollback leaves out the golden set: mechanical checks only. A deploy has stages,
    and so has a bisect: its share goes back whatever the judge finds."""
    steps: list[str] = []
    for step in _FORWARD[kind]:
        if express and step == GOLDEN:
            continue
        if step == LOAD:
            steps += [f"{BY_HAND}{name}" for name in coupled.before]
        if step == ROUTE and kind is OperationKind.DEPLOY and strategy.shadow_requests:
            steps.append(SHADOW)
        if (step, kind) in ((ROUTE, OperationKind.DEPLOY), (RETURN_ROUTE, OperationKind.BISECT)):
            for percent in strategy.steps:
                steps += [f"{SPLIT}{percent:g}", f"{JUDGE}{percent:g}"]
        steps.append(step)
        if step == ROUTE:
            steps += [f"{PART}{name}" for name in coupled.beside]
        if step == (ALIAS if kind is OperationKind.ROLLBACK else VERIFY) and coupled.after:
            # A server that finds a version it cannot load may not come up at all.
            steps += [LET_GO] if kind is OperationKind.ROLLBACK else []
            steps += [f"{BY_HAND}{name}" for name in coupled.after]
    if kind is OperationKind.DEPLOY and strategy.bake_s > 0:
        steps.append(BAKE)
    return tuple(steps)


def title(step: str) -> str:
    """The step's name for people. Raises `KeyError` for a step that does not exist."""
    if step.startswith((PART, BY_HAND)):
        prefix = PART if step.startswith(PART) else BY_HAND
        return f"{'Move' if prefix == PART else 'Replace'} its {step.removeprefix(prefix)}"
    if step.startswith((RETURN + PART, RETURN + BY_HAND)):
        return f"Put its {step.removeprefix(RETURN).partition('-')[2]} back"
    percent = share_of(step)
    if percent is None:
        return TITLES[step]
    return f"Send {percent:g} % to it" if step.startswith(SPLIT) else f"Judge it at {percent:g} %"


def share_of(step: str) -> float | None:
    """The share in percent that a split or a judgement is about; `None` for other steps."""
    for prefix in (SPLIT, JUDGE):
        if step.startswith(prefix):
            return float(step.removeprefix(prefix))
    return None


def moves_traffic(step: str) -> bool:
    return step == ROUTE or step.startswith(SPLIT)


def is_judged(step: str) -> bool:
    """Whether the step is a stage of the judge, which lasts until something is decided."""
    return step == BAKE or step.startswith(JUDGE)


@dataclass(frozen=True, slots=True)
class EffectDone:
    step: str


@dataclass(frozen=True, slots=True)
class EffectFailed:
    """The effect did not happen, or nobody can tell: either way it counts as attempted and is undone."""

    step: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class AbortAsked:
    problem: Problem


RolloutEvent = EffectDone | EffectFailed | AbortAsked


@dataclass(frozen=True, slots=True)
class Machine:
    """``current``: the effect to carry out now; `None` once ``phase`` has ended. ``undone``: of a rollback that had proven who
    answers, the step at which it ended; the traffic stayed."""

    kind: OperationKind
    forward: tuple[str, ...]
    phase: Phase = Phase.RUNNING
    attempted: tuple[str, ...] = ()
    returning: tuple[str, ...] = ()
    current: str | None = None
    cause: Problem | None = None
    aborted: bool = False
    return_problem: Problem | None = None
    undone: str = ""


def begin(
    kind: OperationKind, express: bool = False, strategy: Strategy = _AT_ONCE, coupled: Coupled = _ALONE
) -> Machine:
    forward = forward_steps(kind, express, strategy, coupled)
    return Machine(kind, forward, attempted=forward[:1], current=forward[0])


def resume_return(kind: OperationKind, attempted: tuple[str, ...], cause: Problem) -> Machine:
    """A machine that goes back from the steps an interrupted operation had attempted."""
    machine = Machine(kind, _FORWARD[kind], attempted=attempted)
    return _go_back(machine, cause)


def resume_forward(
    kind: OperationKind, attempted: tuple[str, ...], step: str, forward: tuple[str, ...] = ()
) -> Machine:
    """A machine that goes on from ``step``, for an interrupted operation whose effects so far have been proven by observation.

    ``forward``: the steps the operation set out to walk, where they differ from the plain ones.
    """
    return Machine(kind, forward or _FORWARD[kind], attempted=(*attempted, step), current=step)


def advance(machine: Machine, event: RolloutEvent) -> Machine:
    """The machine after an event. Events for an ended machine or for another step than the current one are errors of the
    caller."""
    if machine.phase.ended:
        raise ValueError(f"the operation has ended ({machine.phase})")
    if isinstance(event, AbortAsked):
        return _abort(machine, event.problem)
    if event.step != machine.current:
        raise ValueError(f"step {event.step!r} is not the current one ({machine.current!r})")
    if machine.phase is Phase.RETURNING:
        return _returned_step(machine, event)
    if isinstance(event, EffectFailed):
        return _go_back(machine, event.problem)
    return _next_forward(machine)


def _next_forward(machine: Machine) -> Machine:
    position = machine.forward.index(machine.current or "") + 1
    if position == len(machine.forward):
        return replace(machine, phase=Phase.DONE, current=None)
    step = machine.forward[position]
    return replace(machine, current=step, attempted=(*machine.attempted, step))


def _abort(machine: Machine, problem: Problem) -> Machine:
    """Abort is possible at every state; while already going back it changes nothing."""
    if machine.phase is Phase.RETURNING:
        return machine
    return _go_back(replace(machine, aborted=True), problem)


def _proven(machine: Machine) -> bool:
    if machine.current is None or VERIFY not in machine.forward:
        return False
    return machine.forward.index(machine.current) > machine.forward.index(VERIFY)


def _go_back(machine: Machine, cause: Problem) -> Machine:
    if machine.kind is OperationKind.ROLLBACK and _proven(machine):
        phase = Phase.ABORTED if machine.aborted else Phase.FAILED
        return replace(machine, cause=cause, phase=phase, current=None, undone=machine.current or "")
    attempted = set(machine.attempted)
    returning: list[str] = []
    latest_first = tuple(dict.fromkeys(reversed(machine.attempted)))
    parts = [f"{RETURN}{step}" for step in latest_first if step.startswith(PART)]
    by_hand = [f"{RETURN}{step}" for step in latest_first if step.startswith(BY_HAND)]
    if any(moves_traffic(step) for step in attempted):
        returning += [RETURN_ROUTE, *parts]
        if machine.kind is not OperationKind.BISECT:  # what answers is what burns: the router's word is what can be had
            returning.append(RETURN_VERIFY)
    if ALIAS in attempted:
        returning.append(RETURN_ALIAS)
    if LOAD in attempted:
        returning.append(RETURN_LOAD)
    returning += by_hand
    machine = replace(machine, cause=cause, phase=Phase.RETURNING, returning=tuple(returning), current=None)
    return _next_return(machine)


def _next_return(machine: Machine) -> Machine:
    if machine.returning:
        return replace(machine, current=machine.returning[0], returning=machine.returning[1:])
    return replace(machine, phase=_end_of_return(machine), current=None)


def _end_of_return(machine: Machine) -> Phase:
    if machine.return_problem is not None:
        return Phase.FAILED
    if machine.aborted:
        return Phase.ABORTED
    return Phase.RETURNED if any(moves_traffic(step) for step in machine.attempted) else Phase.REFUSED


def _returned_step(machine: Machine, event: EffectDone | EffectFailed) -> Machine:
    if isinstance(event, EffectDone):
        return _next_return(machine)
    machine = replace(machine, return_problem=event.problem)
    if event.step == RETURN_ROUTE and event.problem.code == "conflict":
        # Somebody else decided meanwhile where the traffic goes: two hands pulling would be worse than either.
        return replace(machine, phase=Phase.CONFLICT, current=None, returning=())
    if event.step in (RETURN_ROUTE, RETURN_VERIFY):
        # Traffic may still be on the new version: unloading it or renaming it in the registry would make it worse.
        return replace(machine, phase=Phase.FAILED, current=None, returning=())
    return _next_return(machine)
