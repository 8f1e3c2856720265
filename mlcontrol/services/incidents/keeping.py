"""Incidents: declared, taken over, written down, frozen for deploys, resolved. Every entry is a row of the audit log, too."""

from __future__ import annotations

from collections.abc import Mapping

from mlcontrol.core.incidents import likeness
from mlcontrol.core.incidents.incident import Entry, EntryKind, Incident, refusal, title_of
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.types import EventKind, Health, TimelineEvent
from mlcontrol.services.context import ServiceContext

LONGEST = 4000
TRIES = 5


class Incidents:
    """*Thread:* any; several engines may share a store."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx

    def declare(
        self,
        service: str,
        actor: str,
        title: str = "",
        alert: str = "",
        detected_s: float | None = None,
        practice: str = "",
    ) -> Incident:
        """Open an incident of a service, or join the one that is open: two who are paged at once end up in one."""
        settings = self._ctx.settings.services.get(service)
        if settings is None:
            raise ProblemError(Problem(f"There is no service {service!r}.", code="not-found"))
        for _ in range(TRIES):
            known = self._ctx.store.incidents.all()
            standing = next((one for one in known if one.open and one.service == service), None)
            if standing is not None:
                return standing if actor in standing.people else self.write(standing.id, EntryKind.JOINED, "", actor)
            now_s = self._ctx.clock.utc_s()
            state = self._ctx.state().services.get(service)
            words = title.strip()[:200] or (title_of(state) if state is not None else service)
            number = len(known) + 1  # two at once want the same number: one gets it, the other looks again and joins
            data = {
                "service": service,
                "environment": settings.environment or self._ctx.settings.environment,
                "number": str(number),
                "detected_s": repr(min(now_s, detected_s if detected_s else self._noticed_s(service, now_s))),
                "alert": alert[:500],
                "practice": practice,
            }
            incident = f"incident-{number}"
            if self._append(incident, 1, actor, EntryKind.DECLARED, words, data, service):
                return self.get(incident)
        raise ProblemError(Problem("Others declare incidents at the same moment.", next="Try again.", code="busy"))

    def write(
        self, incident: str, kind: EntryKind, text: str, actor: str, data: Mapping[str, str] | None = None
    ) -> Incident:
        """Add an entry; `ProblemError` (code "conflict") says why it may not be."""
        words = text.strip()[:LONGEST]
        needs_words = (
            EntryKind.NOTE,
            EntryKind.DECISION,
            EntryKind.HYPOTHESIS,
            EntryKind.ACTION_ITEM,
            EntryKind.RECOVERY_CHECKED,
            EntryKind.RESOLVED,
        )
        if kind in needs_words and not words:
            raise ProblemError(Problem("Nothing was written.", next="Write a sentence.", code="refused"))
        for _ in range(TRIES):
            now = self.get(incident)
            why = refusal(now, kind, actor)
            if why:
                raise ProblemError(Problem(f"This is not done: {why}.", code="conflict"))
            if self._append(incident, now.seq + 1, actor, kind, words, dict(data or {}), now.service):
                return self.get(incident)
        raise ProblemError(Problem("Others write to this incident at the same moment.", next="Try again.", code="busy"))

    def get(self, incident: str) -> Incident:
        found = self._ctx.store.incidents.get(incident)
        if found is None:
            raise ProblemError(Problem("There is no such incident.", code="not-found"))
        return found

    def find(self, text: str = "") -> tuple[Incident, ...]:
        """Newest first; every word must occur."""
        return tuple(reversed(likeness.matching(self._ctx.store.incidents.all(), text)))

    def of_service(self, service: str) -> Incident:
        """The open incident of a service; else what it would be if it were declared now: without an id, and kept nowhere."""
        settings = self._ctx.settings.services.get(service)
        if settings is None:
            raise ProblemError(Problem(f"There is no service {service!r}.", code="not-found"))
        standing = next((one for one in self._ctx.store.incidents.all() if one.open and one.service == service), None)
        if standing is not None:
            return standing
        now_s = self._ctx.clock.utc_s()
        state = self._ctx.state().services.get(service)
        return Incident(
            id="",
            number=0,
            service=service,
            environment=settings.environment or self._ctx.settings.environment,
            title=title_of(state) if state is not None else service,
            detected_s=self._noticed_s(service, now_s),
        )

    def _append(
        self, incident: str, seq: int, actor: str, kind: EntryKind, text: str, data: dict[str, str], service: str
    ) -> bool:
        now_s = self._ctx.clock.utc_s()
        if not self._ctx.store.incidents.append(incident, seq, now_s, actor, kind, text, data, service):
            return False
        if kind in _ON_THE_TIMELINE:
            entry = Entry(incident, seq, now_s, actor, kind, text, data)
            self._ctx.emit(_event(entry, service))
        return True

    def _noticed_s(self, service: str, now_s: float) -> float:
        """When the panel itself noticed: the first sign in the last half hour since all was well."""
        since = now_s
        for event in reversed(self._ctx.state().events):
            if event.service != service or event.at_s < now_s - 1800:
                continue
            if event.kind in (EventKind.ALERT, EventKind.HEALTH):
                if event.severity is Health.OK:
                    break
                since = event.at_s
        return since


_ON_THE_TIMELINE = {
    EntryKind.DECLARED: Health.CRITICAL,
    EntryKind.MITIGATED: Health.OK,
    EntryKind.VERIFIED: Health.OK,
    EntryKind.RESOLVED: Health.OK,
    EntryKind.REOPENED: Health.CRITICAL,
    EntryKind.TOOK_OVER: Health.OK,
    EntryKind.HANDED_OVER: Health.OK,
}


def _event(entry: Entry, service: str) -> TimelineEvent:
    words = f": {entry.text}" if entry.text else ""
    return TimelineEvent(
        id=f"incident-{entry.incident}-{entry.seq}",
        at_s=entry.at_s,
        kind=EventKind.NOTE,
        title=f"Incident {entry.kind.value}{words}"[:200],
        service=service,
        source="panel",
        actor=entry.actor,
        severity=_ON_THE_TIMELINE[entry.kind],
    )
