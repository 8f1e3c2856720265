"""Ray Serve: one configuration holds every application, and each write replaces all of it; what a write leaves out is deleted.

So a write begins with a fresh read, changes one version in it and sends the whole back; then everything is read again. The state
is asynchronous: the answer to a write says nothing, a version that fails is seen by polling. While a version fails to start, its
callers wait, so the one before is put back at the first failure, not after Ray has given up.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlcontrol.adapters.http import Call, HttpClient
from mlcontrol.adapters.plain_text import plain, sentence
from mlcontrol.adapters.serving.oip import OipClient
from mlcontrol.core.clock_off import ClockOff
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import Replica, ReplicaState
from mlcontrol.ports.connection import Reachability, SecretReader
from mlcontrol.ports.errors import AdapterError, NotFound, NotSupported, Rejected, TimedOut
from mlcontrol.ports.serving import Answer, LoadOverride, ReaderRules, ServingCapabilities, VersionStatistics

_PATH = "/api/serve/applications/"
_POLL_S = 0.3
_PUT_BACK_S = 120.0
_KEPT = ("proxy_location", "http_options", "grpc_options", "logging_config", "target_capacity")
_STATES = {
    "RUNNING": ReplicaState.READY,
    "DEPLOYING": ReplicaState.LOADING,
    "NOT_STARTED": ReplicaState.LOADING,
    "DEPLOY_FAILED": ReplicaState.UNAVAILABLE,
    "UNHEALTHY": ReplicaState.UNAVAILABLE,
    "DELETING": ReplicaState.UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class _Application:
    """``config``: what it was told to be, `None` for one that a program started. ``failing``: the server's words for it."""

    config: Mapping[str, Any] | None
    status: str
    failing: str


