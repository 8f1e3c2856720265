"""When the first target of a rollback may not take over, the next safest one is offered, and it is said why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from mlcontrol.core.plan import Plan
from mlcontrol.core.problem import ProblemError

TRIED = 4


def next_safest(first: Plan, others: Iterable[str], remake: Callable[[str], Plan]) -> Plan:
    """The first of ``others``, safest first, whose plan nothing forbids; ``first`` as it is when there is none."""
    for version in list(others)[:TRIED]:
        try:
            plan = remake(version)
        except ProblemError:
            continue  # what cannot even be planned is no way back
        if not plan.blocked_by:
            passed_over = f"v{first.to_version} would come first, but cannot take over: {' '.join(first.blocked_by)}"
            return replace(plan, warnings=(passed_over, *plan.warnings))
    return first
