"""A real Envoy in front of the fleet's model server: one cluster a version, each rewritten to that version's own path.

A version can be made to fail: its share of aborted requests is a runtime value, as its weight is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomlkit

from mlcontrol.sandbox.wire import exchange
from mlcontrol.testing.fleet import RunningFleet
from mlcontrol.testing.servers import RunningServer, envoy, free_ports

VERSIONS = ("1", "2", "3")
_MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_FAULT = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _cluster(name: str, port: int) -> dict[str, Any]:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}]
    return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


def _listener(name: str, port: int, action: dict[str, Any]) -> dict[str, Any]:
    never = {"http_status": 500, "percentage": {"numerator": 0, "denominator": "HUNDRED"}}
    fault = {"@type": _FAULT, "abort": never, "abort_percent_runtime": f"failing.{name}"}
    manager = {
        "@type": _MANAGER,
        "stat_prefix": name,
        "route_config": {
            "virtual_hosts": [{"name": name, "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": action}]}]
        },
        "http_filters": [
            {"name": "fault", "typed_config": fault},
            {"name": "router", "typed_config": {"@type": _ROUTER}},
        ],
    }
    return {
        "name": name,
        "address": _address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def config(ports: Mapping[str, int], inner: Mapping[str, int], model: str, serving: int) -> dict[str, Any]:
    """``inner``: by version, the port of the listener that rewrites to it. Weighted clusters cannot rewrite paths themselves."""
    front = {
        "weighted_clusters": {
            "runtime_key_prefix": f"split.{model}",
            "clusters": [{"name": f"{model}-{v}", "weight": 100 if v == "2" else 0} for v in inner],
        }
    }

    def rewritten(version: str) -> dict[str, Any]:
        return {
            "cluster": "serving",
            "regex_rewrite": {
                "pattern": {"regex": r"^/v2/models/([^/]+)(/infer)?$"},
                "substitution": rf"/v2/models/\1/versions/{version}\2",
            },
        }

    return {
        "admin": {"address": _address(ports["admin"])},
        "layered_runtime": {"layers": [{"name": "admin", "admin_layer": {}}]},
        "static_resources": {
            "listeners": [
                _listener("front", ports["listener"], front),
                *(_listener(f"version-{version}", port, rewritten(version)) for version, port in inner.items()),
            ],
            "clusters": [
                _cluster("serving", serving),
                *(_cluster(f"{model}-{version}", port) for version, port in inner.items()),
            ],
        },
    }


@contextmanager
def envoy_before(fleet: RunningFleet, model: str, folder: Path) -> Iterator[RunningServer]:
    """Envoy that sends the callers of ``model`` to the fleet's Triton, all of them to version 2 at first."""
    inner = dict(zip(VERSIONS, free_ports(len(VERSIONS)), strict=True))
    with envoy(folder, lambda ports: config(ports, inner, model, fleet.ports["triton"])) as running:
        yield running


def through(server: RunningServer, document: tomlkit.TOMLDocument, service: str) -> None:
    """Make Envoy the router of the one service in a workspace."""
    admin = f"http://127.0.0.1:{server.ports['admin']}"
    document["connections"]["edge"] = {  # type: ignore[index]
        "kind": "routing",
        "adapter": "envoy",
        "url": server.url,
        "options": {"admin": admin},
    }
    document["services"][service]["routing"] = "edge"  # type: ignore[index]


def let_fail(server: RunningServer, version: str, percent: int) -> None:
    """So many of a hundred requests to this version are answered with an error from now on."""
    exchange(server.ports["admin"], "POST", f"/runtime_modify?failing.version-{version}={percent}")


def send_all(server: RunningServer, model: str, version: str) -> None:
    """As it was at the start, or as another hand would: all of the traffic to this version."""
    wanted = "&".join(f"split.{model}.{model}-{v}={100 if v == version else 0}" for v in VERSIONS)
    exchange(server.ports["admin"], "POST", f"/runtime_modify?{wanted}")


def counted(server: RunningServer, model: str) -> dict[str, int]:
    """Requests that each version got since Envoy started, by Envoy's own counters."""
    path = f"/stats?format=json&filter=^cluster\\.{model}-[0-9]%2B\\.upstream_rq_total$"
    rows = json.loads(exchange(server.ports["admin"], "GET", path)[1])["stats"]
    return {row["name"].split(".")[1].removeprefix(f"{model}-"): int(row["value"]) for row in rows}


def weights(server: RunningServer, model: str) -> dict[str, int]:
    """By version, as Envoy's own runtime has them; before the first change it has none."""
    entries = json.loads(exchange(server.ports["admin"], "GET", "/runtime")[1]).get("entries", {})
    prefix = f"split.{model}.{model}-"
    return {
        key.removeprefix(prefix): int(entry["final_value"]) for key, entry in entries.items() if key.startswith(prefix)
    }
