"""MLServer: one settings file a version in its model repository; a load takes up all that are there and drops those that are not.

There is no load of one version and no configuration in the call, so which versions are served is decided by which settings files
carry their name: ``model-settings.json`` is served, ``model-settings.json.held`` is not. A rename is atomic, and the load that
follows makes it true. Without a version in the request, the highest answers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlcontrol.adapters.http import Call, HttpClient
from mlcontrol.adapters.plain_text import plain, sentence
from mlcontrol.adapters.serving.oip import OipClient
from mlcontrol.adapters.serving.repository_files import RepositoryFiles
from mlcontrol.core.artifact import ServedFiles
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import Replica, ReplicaState
from mlcontrol.core.versions import version_order
from mlcontrol.ports.connection import SecretReader
from mlcontrol.ports.errors import AdapterError, NotFound, NotSupported, Rejected, TimedOut
from mlcontrol.ports.serving import Answer, LoadOverride, ReaderRules, ServingCapabilities, VersionStatistics

SETTINGS, HELD = "model-settings.json", "model-settings.json.held"
_SETTINGS_BYTES = 1 << 20
_POLL_S = 0.1
_COUNTERS = {"model_infer_request_success_total": 0, "model_infer_request_failure_total": 1}
_STATES = {200: ReplicaState.READY, 400: ReplicaState.LOADING, 404: ReplicaState.UNAVAILABLE}
"""Of a version's own readiness: 400 is one that is known and not ready, which it is while it loads."""


@dataclass(frozen=True, slots=True)
class _OnDisk:
    version: str
    folder: Path
    served: bool