class RayServe(OipClient):
    """``url``: where the application answers, its route prefix included, in the Open Inference Protocol. ``options.dashboard``:
    Ray's dashboard, where the configuration is read and written. ``options.version_at``: where in an application's configuration
    its version stands, "args.version" if not said. *Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        # The secret is the dashboard's; the application's own address never sees it.
        super().__init__(replace(settings, auth="none"), secret)
        self.settings = settings
        self.capabilities = ServingCapabilities(
            versioned=False,
            loads=bool(settings.options.get("dashboard")),
            reader=ReaderRules("strict", extras="reject", missing="reject", exact_types=True),
        )
        self._at = tuple(settings.options.get("version_at", "args.version").split("."))
        self._dashboard = HttpClient(replace(settings, url=settings.options.get("dashboard") or settings.url), secret)

    @property
    def clock_off(self) -> ClockOff | None:
        return self._dashboard.clock.off

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        response = self._dashboard.get("/api/version", deadline_s)
        document = self._dashboard.json_of(response)
        if not isinstance(document, dict) or not isinstance(document.get("ray_version"), str):
            raise self._dashboard.unexpected("Its /api/version names no Ray.", response)
        names = ", ".join(sorted(self._applications(deadline_s)[1])) or "no application"
        return Reachability(plain(f"Ray {document['ray_version']}", 80), response.latency_ms, plain(names))

    def live(self, deadline_s: float = 5.0) -> bool:
        return self._dashboard.send(Call("GET", "/api/version"), deadline_s).status == 200

    def replicas(self, model: str, deadline_s: float = 5.0) -> tuple[Replica, ...]:
        """The one version that the application is told to be."""
        found = self._applications(deadline_s)[1].get(model)
        version = self._version(found)
        if found is None or version is None:
            return ()
        state = ReplicaState.UNAVAILABLE if found.failing else _STATES.get(found.status, ReplicaState.UNKNOWN)
        return (Replica(self.settings.id, plain(version, 40), state, found.failing),)

    def infer(
        self, model: str, inputs: Mapping[str, Any], version: str | None = None, deadline_s: float = 5.0
    ) -> Answer:
        """A version in the question must be the one that answers: there is no road to another."""
        answer = super().infer(model, inputs, None, deadline_s)
        if version is not None and answer.version != version:
            what = f"'{self.settings.id}' does not serve version {version} of '{plain(model, 80)}'."
            why = f"It runs one version at a time, and version {answer.version or 'unknown'} answered."
            raise NotFound(Problem(what, why, "Roll it out first.", "not-found"))
        return answer

    def statistics(self, model: str, deadline_s: float = 5.0) -> tuple[VersionStatistics, ...]:  # noqa: ARG002
        what = f"'{self.settings.id}' does not count by version: Ray's own counters know no version of the model."
        raise NotSupported(Problem(what, "", "Count them at a proxy, or in the prediction log.", "not-supported"))

    def override(self, model: str, deadline_s: float = 5.0) -> LoadOverride:
        found = self._known(self._applications(deadline_s)[1], model)
        version = self._version(found)
        return LoadOverride((version,) if version else (), json.dumps(found.config))

    def serve_versions(self, model: str, versions: tuple[str, ...], deadline_s: float = 120.0) -> None:
        """As the port says, for exactly one version. What else is configured is sent back as it was read a moment before."""
        if len(versions) != 1:
            what = f"'{self.settings.id}' runs one version of '{plain(model, 80)}' at a time."
            raise NotSupported(
                Problem(what, "", "Replace the version; there is no loading beside it.", "not-supported")
            )
        ends, version = time.monotonic() + deadline_s, versions[0]
        document, before = self._applications(deadline_s)
        old = self._known(before, model)
        if self._version(old) == version and old.status == "RUNNING" and not old.failing:
            return
        self._put(document, before, model, self._with_version(old, model, version), ends)
        try:
            self._becomes(model, version, before, ends)
        except Rejected as refused:
            self._put_back(model, old)
            raise refused

    def close(self) -> None:
        self._dashboard.close()
        super().close()

    def _applications(self, deadline_s: float) -> tuple[dict[str, Any], dict[str, _Application]]:
        """The whole document, and each application in it."""
        response = self._dashboard.get(_PATH, deadline_s)
        document = self._dashboard.json_of(response)
        found = document.get("applications") if isinstance(document, dict) else None
        if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
            raise self._dashboard.unexpected("It does not list its applications.", response)
        return document, {name: _application(one) for name, one in found.items()}

    def _known(self, found: Mapping[str, _Application], model: str) -> _Application:
        if model not in found:
            names = ", ".join(plain(name, 40) for name in sorted(found)) or "none"
            what = f"'{self.settings.id}' has no application '{plain(model, 80)}'."
            raise NotFound(Problem(what, f"It has: {names}.", "Check the name.", "not-found"))
        return found[model]

    def _version(self, found: _Application | None) -> str | None:
        place: Any = found.config if found is not None else None
        for key in self._at:
            place = place.get(key) if isinstance(place, Mapping) else None
        return str(place) if isinstance(place, str | int) and not isinstance(place, bool) else None

    def _with_version(self, found: _Application, model: str, version: str) -> dict[str, Any]:
        if found.config is None or self._version(found) is None:
            what = f"The version of '{plain(model, 80)}' cannot be changed on '{self.settings.id}'."
            why = f"Its configuration has no {'.'.join(self._at)}, or a program started it without one."
            raise NotSupported(
                Problem(what, why, "Deploy it by a configuration that names its version.", "not-supported")
            )
        changed: dict[str, Any] = copy.deepcopy(dict(found.config))
        place = changed
        for key in self._at[:-1]:
            place = place[key]
        place[self._at[-1]] = type(place[self._at[-1]])(version)
        return changed

    def _put(
        self,
        document: Mapping[str, Any],
        found: Mapping[str, _Application],
        model: str,
        config: Mapping[str, Any],
        ends: float,
    ) -> None:
        unwritable = sorted(name for name, one in found.items() if one.config is None)
        if unwritable:
            what = f"Nothing was written to '{self.settings.id}'."
            why = f"{', '.join(plain(n, 40) for n in unwritable)} has no configuration, so a write could delete it."
            raise NotSupported(Problem(what, why, "Deploy all of them by configuration.", "not-supported"))
        body = {key: document[key] for key in _KEPT if document.get(key) is not None}
        body["applications"] = [config if name == model else one.config for name, one in found.items()]
        response = self._dashboard.send(Call("PUT", _PATH, json=body), _left(ends))
        if response.status != 200:
            raise self._dashboard.refusal(response)

    def _becomes(self, model: str, version: str, before: Mapping[str, _Application], ends: float) -> None:
        while True:
            _, now = self._applications(_left(ends))
            self._require_the_others(model, before, now)
            found = self._known(now, model)
            if self._version(found) != version:
                raise self._conflict(f"'{plain(model, 80)}' is told to be version {self._version(found)} now")
            if found.failing:
                what = f"'{self.settings.id}' did not start version {plain(version, 40)} of '{plain(model, 80)}'."
                raise Rejected(Problem(what, found.failing, "The version before is put back.", "load-refused"))
            if found.status == "RUNNING":
                return
            if time.monotonic() + _POLL_S >= ends:
                what = f"'{self.settings.id}' did not finish with '{plain(model, 80)}' in time."
                raise TimedOut(
                    Problem(what, "It may still do what it was asked.", "Look at what it serves.", "timeout")
                )
            time.sleep(_POLL_S)

    def _require_the_others(
        self, model: str, before: Mapping[str, _Application], now: Mapping[str, _Application]
    ) -> None:
        """Nothing but this application was to change: what did, another hand has changed at the same moment."""
        for name, one in before.items():
            if name != model and (name not in now or now[name].config != one.config):
                raise self._conflict(f"'{plain(name, 80)}' is not as it was a moment before")

    def _conflict(self, why: str) -> Rejected:
        what = f"Another hand changed the configuration of '{self.settings.id}' at the same moment."
        then = "Compare what is configured with what should be; each write there replaces everything."
        return Rejected(Problem(what, f"{why}.", then, "conflict"))

    def _put_back(self, model: str, old: _Application) -> None:
        """The configuration of before into what is there now; that it fails too is seen by whoever reads the state."""
        ends = time.monotonic() + _PUT_BACK_S
        version = self._version(old)
        if old.config is None or version is None:
            return
        try:
            document, now = self._applications(_left(ends))
            self._put(document, now, model, old.config, ends)
            self._becomes(model, version, now, ends)
        except AdapterError:
            return


def _application(row: Mapping[str, Any]) -> _Application:
    config, status = row.get("deployed_app_config"), str(row.get("status", ""))
    deployments = row.get("deployments")
    rows = deployments.values() if isinstance(deployments, dict) else ()
    words = [str(one.get("message", "")) for one in rows if isinstance(one, dict)]
    # Ray tells the first failure only in words, and goes on trying while callers wait.
    early = next((text for text in words if "failed to start" in text), "") if status == "DEPLOYING" else ""
    late = next((text for text in words if text), str(row.get("message", ""))) if status == "DEPLOY_FAILED" else ""
    failing = _reason(early or late) or ("it did not start" if status == "DEPLOY_FAILED" else "")
    return _Application(config if isinstance(config, dict) else None, status, failing)


def _reason(message: str) -> str:
    """The last line of a traceback says what was wrong."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return sentence(lines[-1]) if lines else ""


def _left(ends: float) -> float:
    return max(0.001, ends - time.monotonic())
