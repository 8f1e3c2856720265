"""Silences made and lifted from an incident: the panel's own alerts and those of other systems, in one action, written down."""

from __future__ import annotations

from mlcontrol.core.incidents.incident import EntryKind, Incident, refusal
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.services.alerts import Alerts
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.incidents.keeping import Incidents


class Silencing:
    """*Thread:* any; another system is asked, which takes as long as it answers."""

    def __init__(self, ctx: ServiceContext, incidents: Incidents, alerts: Alerts) -> None:
        self._ctx = ctx
        self._incidents = incidents
        self._alerts = alerts

    def silence(self, incident_id: str, for_s: float, reason: str, actor: str) -> Incident:
        """All alerts of the incident's service are silent for so long. Raises `ProblemError`; what another system refused is
        said in the entry, and the others are silent all the same."""
        incident = self._allowed(incident_id, EntryKind.SILENCED, actor)
        self._alerts.silence(incident.service, "", for_s, reason, actor)
        outside, refused = [], []
        for alert in self._ctx.state().alerts.values():
            if alert.source and alert.service == incident.service and alert.open and not alert.silenced_by:
                try:
                    self._alerts.silence(alert.service, alert.rule, for_s, reason, actor, alert.id)
                    outside.append(f"{alert.rule} at {alert.source}")
                except ProblemError as error:
                    refused.append(f"not {alert.rule} at {alert.source}: {error.problem.what}")
        words = "; ".join([f"{reason.strip()}: the panel's alerts of {incident.service}", *outside, *refused])
        data = {"until_s": repr(self._ctx.clock.utc_s() + for_s)}
        return self._incidents.write(incident_id, EntryKind.SILENCED, words, actor, data)

    def lift(self, incident_id: str, actor: str) -> Incident:
        """Every silence of this service ends, whoever made it; the panel's for all services stay. Raises `ProblemError` when none
        holds."""
        incident = self._allowed(incident_id, EntryKind.SILENCE_LIFTED, actor)
        state, now_s = self._ctx.state(), self._ctx.clock.utc_s()
        alerts = [a for a in state.alerts.values() if a.service == incident.service and a.open]
        ended, refused = [], []
        for silence in state.silences:
            theirs = bool(silence.source) and any(silence.covers(alert, now_s) for alert in alerts)
            if not theirs and (silence.source or silence.service != incident.service):
                continue
            where = silence.source or "the panel"
            try:
                self._alerts.end_silence(silence.id, actor)
                ended.append(f"“{silence.reason}” at {where}")
            except ProblemError as error:
                refused.append(f"not “{silence.reason}” at {where}: {error.problem.what}")
        if not ended and not refused:
            raise ProblemError(
                Problem(f"Nothing of {incident.service} is silenced.", next="S silences it.", code="not-found")
            )
        return self._incidents.write(incident_id, EntryKind.SILENCE_LIFTED, "; ".join([*ended, *refused]), actor)

    def _allowed(self, incident_id: str, kind: EntryKind, actor: str) -> Incident:
        incident = self._incidents.get(incident_id)
        why = refusal(incident, kind, actor)
        if why:
            raise ProblemError(Problem(f"This is not done: {why}.", code="conflict"))
        return incident
