"""What helps while what callers send is what broke: going back to another version does not, so the page says what does."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.incidents.data_change import DataChange, either
from mlcontrol.core.incidents.data_story import moment_words
from mlcontrol.core.incidents.incident import Incident, IncidentPhase
from mlcontrol.core.types import EventKind, TimelineEvent
from mlcontrol.core.versions import version_name

NO_ROLLBACK = "Rolling back does not help: every version is asked the same, and none changes what callers send."


@dataclass(frozen=True, slots=True)
class Advice:
    """A step, safest first, and why."""

    title: str
    why: str


@dataclass(frozen=True, slots=True)
class NextSteps:
    """``rollback``: what to say of the way back; ``steps``: what to do instead."""

    rollback: str
    steps: tuple[Advice, ...]


def next_steps(
    incident: Incident, change: DataChange, upstream: TimelineEvent | None, version: TimelineEvent | None
) -> NextSteps | None:
    """``upstream``: the recorded change that may have done it; ``version``: a change of the version at the same moment, whose harm
    cannot be told apart. `None` where it is over."""
    if change.ended_s is not None or incident.phase in (IncidentPhase.MITIGATED, IncidentPhase.RESOLVED):
        return None
    rollback = NO_ROLLBACK
    if version is not None:
        named = version_name(version.version_to) if version.version_to else "another version"
        rollback = f"Rolling back undoes only what {named} does to the answers; what callers send stays as it is."
    who = f"the callers in {either(change.where)}" if change.where else "the callers"
    names = [one.column for one in change.inputs[:3]]
    of = f" of {', '.join(names)}" if names else ""
    steps = []
    if upstream is not None:
        title = f"Ask who made “{upstream.title}” to undo it"
        steps.append(Advice(title, f"{upstream.actor or 'Nobody is named'}; it came just before the change."))
    if change.others:
        title = f"Look at what feeds {either(change.others)}, too"
        steps.append(
            Advice(title, "What callers send to them changed about then as well: one source may feed them all.")
        )
    steps.append(
        Advice(
            f"Ask {who}, or the owner{of}",
            f"what they changed {moment_words(change)}: a unit, a source, a default, another population.",
        )
    )
    if incident.phase is IncidentPhase.DECLARED:
        steps.append(
            Advice("Hold deploys", "They are frozen while this incident is open: nothing else may change now.")
        )
    else:
        steps.append(
            Advice("Hold deploys", "Declaring the incident freezes them, so that nothing else changes meanwhile.")
        )
    if change.examples:
        steps.append(Advice("Look at requests", "; ".join(change.examples)))
    if change.answers is None or not change.answers.known:
        place = f"in {either(change.where)} " if change.where else ""
        steps.append(
            Advice("Get labels", f"Answers {place}are not known to be right or wrong: have some reviewed first.")
        )
    steps.append(
        Advice("If it is to stay so", f"Give {who} a fallback answer until a model is trained on what is sent now.")
    )
    return NextSteps(rollback, tuple(steps))


def is_version(event: TimelineEvent) -> bool:
    return event.kind in (EventKind.DEPLOY, EventKind.ROLLBACK, EventKind.ROUTE)
