"""The list of the connections page: every connection with how it is doing, every service with what it is made of."""

from __future__ import annotations

from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.state import FleetState
from mlcontrol.core.types import ConnectionState, Freshness, Health
from mlcontrol.gui.viewmodels.connection_forms import ADAPTERS
from mlcontrol.gui.viewmodels.notify_forms import notify_line
from mlcontrol.gui.viewmodels.phrases import age_text, visible_text
from mlcontrol.gui.widgets.row_list import Row


def workspace_rows(settings: WorkspaceSettings, state: FleetState, now_s: float) -> list[Row]:
    """Headed groups; ids are ``c/NAME``, ``s/NAME`` and ``n/NAME``. ``now_s``: UTC seconds."""
    rows = [Row("head-c", "Connections", "", header=True, right=str(len(settings.connections)))]
    rows += [connection_row(one, live_state(one, state), now_s) for one in settings.connections.values()]
    rows.append(Row("head-s", "Services", "", header=True, right=str(len(settings.services))))
    rows += [service_row(one) for one in settings.services.values()]
    if settings.notify:
        rows.append(Row("head-n", "People told of alerts", "", header=True, right=str(len(settings.notify))))
        rows += [notify_row(one) for one in settings.notify.values()]
    return rows


def notify_row(one: NotifySettings) -> Row:
    return Row(f"n/{one.id}", one.id, "waiting", ((notify_line(one), "secondary"),), right=one.via)


def live_state(connection: ConnectionSettings, state: FleetState) -> ConnectionState:
    """What is known of it; nothing, and so unknown, before its first answer."""
    known = state.connections.get(connection.id)
    return known or ConnectionState(connection.id, connection.kind, connection.adapter)


def service_row(service: ServiceSettings) -> Row:
    parts = [
        service.registry,
        *service.serving,
        service.routing,
        *service.metrics,
        service.predictions,
        service.lineage,
    ]
    words = ", ".join(dict.fromkeys(part for part in parts if part)) or "? nothing is named"
    return Row(f"s/{service.id}", service.title or service.id, "waiting", ((words, "secondary"),), right=service.kind)


def connection_row(connection: ConnectionSettings, live: ConnectionState, now_s: float) -> Row:
    state = live.health.value
    if live.freshness is Freshness.STALE:
        state = "stale"
    elif live.freshness is Freshness.UNKNOWN and live.health is Health.OK:
        state = Health.UNKNOWN.value
    words = ADAPTERS.get(connection.adapter, (connection.kind, connection.adapter, ""))[1]
    lines = [(f"{live.server or words} · {visible_text(connection.url, 120)}", "secondary")]
    if live.health is not Health.OK:
        lines.append(
            (visible_text(" ".join(part for part in (live.why, live.next) if part) or "no answer yet", 300), state)
        )
    age = age_text(live.at.utc_s, now_s) if live.at is not None else "? never"
    return Row(
        f"c/{connection.id}",
        connection.id,
        state,
        tuple(lines),
        right=f"{visible_text(live.text, 80)} · {age}",
        chip=connection.kind.value.upper(),
    )
