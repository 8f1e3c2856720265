"""Puts together what is known of one incident now: the story, the suspects, the way back and its proof, the log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from mlcontrol.core.attribution import Attribution, attribute
from mlcontrol.core.incidents import likeness
from mlcontrol.core.incidents.brief import Brief, Onset, SuspectLine
from mlcontrol.core.incidents.counts import impact
from mlcontrol.core.incidents.incident import EntryKind, Incident, IncidentPhase
from mlcontrol.core.incidents.log import BEFORE_S, log_lines
from mlcontrol.core.incidents.messages import handoff, status_update
from mlcontrol.core.incidents.recovery import Golden, proven, ticks
from mlcontrol.core.incidents.story import story
from mlcontrol.core.incidents.tick import Tick
from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.runbook import ByHand, way_back_by_hand
from mlcontrol.core.signals.change import ChangePoint
from mlcontrol.core.types import Health, ServiceState, TimelineEvent
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.golden_run import run_golden
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.incidents.prevention import preventions
from mlcontrol.services.incidents.signals import Evidence, onset, read

ANALYSED_FOR_S = 5.0
JUST_NOW_S = 20.0
EVENTS = 500


class Briefing:
    """``persist``: stores what waits to be stored, so that history holds the last seconds. *Thread:* any."""

    def __init__(self, ctx: ServiceContext, incidents: Incidents, persist: Callable[[], None]) -> None:
        self._ctx = ctx
        self._incidents = incidents
        self._persist = persist
        self._lock = threading.Lock()
        self._golden: dict[str, Golden | None] = {}
        self._analysed: dict[str, tuple[float, Onset | None, ChangePoint | None, Attribution | None]] = {}

    def brief(self, incident_id: str, service: str = "") -> Brief:
        """As of now; writes down that recovery is proven when it is.

        Without an id: the service's open incident, or what it would be.
        """
        self._persist()
        incident = self._incidents.get(incident_id) if incident_id else self._incidents.of_service(service)
        found = self._brief(incident)
        if found.proven and incident.id and incident.phase is IncidentPhase.DECLARED:
            words = "; ".join(t.evidence for t in found.ticks if t.evidence)
            try:
                incident = self._incidents.write(incident.id, EntryKind.VERIFIED, words, incident.holder or "panel")
            except ProblemError:
                return found  # somebody else has just written it
            return self._brief(incident)
        return found

    def _brief(self, incident: Incident) -> Brief:
        ctx = self._ctx
        now_s = ctx.clock.utc_s()
        end_s = incident.resolved_s if incident.resolved_s is not None else now_s
        service = ctx.state().services.get(incident.service)
        settings = ctx.settings.services.get(incident.service)
        objective = settings.objectives.get("error_rate") if settings is not None else None
        events = ctx.store.timeline.query(None, incident.detected_s - 4 * BEFORE_S, end_s + 1, (), "", EVENTS)
        evidence = read(ctx, incident.service, incident.detected_s, end_s)
        seen, point, attribution = self._analysis(incident, evidence, events, now_s)
        began_s = min(incident.detected_s, seen.at_s) if seen is not None else incident.detected_s
        back = self._way_back(incident, began_s)
        until_s = incident.mitigated_s if incident.mitigated_s is not None else end_s
        hurt = impact(evidence.counts, began_s, until_s, objective)
        now_share = evidence.counts.between(now_s - JUST_NOW_S, now_s).share
        telling = story(incident, service, point, attribution, hurt, now_share)
        tick_row: tuple[Tick, ...] = ()
        if back is not None and service is not None:
            before = evidence.counts.between(began_s, back.started_s).share
            tick_row = ticks(back, service, evidence.counts, self._golden_after(back), before, objective, now_s)
        suspects = _suspects(attribution)
        first = next((s.title for s in suspects if s.event), "") if attribution and attribution.separable else ""
        known = ctx.store.incidents.all()
        gaps = _gaps(service, evidence, seen)
        return Brief(
            incident=incident,
            story=telling,
            made_s=now_s,
            onset=seen,
            suspects=suspects,
            separable=attribution.separable if attribution is not None else False,
            verdict=attribution.verdict if attribution is not None else "",
            impact=hurt,
            operation=back.id if back is not None else "",
            ticks=tick_row,
            proven=bool(tick_row) and proven(tick_row),
            log=log_lines(incident, events, now_s),
            alike=likeness.looks_like(incident, known),
            recurred=len(likeness.recurrences(incident, known)),
            by_hand=self._by_hand(incident, service),
            update=status_update(incident, telling, hurt, now_s),
            handoff=handoff(incident, telling, hurt, first, tick_row, gaps, now_s),
            prevention=preventions(ctx, incident, evidence, seen, first),
            silences=tuple(e.text for e in incident.entries if e.kind is EntryKind.SILENCED),
            gaps=gaps,
        )

    def _analysis(
        self,
        incident: Incident,
        evidence: Evidence,
        events: Sequence[TimelineEvent],
        now_s: float,
    ) -> tuple[Onset | None, ChangePoint | None, Attribution | None]:
        with self._lock:
            known = self._analysed.get(incident.id)
        if known is not None and now_s - known[0] < ANALYSED_FOR_S:
            return known[1:]
        around_s = incident.declared_s if incident.declared_s is not None else incident.detected_s
        found = onset(evidence.tracks, around_s)
        seen, point, attribution = None, None, None
        causes = [e for e in events if not e.id.startswith("incident-")]
        if found is not None:
            seen, point = found
            attribution = attribute(point, causes, service=incident.service)
        else:
            # No series broke: what was changed just before it was noticed is still worth a look, at even odds with nothing.
            moment = ChangePoint(
                incident.detected_s, incident.detected_s - 30, incident.detected_s + 30, 0, 0.0, 0.0, 0.0
            )
            attribution = attribute(moment, causes, service=incident.service)
        with self._lock:
            self._analysed[incident.id] = (now_s, seen, point, attribution)
        return seen, point, attribution

    def _way_back(self, incident: Incident, began_s: float) -> Operation | None:
        """The newest rollback of this service since it began."""
        ran = [
            one
            for one in self._ctx.state().operations.values()
            if one.kind is OperationKind.ROLLBACK and one.service == incident.service and one.started_s >= began_s - 1
        ]
        return max(ran, key=lambda one: one.started_s, default=None)

    def _golden_after(self, back: Operation) -> Golden | None:
        """The golden set asked once after the way back, on a thread of its own; `None` when the service has none."""
        try:
            known = self._ctx.golden(back.service)
        except ProblemError:
            return None
        if known is None or not known.items:
            return None
        waiting = Golden(0, len(known.items), 0, 0.0)
        with self._lock:
            if back.id in self._golden:
                return self._golden[back.id] or waiting
            if back.phase is not Phase.DONE:
                return waiting
            self._golden[back.id] = None
        threading.Thread(target=self._ask_golden, args=(back,), name="golden-after", daemon=True).start()
        return waiting

    def _ask_golden(self, back: Operation) -> None:
        try:
            run = run_golden(self._ctx, back.service, back.to_version, None)
        except ProblemError:
            with self._lock:
                del self._golden[back.id]  # asked again at the next look
            return
        # Without a declared minimum the set says what it says: every critical item must be right.
        share = run.minimum if run.minimum is not None else 0.0
        needed = max(round(share * run.score.n), 1)
        right = 0 if run.score.critical_failed else run.score.right
        with self._lock:
            self._golden[back.id] = Golden(right, run.score.n, needed, self._ctx.clock.utc_s())

    def _by_hand(self, incident: Incident, service: ServiceState | None) -> tuple[ByHand, ...]:
        settings = self._ctx.settings.services.get(incident.service)
        target = service.way_back.target if service is not None else None
        if settings is None or target is None:
            return ()
        return way_back_by_hand(settings, self._ctx.settings.connections, target, self._ctx.settings.path)


def _suspects(attribution: Attribution | None) -> tuple[SuspectLine, ...]:
    if attribution is None:
        return ()
    found = []
    for suspect in attribution.suspects[:5]:
        event = suspect.event
        found.append(
            SuspectLine("", "None of these", suspect.why, suspect.probability)
            if event is None
            else SuspectLine(
                event.id,
                event.title,
                suspect.why,
                suspect.probability,
                event.at_s,
                event.version_from,
                event.version_to,
                event.operation,
            )
        )
    if all(one.event for one in found):
        nothing = next(s for s in attribution.suspects if s.event is None)
        found[-1] = SuspectLine("", "None of these", nothing.why, nothing.probability)
    return tuple(found)


def _gaps(service: ServiceState | None, evidence: Evidence, seen: Onset | None) -> tuple[str, ...]:
    found = []
    if service is None:
        return ("The service is not known to this panel.",)
    for label, signal in (("Presence", service.presence), ("Use", service.use), ("Accuracy", service.accuracy)):
        if signal.health is Health.UNKNOWN:
            found.append(f"{label} is not known: {signal.detail or signal.text}")
    if not len(evidence.counts.at_s):
        found.append("No source counts failed answers.")
    if seen is None:
        found.append("No recorded signal shows when it began.")
    return tuple(found)
