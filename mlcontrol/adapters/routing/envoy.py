"""Envoy as the splitter of traffic: one cluster a version under ``weighted_clusters``, their weights told at run time.

The route's ``weighted_clusters`` must carry a ``runtime_key_prefix``; its clusters are named ``<route>-<version>``. What is set
here lives in Envoy's memory only. A weight that is no number is answered with "OK" and ignored, so every change is read back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

from mlcontrol.adapters.http import Call, HttpClient
from mlcontrol.adapters.plain_text import plain
from mlcontrol.core.clock_off import ClockOff
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import Reachability, SecretReader, Viability
from mlcontrol.ports.errors import NotFound, NotSupported, Rejected, ServerFailed
from mlcontrol.ports.routing import RouteCounters, Split

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_ROLE_KEY = "mlcontrol.stable"


class EnvoyRouting:
    """``options.admin``: base URL of its admin interface. *Thread:* any."""

    ROLES: ClassVar[tuple[str, str]] = ("stable", "canary")

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        admin = settings.options.get("admin", "")
        if not admin:
            what = f"'{settings.id}' has no admin address, so it cannot be asked or told anything."
            raise NotSupported(
                Problem(what, "", "Write it into the connection, like http://127.0.0.1:9901.", "not-configured")
            )
        self._admin = HttpClient(replace(settings, url=admin), secret)
        self._known: dict[
            str, tuple[str, tuple[str, ...]]
        ] = {}  # by route: runtime key prefix and versions, as last read

    @property
    def clock_off(self) -> ClockOff | None:
        return self._admin.clock.off

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        response = self._admin.get("/server_info", deadline_s)
        document = self._admin.json_of(response)
        parts = str(document.get("version", "") if isinstance(document, dict) else "").split("/")
        if len(parts) < 2 or "state" not in document:
            raise self._admin.unexpected("It is not Envoy's admin interface.", response)
        return Reachability(plain(f"Envoy {parts[1]}", 80), response.latency_ms, plain(str(document["state"]).lower()))

    def split(self, route: str, deadline_s: float = 3.0) -> Split:
        """The version with the stable role, and the one other that has a share. Who has all of it is the stable one, whatever was
        told before: another hand moves the weights and knows nothing of roles."""
        weights = self._weights(route, deadline_s)
        total = sum(weights.values())
        sharing = {version: weight for version, weight in weights.items() if weight > 0}
        if not sharing:
            return Split(None, None, 0.0)
        told = self._runtime(deadline_s).get(f"{_ROLE_KEY}.{route}", "")
        stable = told if told in sharing else max(sharing, key=lambda version: sharing[version])
        others = [version for version in sharing if version != stable]
        if len(others) > 1:
            raise self._admin.unexpected(f"Traffic of '{route}' goes to {len(others) + 1} versions at once.")
        if not others:
            return Split(stable, None, 0.0)
        return Split(stable, others[0], 100.0 * sharing[others[0]] / total)

    def set_stable(self, route: str, version: str, deadline_s: float = 3.0) -> None:
        """Give the stable share to ``version``; an active canary keeps its own, unless it is this version."""
        now = self.split(self._word(route, "route"), deadline_s)
        canary = now.canary if now.canary != version else None
        self._set(route, version, canary, now.canary_percent if canary is not None else 0.0, deadline_s)

    def set_canary(self, route: str, version: str | None, percent: float, deadline_s: float = 3.0) -> None:
        """Send ``percent`` (whole, 0..100) of the route to ``version``; `None` ends the canary. All weights change in one call."""
        share = _whole(percent)
        stable = self.split(self._word(route, "route"), deadline_s).stable
        if stable is None:
            raise self._unknown_route(route, "none of its versions has a weight")
        self._set(route, stable, version, float(share) if version is not None else 0.0, deadline_s)

    def counters(self, route: str, deadline_s: float = 3.0) -> tuple[RouteCounters, ...]:
        """What really went where: Envoy's own counters of the clusters. Everything that is not stable counts as canary."""
        stable = self.split(route, deadline_s).stable
        counted: dict[str, dict[str, int]] = {role: {} for role in self.ROLES}
        for version in self._weights(route, deadline_s):
            role = counted["stable" if version == stable else "canary"]
            for name, value in self._cluster_counters(_cluster(route, version), deadline_s).items():
                role[name] = role.get(name, 0) + value
        return tuple(_counters_of(role, found) for role, found in counted.items())

    def by_hand(self, route: str, version: str) -> tuple[str, ...]:
        """Commands that send all traffic of the route to ``version`` without the panel."""
        if route not in self._known:
            self._weights(route, 3.0)
        prefix, versions = self._known[route]  # they are configured and stay: true also while it cannot be reached
        others = [other for other in versions if other != version]
        pairs = [f"{prefix}.{_cluster(route, version)}=100", *(f"{prefix}.{_cluster(route, o)}=0" for o in others)]
        pairs.append(f"{_ROLE_KEY}.{route}={version}")
        return (f"curl -sS -X POST '{self._admin.settings.url.rstrip('/')}/runtime_modify?{'&'.join(pairs)}'",)

    def close(self) -> None:
        self._admin.close()

    def _set(self, route: str, stable: str, canary: str | None, percent: float, deadline_s: float) -> None:
        weights = self._weights(route, deadline_s)
        for version in (stable, canary):
            if version is not None and self._word(version, "version") not in weights:
                raise self._unknown_route(route, f"it has no cluster {_cluster(route, version)}")
        wanted = dict.fromkeys(weights, 0)
        wanted[stable] = 100 - round(percent)
        if canary is not None:
            wanted[canary] = round(percent)
        prefix = self._prefix(route, deadline_s)
        params = {f"{prefix}.{_cluster(route, version)}": str(weight) for version, weight in wanted.items()}
        params[f"{_ROLE_KEY}.{route}"] = stable
        self._admin.checked(Call("POST", "/runtime_modify", params), deadline_s)
        after = self._weights(route, deadline_s)
        if after != wanted:
            raise ServerFailed(
                Problem(
                    f"'{self.settings.id}' accepted new weights of '{route}', but does not use them.",
                    f"Asked for {wanted}, reads back {after}.",
                    "Another hand moved them at the same moment, or the value was not understood. Look before trying again.",
                    "conflict",
                )
            )

    def _weights(self, route: str, deadline_s: float) -> dict[str, int]:
        """Each version of the route with the weight that is in force: the one told at run time, else the configured one."""
        found = self._weighted(route, deadline_s)
        runtime = self._runtime(deadline_s)
        prefix = str(found["runtime_key_prefix"])
        weights = {}
        for cluster in found["clusters"]:
            name = str(cluster.get("name", ""))
            if name.startswith(f"{route}-"):
                told = runtime.get(f"{prefix}.{name}", "")
                configured = cluster.get("weight", 0)
                weights[name.removeprefix(f"{route}-")] = int(told) if told.isdecimal() else int(configured)
        self._known[route] = prefix, tuple(weights)
        return weights

    def _prefix(self, route: str, deadline_s: float) -> str:
        return str(self._weighted(route, deadline_s)["runtime_key_prefix"])

    def _weighted(self, route: str, deadline_s: float) -> dict[str, Any]:
        self._word(route, "route")
        document = self._admin.get_json("/config_dump", deadline_s)
        for found in _walk(document):
            clusters = found.get("clusters")
            if not (
                isinstance(clusters, list)
                and all(isinstance(c, dict) for c in clusters)
                and "runtime_key_prefix" in found
            ):
                continue
            if any(str(cluster.get("name", "")).startswith(f"{route}-") for cluster in clusters):
                return found
        raise self._unknown_route(route, f"no weighted clusters with a runtime key are named {route}-<version>")

    def _runtime(self, deadline_s: float) -> dict[str, str]:
        document = self._admin.get_json("/runtime", deadline_s, {"format": "json"})
        entries = document.get("entries", {}) if isinstance(document, dict) else None
        if not isinstance(entries, dict):
            raise self._admin.unexpected("It has no runtime entries.")
        return {
            str(key): str(entry.get("final_value", "")) for key, entry in entries.items() if isinstance(entry, dict)
        }

    def _cluster_counters(self, cluster: str, deadline_s: float) -> dict[str, int]:
        # The filter is a regular expression of Envoy's; names are words, whose only special character is the dot.
        counters = "rq_[1-5]xx|rq_total|cx_connect_fail|rq_pending_failure_eject"
        pattern = f"^cluster\\.{cluster.replace('.', '_')}\\.upstream_({counters})$"
        document = self._admin.get_json("/stats", deadline_s, {"format": "json", "filter": pattern})
        rows = document.get("stats") if isinstance(document, dict) else None
        if not isinstance(rows, list):
            raise self._admin.unexpected("It has no statistics.")
        return {
            str(row["name"]).rpartition("upstream_")[2]: int(row["value"])
            for row in rows
            if isinstance(row, dict) and "name" in row and isinstance(row.get("value"), int)
        }

    def _word(self, text: str, what: str) -> str:
        if not _WORD.fullmatch(text):
            raise Rejected(
                Problem(
                    f"'{plain(text, 40)}' cannot be the name of a {what}.", "", "Use letters, digits, . _ -", "rejected"
                )
            )
        return text

    def _unknown_route(self, route: str, why: str) -> NotFound:
        what = f"'{self.settings.id}' cannot do this for '{plain(route, 80)}'."
        return NotFound(
            Problem(
                what, f"In its configuration {why}.", "Check the route's name and Envoy's configuration.", "not-found"
            )
        )


def _cluster(route: str, version: str) -> str:
    return f"{route}-{version}"


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


def _whole(percent: float) -> int:
    if not (0 <= percent <= 100) or percent != round(percent):
        raise Rejected(
            Problem("The share cannot be set.", f"{percent} is no whole number from 0 to 100.", "", "rejected")
        )
    return round(percent)


def _counters_of(role: str, found: dict[str, int]) -> RouteCounters:
    responses = {f"{n}xx": found.get(f"rq_{n}xx", 0) for n in range(1, 6)}
    return RouteCounters(
        role,
        found.get("rq_total", 0),
        {name: count for name, count in responses.items() if count or name in ("2xx", "4xx", "5xx")},
        found.get("cx_connect_fail", 0),
        found.get("rq_pending_failure_eject", 0),
    )
