"""Adds what would have caught an incident: the alert and the rule to the workspace file, golden items to their set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mlcontrol.core.golden import GoldenSet
from mlcontrol.core.incidents.incident import EntryKind, Incident
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.services.connections import Connections
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.incidents.keeping import Incidents
from mlcontrol.services.incidents.proposals import Proposal


class Adding:
    """``write_golden``: replaces a golden file in one step. *Thread:* any."""

    def __init__(
        self,
        ctx: ServiceContext,
        incidents: Incidents,
        briefing: Briefing,
        connections: Connections,
        write_golden: Callable[[Path, GoldenSet], None],
    ) -> None:
        self._ctx = ctx
        self._incidents = incidents
        self._briefing = briefing
        self._connections = connections
        self._write_golden = write_golden

    def add(self, incident_id: str, prevention_id: str, actor: str) -> Incident:
        """Put one proposal into effect, and write it down with what it said over history. Raises `ProblemError` when it is not
        proposed any more, or was added already."""
        incident = self._incidents.get(incident_id)
        proposal = self._briefing.proposal(incident_id, prevention_id)
        if proposal is None:
            raise ProblemError(
                Problem("This is not proposed any more.", next="Look at the page again.", code="conflict")
            )
        if any(e.kind is EntryKind.PREVENTION and e.data.get("id") == prevention_id for e in incident.entries):
            raise ProblemError(Problem("This was added already.", code="conflict"))
        self._put(incident, proposal, actor)
        words = f"{proposal.prevention.title}. Tried over history: {proposal.prevention.backtest}"
        data = {"id": prevention_id, "kind": proposal.prevention.kind}
        return self._incidents.write(incident_id, EntryKind.PREVENTION, words, actor, data)

    def _put(self, incident: Incident, proposal: Proposal, actor: str) -> None:
        if proposal.items:
            golden = self._ctx.golden(incident.service)
            settings = self._ctx.settings.services[incident.service]
            if golden is None:
                raise ProblemError(Problem("The golden set is gone.", code="not-configured"))
            fresh = {item.id for item in proposal.items}
            kept = tuple(item for item in golden.items if item.id not in fresh)
            path = Path(self._ctx.settings.path).parent / settings.golden
            self._write_golden(path, replace(golden, items=(*kept, *proposal.items)))
            body = {"items": sorted(fresh), "incident": incident.id, "file": settings.golden}
            self._ctx.store.audit.append(actor, "golden.added", body, incident.service)
        if proposal.settings is not None:
            # Made from the settings of then: what was changed in the file since stays.
            now = self._ctx.settings.services[incident.service]
            then = proposal.settings
            merged = {
                "alert": replace(now, alerts=(*now.alerts, *then.alerts[-1:])),
                "rule": replace(now, rollout=then.rollout),
                "drill": replace(now, drill=then.drill),
            }[proposal.prevention.kind]
            self._connections.save_service(merged, now.id, actor)