class MlserverServing(OipClient):
    """``options.repository``: its model repository as this machine sees it, needed for loads; ``options.metrics``: base URL of its
    metrics port, needed for counters. *Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        super().__init__(settings, secret)
        self.capabilities = ServingCapabilities(
            versioned=True,
            loads=bool(settings.options.get("repository")),
            reader=ReaderRules("mlserver", extras="ignore", missing="reject", exact_types=False),
        )
        metrics = settings.options.get("metrics", "")
        self._repository = RepositoryFiles()
        self._metrics = HttpClient(replace(settings, url=metrics), secret) if metrics else None

    def replicas(self, model: str, deadline_s: float = 5.0) -> tuple[Replica, ...]:
        """Versions whose settings are on the server's disk.

        Its index gives each the state of the highest one, so that a version that is not loaded reads as ready, or all as unknown
        while one loads: each is asked by itself.
        """
        ends = time.monotonic() + deadline_s
        response = self.http.checked(Call("POST", "/v2/repository/index", json={}), deadline_s)
        rows = self.http.json_of(response)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.http.unexpected("The repository index is no list.", response)
        found = [
            Replica(
                connection=self.settings.id,
                version=plain(str(row["version"]), 40),
                state=self._state(model, str(row["version"]), _left(ends)),
                reason=sentence(str(row.get("reason", ""))),
            )
            for row in rows
            if row.get("name") == model and row.get("version")
        ]
        return tuple(sorted(found, key=lambda replica: version_order(replica.version)))

    def _state(self, model: str, version: str, deadline_s: float) -> ReplicaState:
        path = f"/v2/models/{quote(model, safe='')}/versions/{quote(version, safe='')}/ready"
        status = self.http.send(Call("GET", path), deadline_s).status
        return _STATES.get(status, ReplicaState.UNKNOWN)

    def infer(
        self, model: str, inputs: Mapping[str, Any], version: str | None = None, deadline_s: float = 5.0
    ) -> Answer:
        """As the protocol says. An input that the model does not have is refused here: MLServer would say only that it failed."""
        known = self._input_datatypes(model, version, deadline_s)
        strange = sorted(set(inputs) - set(known))
        if known and strange:
            why = (
                f"It has no input {', '.join(plain(name, 40) for name in strange)}; it has {', '.join(sorted(known))}."
            )
            raise Rejected(Problem(f"The query does not fit '{model}'.", why, "Correct the query.", "rejected"))
        return super().infer(model, inputs, version, deadline_s)

    def statistics(self, model: str, deadline_s: float = 5.0) -> tuple[VersionStatistics, ...]:
        """Counters of requests that named their version; of the others MLServer does not say who answered."""
        if self._metrics is None:
            what = f"'{self.settings.id}' has no metrics address, so its answers cannot be counted."
            raise NotSupported(
                Problem(what, "", "Write it into the connection, like http://127.0.0.1:8082.", "not-configured")
            )
        text = self._metrics.get("/metrics", deadline_s).text
        loaded = [r.version for r in self.replicas(model, deadline_s) if r.state is ReplicaState.READY]
        counted: dict[str, list[int]] = {version: [0, 0] for version in loaded}
        for line in text.splitlines():
            name, _, rest = line.partition("{")
            labels, _, value = rest.partition("} ")
            if name in _COUNTERS and f'model="{model}"' in labels:
                version = labels.partition('version="')[2].partition('"')[0]
                counted.setdefault(version, [0, 0])[_COUNTERS[name]] = round(float(value))
        return tuple(VersionStatistics(v, n[0], n[1], None) for v, n in sorted(counted.items()) if v != "None")

    def override(self, model: str, deadline_s: float = 5.0) -> LoadOverride:
        """The versions that are ready; what else lies in the repository is in ``extra``, served or held."""
        ready = tuple(r.version for r in self.replicas(model, deadline_s) if r.state is ReplicaState.READY)
        if not self.settings.options.get("repository"):
            return LoadOverride(ready)
        return LoadOverride(ready, extra={d.version: "served" if d.served else "held" for d in self._on_disk(model)})

    def served_files(self, model: str, version: str, deadline_s: float = 60.0) -> ServedFiles:
        """The files beside the settings of this version, where the connection names the repository; else what is declared."""
        ends = time.monotonic() + deadline_s
        named = self.settings.options.get("repository", "")
        if not named:
            declared = super().served_files(model, version, deadline_s)
            why = "" if declared.declared else f"{declared.why}, and the connection names no model repository"
            return replace(declared, why=why)
        mine = next((found for found in self._on_disk(model) if found.version == version), None)
        if mine is None:
            return ServedFiles(why=f"its model repository has no version {plain(version, 40)}")
        return self._repository.read(Path(named), mine.folder, _left(ends))

    def serve_versions(self, model: str, versions: tuple[str, ...], deadline_s: float = 120.0) -> None:
        """As the port says. What cannot be loaded is put aside again, and the others loaded as before."""
        ends = time.monotonic() + deadline_s
        on_disk = self._on_disk(model)
        missing = set(versions) - {found.version for found in on_disk}
        if missing:
            raise self._refused(model, f"version {', '.join(sorted(missing))} is not in its model repository")
        changed = [found for found in on_disk if found.served != (found.version in versions)]
        for found in changed:
            _place(found, found.version in versions)
        try:
            self._load(model, versions, ends)
        except TimedOut:
            raise  # it may still come: what is on the disk is what was asked for
        except AdapterError as error:
            for found in changed:
                _place(found, found.served)
            self._load_again(model, ends)
            tried = ", ".join(f.version for f in changed if not f.served) or ", ".join(versions)
            raise self._refused(model, f"version {tried}: {error.problem.why or error.problem.what}") from error

    def close(self) -> None:
        if self._metrics is not None:
            self._metrics.close()
        super().close()

    def _load(self, model: str, versions: tuple[str, ...], ends: float) -> None:
        verb = "load" if versions else "unload"
        path = f"/v2/repository/models/{quote(model, safe='')}/{verb}"
        self.http.checked(Call("POST", path, json={}), _left(ends))
        while True:
            states = {replica.version: replica.state for replica in self.replicas(model, _left(ends))}
            stray = [v for v, state in states.items() if state is ReplicaState.READY and v not in versions]
            if all(states.get(version) is ReplicaState.READY for version in versions) and not stray:
                return
            if any(states.get(version) is ReplicaState.UNAVAILABLE for version in versions):
                raise self._refused(model, "it is not ready after the load")
            if time.monotonic() + _POLL_S >= ends:
                what = f"'{self.settings.id}' did not finish with '{model}' in time."
                raise TimedOut(
                    Problem(what, "It may still do what it was asked.", "Look at what it serves.", "timeout")
                )
            time.sleep(_POLL_S)

    def _load_again(self, model: str, ends: float) -> None:
        try:
            path = f"/v2/repository/models/{quote(model, safe='')}/load"
            self.http.checked(Call("POST", path, json={}), max(5.0, _left(ends)))
        except AdapterError:
            return  # what was loaded keeps serving; the caller reads the state back

    def _on_disk(self, model: str) -> tuple[_OnDisk, ...]:
        """Versions of a model in the repository, by their settings files: at most two folders deep, no links out of it."""
        named = self.settings.options.get("repository", "")
        root = Path(named)
        if not named or not root.is_dir():
            what = f"'{self.settings.id}' has no model repository that this machine can reach, so it cannot be told to load."
            raise NotSupported(Problem(what, "", "Write its folder into the connection.", "not-configured"))
        real = root.resolve()
        found: dict[str, _OnDisk] = {}
        for name in (HELD, SETTINGS):  # should a crash have left both, the one that is served counts
            for path in (*root.glob(f"*/{name}"), *root.glob(f"*/*/{name}")):
                if not path.resolve().is_relative_to(real):
                    continue
                version = _version_in(path, model)
                if version is not None:
                    found[version] = _OnDisk(version, path.parent, name == SETTINGS)
        if not found:
            what = f"'{self.settings.id}' does not have '{plain(model, 80)}' in its model repository."
            raise NotFound(Problem(what, "", "Copy the model there first.", "not-found"))
        return tuple(sorted(found.values(), key=lambda one: version_order(one.version)))

    def _refused(self, model: str, reason: str) -> Rejected:
        what = f"'{self.settings.id}' refused to load '{model}'."
        then = "What was served before is still served. Correct the version and try again."
        return Rejected(Problem(what, plain(reason, 400), then, "load-refused"))


def _version_in(path: Path, model: str) -> str | None:
    """The version that a settings file gives this model; `None` for another model's file, or one that is none."""
    try:
        if path.stat().st_size > _SETTINGS_BYTES:
            return None
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("name") != model:
        return None
    parameters = document.get("parameters")
    version = parameters.get("version") if isinstance(parameters, dict) else None
    return version if isinstance(version, str) and version else None


def _place(found: _OnDisk, served: bool) -> None:
    """Give the settings file the name that says whether it is served; nothing happens when it has it already."""
    source, target = found.folder / (HELD if served else SETTINGS), found.folder / (SETTINGS if served else HELD)
    try:
        source.replace(target)
    except FileNotFoundError:
        return
    except OSError as error:
        what = f"The model repository cannot be changed: {target.name} of version {found.version}."
        raise Rejected(
            Problem(what, error.strerror or str(error), "Mend the rights of the folder.", "rejected")
        ) from error


def _left(ends: float) -> float:
    return max(0.001, ends - time.monotonic())
