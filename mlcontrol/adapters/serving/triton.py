"""NVIDIA Triton in explicit model control: which versions are loaded, and making it so.

Loads go over gRPC: a load over HTTP stalls other HTTP queries for as long as it takes (server issues 8117, 8958).
"""

from __future__ import annotations

import importlib.util
import json
import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from mlcontrol.adapters.http import Call
from mlcontrol.adapters.plain_text import plain, sentence
from mlcontrol.adapters.serving.oip import OipClient, declared_in
from mlcontrol.adapters.serving.repository_files import RepositoryFiles
from mlcontrol.adapters.target import RESOLVER, check_host
from mlcontrol.core.artifact import ServedFiles
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import Replica, ReplicaState
from mlcontrol.ports.connection import SecretReader, Viability
from mlcontrol.ports.errors import (
    AdapterError,
    NotFound,
    NotSupported,
    Rejected,
    ServerFailed,
    TimedOut,
    Unexpected,
    Unreachable,
)
from mlcontrol.ports.serving import LoadOverride, ReaderRules, ServingCapabilities

if TYPE_CHECKING:
    from tritonclient.grpc import InferenceServerClient

REASON_CHARS = 400
NO_REPOSITORY = "the connection names no model repository"
_POLL_S = 0.1
_PREAMBLE = re.compile(r"^load failed for model '[^']*': |(?<=UNAVAILABLE state: )Internal: ")
_STATES = {
    "READY": ReplicaState.READY,
    "LOADING": ReplicaState.LOADING,
    "UNLOADING": ReplicaState.UNLOADING,
    "UNAVAILABLE": ReplicaState.UNAVAILABLE,
}


