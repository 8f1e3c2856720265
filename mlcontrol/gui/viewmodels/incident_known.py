"""What the incident page can say before the engine answers, from the last known state; and whether the panel can act at all."""

from __future__ import annotations

from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.incidents.impact import Impact
from mlcontrol.core.incidents.incident import Incident
from mlcontrol.core.incidents.story import story
from mlcontrol.core.incidents.tick import TickState
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import EventKind, Health


def last_known(state: FleetState, service_id: str, alert: str, now_s: float) -> Brief | None:
    """As a brief without a number, a cause or an impact: those need the engine. `None`: the service is not known here."""
    service = state.services.get(service_id)
    if service is None:
        return None
    signs = [
        e.at_s
        for e in state.events
        if e.service == service_id and e.kind in (EventKind.ALERT, EventKind.HEALTH) and e.severity is not Health.OK
    ]
    incident = Incident(
        id="",
        number=0,
        service=service_id,
        environment=service.environment,
        title=alert or f"{service.title or service_id}: {service.use.text}",
        detected_s=signs[-1] if signs else now_s,
        alert=alert,
    )
    impact = Impact(max(0.0, now_s - incident.detected_s))
    return Brief(incident, story(incident, service, None, None, impact, None), now_s, impact=impact)


def out_of_reach(state: FleetState, brief: Brief) -> bool:
    """Whether a way back through the panel is in doubt: router, registry or server is silent, or the last one was refused."""
    settings = state.settings.services.get(brief.incident.service)
    wanted = (settings.routing, settings.registry, *settings.serving) if settings is not None else ()
    known = state.connections
    silent = any(n in known and known[n].health in (Health.CRITICAL, Health.UNKNOWN) for n in wanted if n)
    return silent or any(t.state is TickState.RED and t.id == "accepted" for t in brief.ticks)
