"""The way back by hand: the exact commands for when this panel cannot act, or must not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote

from mlcontrol.core.settings import ConnectionSettings, ServiceSettings


@dataclass(frozen=True, slots=True)
class ByHand:
    """``shell``: ready to paste. No secret is in it: where one is needed, the command asks for it or reads $TOKEN."""

    title: str
    shell: str


def way_back_by_hand(
    service: ServiceSettings, connections: Mapping[str, ConnectionSettings], target: str, workspace: str
) -> tuple[ByHand, ...]:
    """In the order in which they are to be given. The first lets another engine do it, guards and all."""
    found = [
        ByHand(
            "Through the guard, from a machine that reaches the servers",
            f"mlcontrol rollback {quote(service.id)} --to {quote(target)} --express --yes --reason 'incident'"
            f" --workspace {quote(workspace)}",
        )
    ]
    for name in service.serving:
        connection = connections.get(name)
        if connection is not None and connection.adapter == "triton":
            base = connection.url.rstrip("/")
            ready = f"{base}/v2/models/{service.serving_model}/versions/{target}/ready"
            asks = f"curl -s -o /dev/null -w '%{{http_code}}\\n' {quote(ready)}"
            found.append(ByHand(f"Is it loaded on {name}? (200 = yes)", asks))
    routing = connections.get(service.routing)
    if routing is not None and routing.adapter == "haproxy":
        found.append(ByHand(f"Move the traffic on {service.routing}", _haproxy(routing, service.route, target)))
    registry = connections.get(service.registry)
    if registry is not None and registry.adapter == "mlflow":
        body = json.dumps({"name": service.model, "alias": service.alias, "version": target})
        url = f"{registry.url.rstrip('/')}/api/2.0/mlflow/registered-models/alias"
        sign = {"basic": f" -u {quote(registry.username)}", "token": ' -H "Authorization: Bearer $TOKEN"'}.get(
            registry.auth, ""
        )
        tells = f"curl -s -X POST{sign} -H 'Content-Type: application/json' -d {quote(body)} {quote(url)}"
        found.append(ByHand(f"Tell {service.registry}", tells))
    return tuple(found)


def _haproxy(routing: ConnectionSettings, route: str, target: str) -> str:
    admin = routing.options.get("admin", "")
    versions, shares = routing.options.get("version_map", ""), routing.options.get("share_map", "")
    lines = f"set map {versions} {route}-stable {target}; set map {shares} {route} 0; show map {versions}"
    path = admin.removeprefix("unix:").removeprefix("unix@")
    place = f"UNIX-CONNECT:{path}" if path.startswith("/") else f"TCP:{path}"
    return f"echo {quote(lines)} | socat stdio {quote(place)}"
