"""What served at 02:14, and who decided it? Answered from the journal of operations and from what was seen outside of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlcontrol.core.operation import Operation, OperationKind, Phase, StepState
from mlcontrol.core.rollout import ROUTE
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.core.versions import version_name

JOURNAL, OBSERVED, INFERRED, NOTHING = "journal", "observed", "inferred", "nothing"


@dataclass(frozen=True, slots=True)
class Standing:
    """What callers of a service reached at a moment.

    ``version`` `None`: it is not known (``detail`` says why). ``since_s``/``until_s``: UTC seconds of the change that brought it
    and of the next one. ``source``: "journal" (the panel did it), "observed" (somebody else did, the router told), "inferred"
    (only the next change says what it replaced) or "nothing".
    """

    service: str
    at_s: float
    version: str | None
    source: str
    since_s: float | None = None
    until_s: float | None = None
    decided_by: str = ""
    why: str = ""
    operation: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One change of what callers reach. ``version`` `None`: from here on it is not known."""

    at_s: float
    version: str | None
    before: str | None
    source: str
    decided_by: str
    why: str
    operation: str
    detail: str


def turns(service: str, operations: Iterable[Operation], events: Iterable[TimelineEvent]) -> tuple[Turn, ...]:
    """Every change of what callers of ``service`` reached, oldest first.

    The journal's own order counts, whatever the clock said: one that was set back dates what came later before what was there.
    """
    found: list[tuple[float, Turn]] = []
    latest_s = float("-inf")
    for operation in sorted(operations, key=lambda one: one.seq):
        if operation.service == service and operation.kind in (OperationKind.DEPLOY, OperationKind.ROLLBACK):
            for turn in _of_operation(operation):
                latest_s = max(latest_s, turn.at_s)
                found.append((latest_s, turn))
    for event in events:
        if event.service == service and event.kind is EventKind.ROUTE and event.operation is None:
            turn = Turn(
                event.at_s,
                event.version_to,
                event.version_from,
                OBSERVED,
                event.actor or "somebody outside the panel",
                "not recorded: the panel did not do it",
                "",
                event.title,
            )
            found.append((event.at_s, turn))
    return tuple(turn for _order, turn in sorted(found, key=lambda pair: pair[0]))


def at(service: str, at_s: float, operations: Iterable[Operation], events: Iterable[TimelineEvent] = ()) -> Standing:
    """What served at ``at_s`` (UTC seconds). ``operations``: as folded from the journal; ``events``: the timeline's."""
    found = turns(service, operations, events)
    here = max((i for i, turn in enumerate(found) if turn.at_s <= at_s), default=-1)
    later = found[here + 1] if here + 1 < len(found) else None
    until_s = None if later is None else later.at_s
    if here >= 0:
        last = found[here]
        first_time = next((i for i, turn in enumerate(found[:here]) if turn.at_s > at_s), None)
        if first_time is not None:
            before = found[first_time - 1].version if first_time else found[0].before
            if before != last.version:
                words = (
                    "A clock was set back meanwhile, or two differ, so this moment was there twice: "
                    f"the first time with {_said(before)}, the second with {_said(last.version)}."
                )
                return Standing(service, at_s, None, NOTHING, None, until_s, detail=words)
        return Standing(
            service,
            at_s,
            last.version,
            last.source,
            last.at_s,
            until_s,
            last.decided_by,
            last.why,
            last.operation,
            last.detail,
        )
    if later is not None and later.before is not None:
        words = "It served before the first recorded change; who decided it was not recorded here."
        return Standing(service, at_s, later.before, INFERRED, None, until_s, detail=words)
    return Standing(service, at_s, None, NOTHING, None, until_s, detail="Nothing recorded says what served then.")


def _said(version: str | None) -> str:
    return "a version that is not known" if version is None else version_name(version)


def _of_operation(operation: Operation) -> list[Turn]:
    """The traffic moves with the step "route"; what ends without having moved it changes nothing."""
    route = next((step for step in operation.steps if step.id == ROUTE), None)
    tried = route is not None and route.state in (StepState.DONE, StepState.FAILED, StepState.UNRESOLVED)
    moved_s = route.ended_s if route is not None and route.state is StepState.DONE else None
    if moved_s is None and operation.phase is Phase.DONE:
        moved_s = operation.ended_s
    found = []
    if moved_s is not None:
        found.append(_turn(operation, moved_s, operation.to_version, operation.actor, operation.reason))
    if operation.ended_s is None or operation.phase is Phase.DONE or not (moved_s is not None or tried):
        return found
    if operation.kept_traffic:
        return found
    if operation.phase in (Phase.RETURNED, Phase.ABORTED):
        who = "the panel by itself" if operation.phase is Phase.RETURNED else operation.actor
        why = operation.problem.what if operation.problem is not None else operation.summary
        found.append(_turn(operation, operation.ended_s, operation.from_version, who, why))
    elif operation.phase in (Phase.FAILED, Phase.UNRESOLVED):
        found.append(_turn(operation, operation.ended_s, None, operation.actor, operation.summary))
    return found


def _turn(operation: Operation, at_s: float, version: str | None, who: str, why: str) -> Turn:
    before = operation.from_version if version == operation.to_version else operation.to_version
    return Turn(at_s, version, before, JOURNAL, who, why, operation.id, operation.summary)