class TritonServing(OipClient):
    """``options.grpc``: host and port of the gRPC endpoint, needed for loads; ``options.repository``: its model repository as this
    machine sees it, needed to compare the files with the registered ones. *Thread:* any."""

    capabilities: ClassVar[ServingCapabilities] = ServingCapabilities(
        versioned=True,
        loads=True,
        reader=ReaderRules("triton", extras="reject", missing="reject", exact_types=True),
    )

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        super().__init__(settings, secret)
        self._grpc_lock = threading.Lock()
        self._grpc: InferenceServerClient | None = None
        self._repository = RepositoryFiles()

    @classmethod
    def viability(cls) -> Viability:
        if importlib.util.find_spec("tritonclient") is None or importlib.util.find_spec("grpc") is None:
            return Viability(False, "the Python package tritonclient[grpc] is not installed")
        return Viability(True)

    def replicas(self, model: str, deadline_s: float = 5.0) -> tuple[Replica, ...]:
        call = Call("POST", "/v2/repository/index", json={})
        response = self.http.checked(call, deadline_s)
        rows = self.http.json_of(response)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.http.unexpected("The repository index is no list.", response)
        # A model that was never loaded is listed by name alone.
        mine = [row for row in rows if row.get("name") == model and row.get("version")]
        found = [
            Replica(
                connection=self.settings.id,
                version=plain(str(row["version"]), 40),
                state=_STATES.get(str(row.get("state", "")), ReplicaState.UNKNOWN),
                reason=_short(str(row.get("reason", ""))),
            )
            for row in mine
        ]
        return tuple(sorted(found, key=lambda replica: _number(replica.version)))

    def override(self, model: str, deadline_s: float = 5.0) -> LoadOverride:
        """The versions that are ready and the running configuration; empty when the model is not loaded.

        The configuration's own list of versions is not to be trusted: Triton goes on showing the one that the highest version
        was first loaded with. It forgets an override at an unload and at a restart.
        """
        ends = time.monotonic() + deadline_s
        try:
            config = self._config(model, _left(ends))
        except NotFound:
            return LoadOverride(())
        replicas = self.replicas(model, _left(ends))
        versions = tuple(replica.version for replica in replicas if replica.state is ReplicaState.READY)
        return LoadOverride(versions, json.dumps(config, sort_keys=True))

    def annotations(self, name: str, deadline_s: float = 2.0) -> dict[str, str]:
        """The `parameters` of the running configuration; none while the model is not loaded."""
        try:
            found = self._config(name, deadline_s).get("parameters")
        except NotFound:
            return {}
        rows = found.items() if isinstance(found, dict) else ()
        return {
            plain(key, 120): plain(str(value.get("string_value", "")), 300)
            for key, value in rows
            if isinstance(value, dict)
        }

    def serve_versions(self, model: str, versions: tuple[str, ...], deadline_s: float = 120.0) -> None:
        """As the port says. No versions at all unloads the model.

        Of a model that is not loaded, Triton tells no configuration: it is first loaded as its own files say.
        """
        ends = time.monotonic() + deadline_s
        numbers = [self._checked_number(model, version) for version in versions]
        client = self._client(deadline_s)
        if not numbers:
            self._ask(model, "unload", ends, lambda left_s: client.unload_model(model, client_timeout=left_s))
            self._wait(model, (), ends, deadline_s)
            return
        try:
            config = self._config(model, _left(ends))
        except NotFound:
            self._ask(model, "load", ends, lambda left_s: client.load_model(model, client_timeout=left_s))
            config = self._config(model, _left(ends))
        config["version_policy"] = {"specific": {"versions": numbers}}
        text = json.dumps(config)
        self._ask(model, "load", ends, lambda left_s: client.load_model(model, config=text, client_timeout=left_s))
        self._wait(model, versions, ends, deadline_s)

    def served_files(self, model: str, version: str, deadline_s: float = 60.0) -> ServedFiles:
        """The files in the repository, where the connection names it; else the digest in the configuration's ``parameters``
        (``digest.VERSION``, or ``digest``) where somebody wrote one. Triton itself tells neither."""
        ends = time.monotonic() + deadline_s
        declared = declared_in(self._config(model, min(deadline_s, 5.0)).get("parameters"), version)
        named = self.settings.options.get("repository", "")
        parts = (model, version)
        if not named or any("/" in part or part in ("", ".", "..") or not part.isprintable() for part in parts):
            return declared if declared.declared else replace(declared, why=f"{declared.why}, and {NO_REPOSITORY}")
        read = self._repository.read(Path(named), Path(named) / model / version, _left(ends))
        return replace(read, declared=declared.declared)

    def close(self) -> None:
        with self._grpc_lock:
            client, self._grpc = self._grpc, None
        if client is not None:
            client.close()
        super().close()

    def _config(self, model: str, deadline_s: float) -> dict[str, Any]:
        response = self.http.send(Call("GET", f"/v2/models/{quote(model, safe='')}/config"), deadline_s)
        if response.status != 200:
            raise self._model_refusal(model, None, response.status, self.http.refusal(response))
        document = self.http.json_of(response)
        if not isinstance(document, dict):
            raise self.http.unexpected("The model configuration is no object.", response)
        return document

    def _wait(self, model: str, versions: tuple[str, ...], ends: float, deadline_s: float) -> None:
        """Until the index says that all of ``versions`` are ready; with none, until nothing is."""
        while True:
            try:
                states = {replica.version: replica for replica in self.replicas(model, _left(ends))}
            except TimedOut as error:  # the server was asked by now: what it goes on to do is not known
                raise self._unknown(model, deadline_s) from error
            for version in versions:
                replica = states.get(version)
                if replica is None:
                    raise self._would_not(model, "load", f"version {version} is not in its model repository")
                if replica.state is ReplicaState.UNAVAILABLE:
                    raise self._would_not(model, "load", f"version {version}: {replica.reason}")
            live = (ReplicaState.READY, ReplicaState.LOADING, ReplicaState.UNLOADING)
            ready = all(v in states and states[v].state is ReplicaState.READY for v in versions)
            if ready and (versions or not any(replica.state in live for replica in states.values())):
                return
            if time.monotonic() + _POLL_S >= ends:
                raise self._unknown(model, deadline_s)
            time.sleep(_POLL_S)

    def _ask(self, model: str, verb: str, ends: float, send: Any) -> None:
        """One gRPC call; its errors as ours. A call that timed out may still take effect."""
        from tritonclient.utils import InferenceServerException

        left_s = _left(ends)
        try:
            send(left_s)
        except InferenceServerException as error:
            status, reason = str(error.status()), str(error.message())
            if "DEADLINE_EXCEEDED" in status:
                raise self._unknown(model, left_s) from error
            if "UNAVAILABLE" in status:
                problem = Problem(
                    f"'{self.settings.id}' cannot be reached over gRPC.",
                    f"{self.settings.options.get('grpc', '')}: {_short(reason)}",
                    "Check the gRPC address of the connection.",
                    "unreachable",
                )
                raise Unreachable(problem) from error
            if "UNIMPLEMENTED" in status:
                what = f"What answers at the gRPC address of '{self.settings.id}' is not Triton."
                then = "Check the gRPC address of the connection."
                raise Unexpected(Problem(what, _short(reason), then, "unexpected")) from error
            if "NOT_FOUND" in status or "failed to poll from model repository" in reason:
                what = f"'{self.settings.id}' does not have '{model}' in its model repository."
                raise NotFound(Problem(what, _short(reason), "Copy the model there first.", "not-found")) from error
            if "UNKNOWN" in status:
                what = f"'{self.settings.id}' failed to {verb} '{model}'."
                raise ServerFailed(Problem(what, _short(reason), "Look into its log.", "server-failed")) from error
            raise self._would_not(model, verb, reason) from error

    def _would_not(self, model: str, verb: str, reason: str) -> AdapterError:
        what = f"'{self.settings.id}' refused to {verb} '{model}'."
        then = "What was served before is still served. Correct the version and try again."
        return Rejected(Problem(what, _short(reason), then, "load-refused"))

    def _unknown(self, model: str, deadline_s: float) -> TimedOut:
        return TimedOut(
            Problem(
                what=f"'{self.settings.id}' did not finish with '{model}' within {deadline_s:.3g} s.",
                why="It may still do what it was asked.",
                next="Look at what it serves before doing anything else.",
                code="timeout",
            )
        )

    def _checked_number(self, model: str, version: str) -> int:
        if not (version.isascii() and version.isdigit() and 0 < len(version) <= 18):
            what = f"'{plain(version, 40)}' is no version that Triton can serve of '{model}'."
            raise Rejected(Problem(what, "Its versions are whole numbers.", "", "rejected"))
        return int(version)

    def _client(self, deadline_s: float) -> InferenceServerClient:
        from tritonclient.grpc import InferenceServerClient

        with self._grpc_lock:
            if self._grpc is None:
                address = self.settings.options.get("grpc", "")
                host, _, port = address.rpartition(":")
                if not host or not port.isdigit():
                    what = f"'{self.settings.id}' has no gRPC address, so it cannot be told to load."
                    then = "Write it into the connection, like 127.0.0.1:8001."
                    raise NotSupported(Problem(what, "", then, "not-configured"))
                check_host(host.strip("[]"))
                found = RESOLVER.addresses(host.strip("[]"), int(port), deadline_s)[0]
                numeric = f"[{found}]" if ":" in found else found
                options = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", 4 * 1024 * 1024)]
                self._grpc = InferenceServerClient(f"{numeric}:{port}", channel_args=options)
            return self._grpc


def _left(ends: float) -> float:
    return max(0.001, ends - time.monotonic())


def _short(reason: str) -> str:
    """The server's reason without the call stack of the model's code."""
    words = _PREAMBLE.sub("", reason.partition("\n\nAt:")[0])
    return sentence(words.removeprefix("Internal: "), REASON_CHARS)


def _number(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isascii() and version.isdigit() else (0, version)
