"""The sandbox's `mlcontrol.toml`: written once, then only its addresses are kept up to date, so that edits stay."""

from __future__ import annotations

from typing import Any

import tomlkit

from mlcontrol.sandbox import jsonfile
from mlcontrol.sandbox.layout import Layout, resources


def connections(layout: Layout, ports: dict[str, int]) -> dict[str, dict[str, Any]]:
    """The sandbox's connections at this start's addresses."""

    def address(name: str, path: str = "") -> str:
        return f"http://127.0.0.1:{ports[name]}{path}"

    return {
        "registry": {"kind": "registry", "adapter": "mlflow", "url": address("mlflow")},
        "triton": {
            "kind": "serving",
            "adapter": "triton",
            "url": address("triton"),
            "options": {"grpc": f"127.0.0.1:{ports['triton_grpc']}"},
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
        "triton-metrics": {
            "kind": "metrics",
            "adapter": "prometheus-text",
            "url": address("triton_metrics", "/metrics"),
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


def write(layout: Layout, ports: dict[str, int]) -> None:
    """Creates the workspace, or brings the sandbox's own connections in it up to date."""
    path = layout.workspace
    text = path.read_text() if path.is_file() else (resources() / "mlcontrol.toml").read_text()
    document = tomlkit.parse(text)
    table = document.setdefault("connections", tomlkit.table(is_super_table=True))
    for name, settings in connections(layout, ports).items():
        entry = table.setdefault(name, tomlkit.table())
        for key, value in settings.items():
            if isinstance(value, dict):
                inline = tomlkit.inline_table()
                inline.update(value)
                value = inline
            if entry.get(key) != value:
                entry[key] = value
    jsonfile.write_text(path, tomlkit.dumps(document))
