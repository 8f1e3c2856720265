"""The suspects of an attribution as the incident page lists them."""

from __future__ import annotations

from mlcontrol.core.attribution import OF_VERSIONS, Attribution
from mlcontrol.core.incidents.brief import SuspectLine
from mlcontrol.core.types import TimelineEvent

MOST = 5


def suspect_lines(attribution: Attribution) -> tuple[SuspectLine, ...]:
    """Likeliest first, at most `MOST`; "None of these" is always among them. Only this service's own events bring versions
    along, and only where they are the model's: others cannot be bisected, shown or gone back to here."""
    found = []
    for suspect in attribution.suspects[:MOST]:
        event = suspect.event
        found.append(
            SuspectLine("", "None of these", suspect.why, suspect.probability)
            if event is None
            else SuspectLine(
                event.id,
                attribution.called(event),
                suspect.why,
                suspect.probability,
                event.at_s,
                *((event.version_from, event.version_to, event.operation) if _moves(attribution, event) else ()),
            )
        )
    if all(one.event for one in found):
        nothing = next(s for s in attribution.suspects if s.event is None)
        found[-1] = SuspectLine("", "None of these", nothing.why, nothing.probability)
    return tuple(found)


def _moves(attribution: Attribution, event: TimelineEvent) -> bool:
    return attribution.owns(event) and event.kind in OF_VERSIONS
