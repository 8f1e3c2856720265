"""The sandbox's `mlcontrol.toml`: written once, then only its addresses are kept up to date, so that edits stay."""

from __future__ import annotations

import secrets
from typing import Any

import tomlkit

from mlcontrol.sandbox import jsonfile
from mlcontrol.sandbox.layout import Layout, resources
from mlcontrol.sandbox.model_server import BY_NAME, ModelServer


def connections(layout: Layout, ports: dict[str, int], server: ModelServer) -> dict[str, dict[str, Any]]:
    """The sandbox's connections at this start's addresses."""

    def address(name: str, path: str = "") -> str:
        return f"http://127.0.0.1:{ports[name]}{path}"

    return {
        "registry": {"kind": "registry", "adapter": "mlflow", "url": address("mlflow")},
        server.name: {
            "kind": "serving",
            "adapter": server.name,
            "url": address(server.name),
            "options": server.options(layout, ports),
        },
        "router": {
            "kind": "routing",
            "adapter": "haproxy",
            "url": address("router"),
            "options": {
                "admin": f"127.0.0.1:{ports['router_admin']}",
                "version_map": str(layout.maps / "ver.map"),
                "share_map": str(layout.maps / "pct.map"),
            },
        },
        f"{server.name}-metrics": {
            "kind": "metrics",
            "adapter": "prometheus-text",
            "url": address(f"{server.name}_metrics", "/metrics"),
        },
        "router-metrics": {
            "kind": "metrics",
            "adapter": "prometheus-text",
            "url": address("router_metrics", "/metrics"),
        },
        "predictions": {
            "kind": "predictions",
            "adapter": "jsonl",
            "url": (layout.fleet / "predictions").as_uri(),
            "options": {
                "labels": (layout.fleet / "labels").as_uri(),
                "feedback": (layout.fleet / "feedback").as_uri(),
            },
        },
    }


def write(layout: Layout, ports: dict[str, int], server: ModelServer) -> None:
    """Creates the workspace, or brings the sandbox's own connections in it up to date, and with them the services' use of them."""
    path = layout.workspace
    text = path.read_text() if path.is_file() else _fresh()
    document = tomlkit.parse(text)
    table = document.setdefault("connections", tomlkit.table(is_super_table=True))
    take_over(document, server)
    for name, settings in connections(layout, ports, server).items():
        entry = table.setdefault(name, tomlkit.table())
        for key, value in settings.items():
            if isinstance(value, dict):
                inline = tomlkit.inline_table()
                inline.update(value)
                value = inline
            if entry.get(key) != value:
                entry[key] = value
    jsonfile.write_text(path, tomlkit.dumps(document))


def _fresh() -> str:
    """The template, with a store named anew: the audit log's last root is kept outside the store, and a new fleet in the place of
    one that was deleted must not look like a log that somebody cut off."""
    template = (resources() / "mlcontrol.toml").read_text()
    return template.replace("panel.db", f"panel-{secrets.token_hex(4)}.db")


def take_over(document: tomlkit.TOMLDocument, server: ModelServer) -> None:
    """Drops the connections of another model server that the fleet had before, and names this one where that one was named."""
    for other in BY_NAME:
        if other == server.name:
            continue
        for suffix in ("", "-metrics"):
            document["connections"].pop(f"{other}{suffix}", None)
            for service in document.get("services", {}).values():
                for named in ("serving", "metrics"):
                    listed = service.get(named, [])
                    if f"{other}{suffix}" in listed:
                        listed[listed.index(f"{other}{suffix}")] = f"{server.name}{suffix}"
