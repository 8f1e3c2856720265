"""A connection and a service as facts, and the answer to a test, in words."""

from __future__ import annotations

from typing import Any

from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import ConnectionState
from mlcontrol.engine import messages as m
from mlcontrol.gui.viewmodels.phrases import duration_text, moment_text, visible_text


def connection_facts(
    connection: ConnectionSettings, live: ConnectionState, users: tuple[str, ...]
) -> list[tuple[str, str]]:
    """Name and words of what is set and of what the server last said; ``users``: the services that need it."""
    kept = {"": "none", "keyring": "in the system keyring"}.get(connection.secret, connection.secret)
    facts = [
        ("kind", connection.kind.value),
        ("adapter", connection.adapter),
        ("server", live.server or "? it has not said"),
        ("address", connection.url),
        ("latency", f"{live.latency_ms:.0f} ms" if live.latency_ms is not None else "? not measured"),
        ("last answer", moment_text(live.at.utc_s) if live.at is not None else "? never"),
        ("its clock", clock_words(live.clock_ahead_s)),
        ("asked every", f"{connection.poll_s:g} s"),
        ("sign-in", connection.auth),
        ("secret", kept),
        ("used by", ", ".join(users) or "no service"),
        *sorted(connection.options.items()),
    ]
    return [(name, visible_text(words, 300)) for name, words in facts]


def clock_words(ahead_s: float | None) -> str:
    """``ahead_s``: of ours, negative behind; `None`: it has not said."""
    if ahead_s is None:
        return "? it has not said"
    if ahead_s == 0.0:
        return "as this machine's"
    return f"{duration_text(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'} this machine's"


def service_facts(service: ServiceSettings) -> list[tuple[str, str]]:
    """Name and words of a service as the workspace file describes it."""
    facts = [
        ("kind", service.kind or "? not said"),
        ("team", service.team or "? not said"),
        ("environment", service.environment or "the workspace's"),
        ("protected", "yes" if service.protected else "no"),
        ("registry", f"{service.registry} · {service.model}@{service.alias}" if service.registry else "? not named"),
        ("endpoints", ", ".join(service.serving) or "? not named"),
        ("router", f"{service.routing} · {service.route}" if service.routing else "? not named"),
        ("metrics", ", ".join(service.metrics) or "? not named"),
        ("predictions", service.predictions or "? not named"),
        ("lineage", service.lineage or "the registry's alone"),
        ("golden set", service.golden or "? not named"),
        ("objectives", ", ".join(f"{name} {value:g}" for name, value in service.objectives.items()) or "? none"),
    ]
    return [(name, visible_text(words, 300)) for name, words in facts]


def diagnosis_words(event: Any) -> tuple[str, str, str, str]:
    """Glyph, title, detail, way on, of the answer to a test."""
    if isinstance(event, m.ConnectionDiagnosis) and event.problem is None:
        took = f"answered in {event.latency_ms:.0f} ms" if event.latency_ms is not None else "it answered"
        return "ok", f"{visible_text(event.server, 120) or 'The server'} · {took}", visible_text(event.detail, 300), ""
    if isinstance(event, m.ConnectionDiagnosis) and event.problem is not None:
        return "critical", *(
            visible_text(part, 400) for part in (event.problem.what, event.problem.why, event.problem.next)
        )  # type: ignore[return-value]
    if isinstance(event, m.Refused):
        return "unknown", *(
            visible_text(part, 400) for part in (event.problem.what, event.problem.why, event.problem.next)
        )  # type: ignore[return-value]
    return "unknown", "No answer", "", ""
