"""How an operation ended, in sentences: for the journal, the board and the terminal alike."""

from __future__ import annotations

from mlcontrol.core import rollout
from mlcontrol.core.bisect import found_in, found_words
from mlcontrol.core.judge.verdict import Judgement
from mlcontrol.core.operation import OperationKind, Phase
from mlcontrol.core.problem import Problem
from mlcontrol.core.rollout import Machine
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.effects import Effects
from mlcontrol.services.runbook import rollback_failed, truth, with_way_out


def ending_words(
    ctx: ServiceContext, effects: Effects, machine: Machine, judgement: Judgement | None
) -> tuple[str, Problem | None]:
    """What it came to, and what is wrong if anything is. ``judgement``: the last one, of a bisect what it found."""
    to, old = effects.to_version, effects.before.current
    if machine.phase is Phase.DONE:
        if effects.kind is OperationKind.PROBE:
            return f"v{to} loads here and answers; no traffic moved.", None
        if effects.kind is OperationKind.BISECT:
            return found_words(found_in(judgement), str(old), to, judgement), None
        if effects.kind is OperationKind.DRILL:
            return f"v{to} took the traffic over and gave it back to v{old}, both proven by their answers.", None
        return f"v{to} serves, proven by its answers.", None
    if machine.phase is Phase.CONFLICT:
        where = truth(ctx, effects.service)
        return f"Another hand moved the traffic meanwhile; it was left as it is. {where}", machine.return_problem
    if machine.undone:
        left = rollout.title(machine.undone)
        return (
            f"v{to} took the traffic over, proven by its answers, and keeps it. Left undone: {left}.",
            machine.cause,
        )
    if effects.kind is OperationKind.ROLLBACK and machine.phase is Phase.FAILED:
        _, problem = rollback_failed(ctx, effects.service, to, old, machine.return_problem)
        return f"The rollback to v{to} failed, and so did the return. {truth(ctx, effects.service)}", problem
    if machine.phase is Phase.FAILED:
        problem = with_way_out(ctx, effects.service, old, machine.return_problem)
        should = "nobody knows who answered before" if old is None else f"v{old} should answer"
        return f"The way back failed. Check by hand: {should}. {truth(ctx, effects.service)}", problem
    if effects.kind is OperationKind.ROLLBACK and machine.phase in (Phase.REFUSED, Phase.RETURNED):
        return rollback_failed(ctx, effects.service, to, old, machine.cause)
    kept = f"v{old} serves as before" if old is not None else "what served before serves"
    lead = {
        Phase.REFUSED: "Refused, no traffic moved:",
        Phase.RETURNED: "Went back by itself:",
        Phase.ABORTED: "Aborted:",
    }[machine.phase]
    return f"{lead} {kept}.", machine.cause
