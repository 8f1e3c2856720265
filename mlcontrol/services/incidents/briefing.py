"""Puts together what is known of one incident now: the story, the suspects, the way back and its proof, the log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from mlcontrol.core.bisect import Found
from mlcontrol.core.incidents import likeness
from mlcontrol.core.incidents.brief import Brief, Onset, Prevention
from mlcontrol.core.incidents.close_suspects import after_bisect
from mlcontrol.core.incidents.counts import Counts, impact
from mlcontrol.core.incidents.data_advice import NextSteps, is_version, next_steps
from mlcontrol.core.incidents.data_story import data_story
from mlcontrol.core.incidents.hurt import SliceCount, hurt_slices, hurt_users
from mlcontrol.core.incidents.incident import Entry, EntryKind, Incident, IncidentPhase
from mlcontrol.core.incidents.log import BEFORE_S, log_lines
from mlcontrol.core.incidents.messages import handoff, messages, status_update
from mlcontrol.core.incidents.others import Told, acted_since_s, burning_since_s, own_since_s, told_by_others
from mlcontrol.core.incidents.recovery import Golden, proven, ticks
from mlcontrol.core.incidents.recovery_by_itself import ticks_by_itself
from mlcontrol.core.incidents.story import heard, story
from mlcontrol.core.incidents.suspect_lines import suspect_lines
from mlcontrol.core.incidents.tick import Tick, since_turned
from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.runbook import ByHand
from mlcontrol.core.state import MADE
from mlcontrol.core.types import Health, ServiceState, TimelineEvent
from mlcontrol.ports.errors import AdapterError
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.golden_run import run_golden
from mlcontrol.services.incidents.about_data import of_data, others_too, what_broke
from mlcontrol.services.incidents.analysing import ANALYSED_FOR_S, Analysing, Analysis, by_data
from mlcontrol.services.incidents.bisecting import bisect_of, newest_bisect
from mlcontrol.services.incidents.data_again import DataAgain
from mlcontrol.services.incidents.data_facts import DataFacts
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.incidents.proposals import Proposal, Proposals
from mlcontrol.services.onsets import Evidence, read
from mlcontrol.services.runbook import way_back_by_hand

JUST_NOW_S = 20.0
LATELY_S = 900.0  # what is told of a service on which no incident is declared
LOG_DEADLINE_S = 3.0
LATE_LOG_S = 30.0  # a log that is written late is whole by then
PROPOSED_FOR_S = 300.0
EVENTS = 500


class Briefing:
    """``persist``: stores what waits to be stored, so that history holds the last seconds. *Thread:* any."""

    def __init__(self, ctx: ServiceContext, incidents: Incidents, persist: Callable[[], None]) -> None:
        self._ctx = ctx
        self._incidents = incidents
        self._persist = persist
        self._lock = threading.Lock()
        self._proposals = Proposals(ctx)
        self._golden: dict[str, Golden | None] = {}
        self._data = DataAgain(ctx)
        self._turned: dict[str, dict[str, float]] = {}
        self._sliced: dict[str, tuple[float, tuple[SliceCount, ...]]] = {}
        self._proposed: dict[str, tuple[float, IncidentPhase, tuple[Proposal, ...]]] = {}
        self._analysing = Analysing()
        self._facts = DataFacts(ctx)

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

    def _events(self, incident: Incident, end_s: float) -> tuple[TimelineEvent, ...]:
        """Newest first. What somebody made, and what is of this service, is read by itself: no storm crowds it out."""
        query, span = self._ctx.store.timeline.query, (incident.detected_s - 4 * BEFORE_S, end_s + 1)
        every = (
            *query(None, *span, (), "", EVENTS),
            *query(incident.service, *span, (), "", EVENTS),
            *query(None, *span, MADE, "", EVENTS),
        )
        return tuple(sorted({event.id: event for event in every}.values(), key=lambda e: (-e.at_s, e.id)))

    def _brief(self, incident: Incident) -> Brief:
        ctx = self._ctx
        now_s = ctx.clock.utc_s()
        end_s = incident.resolved_s if incident.resolved_s is not None else now_s
        service = ctx.state().services.get(incident.service)
        settings = ctx.settings.services.get(incident.service)
        objective = settings.objectives.get("error_rate") if settings is not None else None
        events = self._events(incident, end_s)
        evidence = read(ctx, incident.service, incident.detected_s, end_s)
        known = ctx.store.incidents.all()
        told = told_by_others(incident, known, now_s)
        found = self._analysis(incident, evidence, events, now_s, end_s, told)
        seen, attribution, change = found.seen, found.attribution, found.change
        began_s = _began(incident, seen)
        own_s = acted_since_s(incident, known, began_s)
        began_s = own_since_s(incident.service, told, began_s)
        back = self._way_back(incident, own_s)
        until_s = incident.mitigated_s if incident.mitigated_s is not None else end_s
        hurt_since_s = began_s if incident.id else min(began_s, now_s - LATELY_S)
        hurt_since_s = own_since_s(incident.service, told, hurt_since_s)
        hurt = impact(evidence.counts, hurt_since_s, until_s, objective)
        now_share = evidence.counts.between(now_s - JUST_NOW_S, now_s).share
        counts = self._by_slice(incident, began_s, until_s, now_s)
        slices = hurt_slices(counts)
        users, steps = hurt_users(counts), None
        if change is not None:
            telling = data_story(incident, service, change, attribution, hurt, now_share, users)
            steps = _steps(incident, found)
        else:
            telling = story(incident, service, found.point, attribution, hurt, now_share, slices, users, objective)
        said = _said_over(incident, back)
        tick_row: tuple[Tick, ...] = ()
        about = of_data(incident, seen, events, ctx.state().alerts.values(), (began_s, until_s))
        if said is not None and service is not None:
            before = _failing(incident, known, evidence.counts, began_s, said.at_s)
            version = service.used.single or service.intended.single
            key = f"{said.incident}/{said.seq}"
            golden = self._golden_after(key, incident.service, version, True)
            data = None if about is None else self._data.look(key, incident.service, about, said.at_s)
            facts = ticks_by_itself(said, service, evidence.counts, golden, before, objective, now_s, data)
            tick_row = self._timed(key, facts)
        elif back is not None and service is not None:
            before = _failing(incident, known, evidence.counts, began_s, back.started_s)
            golden = self._golden_after(back.id, back.service, back.to_version, back.phase is Phase.DONE)
            data = None if about is None else self._data.look(back.id, back.service, about, back.started_s)
            facts = ticks(back, service, evidence.counts, golden, before, objective, now_s, data)
            tick_row = self._timed(back.id, facts)
        suspects, separable, verdict = suspect_lines(attribution), attribution.separable, attribution.verdict
        tried, unheard = newest_bisect(ctx, incident, own_s), False
        if tried is not None and tried.found:
            suspects, separable = after_bisect(suspects, Found(tried.found), tried.from_version)
            verdict = tried.summary
        elif unheard := seen is None and (service is None or not heard(service)):
            # A change that nothing shows the effect of is no suspect: whether anything broke at all is not known.
            suspects, separable, verdict = (), False, ""
        itself = change.event if change is not None else ""
        first = next((s.title for s in suspects if s.event), "") if separable and suspects[0].event != itself else ""
        gaps = _gaps(service, evidence, seen)
        made = Brief(
            incident=incident,
            story=telling,
            made_s=now_s,
            onset=seen,
            suspects=suspects,
            separable=separable,
            verdict=verdict,
            slices=slices,
            impact=hurt,
            operation=back.id if back is not None and said is None else "",
            ticks=tick_row,
            proven=bool(tick_row) and proven(tick_row),
            log=log_lines(incident, events, now_s),
            alike=likeness.looks_like(incident, known),
            recurred=len(likeness.recurrences(incident, known)),
            by_hand=self._by_hand(incident, service),
            update=status_update(incident, telling, hurt, now_s),
            messages=messages(incident, telling, hurt, first, tick_row, now_s, change, steps),
            handoff=handoff(incident, telling, hurt, first, tick_row, gaps, now_s, steps),
            prevention=self._prevention(incident, seen, first, now_s),
            bisect=bisect_of(incident, suspects, separable, service, tried),
            gaps=gaps,
            unheard=unheard,
            data=change,
            steps=steps,
        )
        return replace(made, suspects=(), separable=False, verdict="", bisect=None) if made.quiet else made

    def _analysis(
        self,
        incident: Incident,
        evidence: Evidence,
        events: Sequence[TimelineEvent],
        now_s: float,
        end_s: float,
        told: tuple[Told, ...],
    ) -> Analysis:
        key = _key(incident)
        made = self._analysing.by_signals(key, incident, evidence, events, now_s, told)
        until_s = incident.mitigated_s if incident.mitigated_s is not None else end_s
        span = _began(incident, made.seen), until_s
        moved = what_broke(incident, made.seen, events, self._ctx.state().alerts.values(), span)
        if moved is None:
            return made
        others = others_too(moved, incident.service, events)
        change = replace(self._facts.read(key, incident.service, moved, until_s), others=others)
        return by_data(incident, change, moved.events[0], events)

    def _by_slice(self, incident: Incident, since_s: float, until_s: float, now_s: float) -> tuple[SliceCount, ...]:
        """Requests and failures by slice, from the prediction log; nothing where there is no log or it does not answer."""
        with self._lock:
            known = self._sliced.get(_key(incident))
        if known is not None and (now_s - known[0] < ANALYSED_FOR_S or until_s <= known[0] - LATE_LOG_S):
            return known[1]
        settings = self._ctx.settings.services.get(incident.service)
        found: tuple[SliceCount, ...] = ()
        if settings is not None and settings.predictions:
            try:
                log = self._ctx.predictions(settings.predictions)
                rows = log.failures_by_slice(incident.service, since_s, until_s, LOG_DEADLINE_S)
                found = tuple(SliceCount(r.name, r.value, r.requests, r.failed) for r in rows)
            except (AdapterError, ProblemError):
                found = ()
        with self._lock:
            self._sliced[_key(incident)] = (now_s, found)
        return found

    def proposal(self, incident_id: str, prevention_id: str) -> Proposal | None:
        """What stands behind a proposal of the brief."""
        incident = self.brief(incident_id).incident
        with self._lock:
            known = self._proposed.get(_key(incident))
        every = known[2] if known is not None else ()
        return next((one for one in every if one.prevention.id == prevention_id), None)

    def _prevention(self, incident: Incident, seen: Onset | None, suspect: str, now_s: float) -> tuple[Prevention, ...]:
        """Not while it burns: then there is something else to do, and the history it is tried on is not whole yet.

        What was added stays as it was proposed.
        """
        if incident.phase not in (IncidentPhase.MITIGATED, IncidentPhase.RESOLVED):
            return ()
        added = {e.data.get("id", "") for e in incident.entries if e.kind is EntryKind.PREVENTION}
        with self._lock:
            known = self._proposed.get(_key(incident))
        if known is None or (now_s - known[0] > PROPOSED_FOR_S and not added) or known[1] is not incident.phase:
            fresh = self._proposals.make(incident, seen, suspect)
            kept = known[2] if known is not None else ()
            names = {one.prevention.id for one in fresh}
            both = (*(o for o in kept if o.prevention.id in added and o.prevention.id not in names), *fresh)
            known = (now_s, incident.phase, both)
            with self._lock:
                self._proposed[_key(incident)] = known
        found = [replace(one.prevention, added=one.prevention.id in added) for one in known[2]]
        shown = {one.id for one in found}
        for entry in incident.entries:
            if entry.kind is EntryKind.PREVENTION and entry.data.get("id", "") not in shown:
                title, _, tried = entry.text.partition(" Tried over history: ")
                kind = entry.data.get("kind", "")
                found.append(Prevention(entry.data.get("id", ""), kind, title.rstrip("."), "", tried, True))
        return tuple(found)

    def _way_back(self, incident: Incident, since_s: float) -> Operation | None:
        """The newest rollback of this service since then."""
        ran = [
            one
            for one in self._ctx.state().operations.values()
            if one.kind is OperationKind.ROLLBACK and one.service == incident.service and one.started_s >= since_s
        ]
        return max(ran, key=lambda one: one.started_s, default=None)

    def _timed(self, key: str, found: tuple[Tick, ...]) -> tuple[Tick, ...]:
        with self._lock:
            return since_turned(found, self._turned.setdefault(key, {}))

    def _golden_after(self, key: str, service: str, version: str | None, now: bool) -> Golden | None:
        """The golden set asked once for ``key``, on a thread of its own; `None` when the service has none.

        ``now`` false: it is too early to ask, the way back is not done.
        """
        try:
            known = self._ctx.golden(service)
        except ProblemError:
            return None
        if known is None or not known.items:
            return None
        waiting = Golden(0, len(known.items), 0, 0.0)
        with self._lock:
            if key in self._golden:
                return self._golden[key] or waiting
            if not now or version is None:
                return waiting
            self._golden[key] = None
        threading.Thread(
            target=self._ask_golden, args=(key, service, version), name="golden-after", daemon=True
        ).start()
        return waiting

    def _ask_golden(self, key: str, service: str, version: str) -> None:
        try:
            run = run_golden(self._ctx, service, version, None)
        except ProblemError:
            run = None
        if run is None or run.score.unknown:
            with self._lock:
                del self._golden[key]  # asked again at the next look
            return
        # Without a declared minimum the set says what it says: every critical item must be right.
        share = run.minimum if run.minimum is not None else 0.0
        needed = max(round(share * run.score.n), 1)
        right = 0 if run.score.critical_failed else run.score.right
        with self._lock:
            self._golden[key] = Golden(right, run.score.n, needed, self._ctx.clock.utc_s())

    def _by_hand(self, incident: Incident, service: ServiceState | None) -> tuple[ByHand, ...]:
        target = service.way_back.target if service is not None else None
        if incident.service not in self._ctx.settings.services or target is None:
            return ()
        return way_back_by_hand(self._ctx, incident.service, target)


def _key(incident: Incident) -> str:
    """Of what is remembered between two briefs. Those that nobody declared have no id, and are not one another."""
    return incident.id or f"undeclared {incident.service}"


def _began(incident: Incident, seen: Onset | None) -> float:
    return min(incident.detected_s, seen.at_s) if seen is not None else incident.detected_s


def _steps(incident: Incident, found: Analysis) -> NextSteps | None:
    """``found``: of an incident of data."""
    change, attribution = found.change, found.attribution
    assert change is not None
    version = next((e for e in attribution.close if is_version(e)), None)
    first = attribution.suspects[0].event
    upstream = first if first is not None and first.id != change.event and not is_version(first) else None
    return next_steps(incident, change, upstream, version)


def _failing(
    incident: Incident, known: Sequence[Incident], counts: Counts, began_s: float, until_s: float
) -> float | None:
    """The share of answers that failed while this incident alone burned, until a way back or the word that it is over; `None` where
    nobody counted."""
    told = told_by_others(incident, known, until_s)
    return counts.between(burning_since_s(told, began_s), until_s).share


def _said_over(incident: Incident, back: Operation | None) -> Entry | None:
    """The last time somebody said that it is over, unless a way back was taken after that, or it was reopened."""
    since_s = max([e.at_s for e in incident.entries if e.kind is EntryKind.REOPENED], default=0.0)
    since_s = max(since_s, back.started_s if back is not None else 0.0)
    said = [e for e in incident.entries if e.kind is EntryKind.RECOVERY_CHECKED and e.at_s >= since_s]
    return said[-1] if said else None


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
