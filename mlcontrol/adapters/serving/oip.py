"""A client of the Open Inference Protocol (also called V2): health, metadata, inference, statistics.

It is a serving endpoint's base, and by itself the way callers ask: pointed at a router it shows which version answers.
"""

from __future__ import annotations

import re
import secrets
import shlex
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mlcontrol.adapters.http import Call, DatedByServer, HttpClient, Response
from mlcontrol.adapters.plain_text import plain
from mlcontrol.adapters.serving.tensors import BadTensorError, decode, encode, query
from mlcontrol.adapters.sign_in_by_hand import sign_in_by_hand
from mlcontrol.adapters.signatures.bounds import Unreadable
from mlcontrol.adapters.signatures.reading import read, read_here
from mlcontrol.core.artifact import ServedFiles
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.signature import Signature
from mlcontrol.ports.connection import Reachability, SecretReader, Viability
from mlcontrol.ports.documents import Document, DocumentKind, DocumentReader
from mlcontrol.ports.errors import AdapterError, NotFound, Rejected, Unexpected
from mlcontrol.ports.serving import OWN_QUESTIONS, Answer, VersionStatistics

METADATA_FRESH_S = 60.0
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class OipClient(DatedByServer):
    """Speaks the protocol to one address. *Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        self.http = HttpClient(settings, secret)
        self.documents: DocumentReader = read_here
        self._lock = threading.Lock()
        self._datatypes: dict[str, tuple[float, dict[str, str]]] = {}

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        response = self.http.get("/v2", deadline_s)
        document = self.http.json_of(response)
        if not isinstance(document, dict) or not isinstance(document.get("name"), str):
            raise self.http.unexpected("Its /v2 does not name a server.", response)
        name = {"triton": "Triton", "mlserver": "MLServer"}.get(document["name"], document["name"])
        extensions = document.get("extensions")
        detail = ", ".join(str(item) for item in extensions) if isinstance(extensions, list) else ""
        server = plain(f"{name} {document.get('version', '')}", 80)
        return Reachability(server, response.latency_ms, plain(detail))

    def loaded_by_hand(self, model: str, version: str) -> tuple[str, ...]:
        """A command that prints 200 where the version is ready; of a sign-in it only says where it goes."""
        path = f"/v2/models/{quote(model, safe='')}/versions/{quote(version, safe='')}/ready"
        sign_in = sign_in_by_hand(self.settings)
        url = shlex.quote(f"{self.settings.url.rstrip('/')}{path}")
        return (f"curl -s -o /dev/null -w '%{{http_code}}\\n'{sign_in} {url}",)

    def live(self, deadline_s: float = 5.0) -> bool:
        """The server's own word that it runs; says nothing of any model."""
        return self.http.send(Call("GET", "/v2/health/live"), deadline_s).status == 200

    def metadata(self, model: str, version: str | None = None, deadline_s: float = 5.0) -> dict[str, Any]:
        """The endpoint's description of a model, as it came. Raises `NotFound` when it does not serve it."""
        response = self._description(model, version, deadline_s)
        document = self.http.json_of(response)
        if not isinstance(document, dict):
            raise self.http.unexpected("The model metadata is no object.", response)
        return document

    def _description(self, model: str, version: str | None, deadline_s: float) -> Response:
        response = self.http.send(Call("GET", _model_path(model, version)), deadline_s)
        if response.status != 200:
            raise self._model_refusal(model, version, response.status, self.http.refusal(response))
        return response

    def signature(self, model: str, version: str | None = None, deadline_s: float = 5.0) -> Signature:
        text = self.http.text_of(self._description(model, version, deadline_s), "replace")
        try:
            return read(Document(DocumentKind.OIP_METADATA, text, model, version), self.documents)
        except Unreadable as error:
            raise Unexpected(error.problem) from error

    def infer(
        self, model: str, inputs: Mapping[str, Any], version: str | None = None, deadline_s: float = 5.0
    ) -> Answer:
        """One query. Metadata is asked for once a minute; its time counts towards the deadline, not towards the latency."""
        started = time.monotonic()
        call = self._query(
            model, inputs, _query_path(model, version), self._input_datatypes(model, version, deadline_s)
        )
        left_s = max(0.001, deadline_s - (time.monotonic() - started))
        return self._answer(model, version, self.http.send(call, left_s))

    def infer_many(
        self,
        model: str,
        queries: Mapping[str, Mapping[str, Any]],
        version: str | None = None,
        per_s: float | None = None,
        deadline_s: float = 5.0,
    ) -> dict[str, Answer | AdapterError]:
        """Many queries by id, started at most ``per_s`` a second (`None`: as fast as they are answered), each with its deadline.

        Every id is answered, or has what went wrong. On libcurl's multi interface: one thread, many connections.
        """
        from mlcontrol.adapters.serving.replay import replay  # libcurl is loaded by those who replay only

        datatypes, path = self._input_datatypes(model, version, deadline_s), _query_path(model, version)
        calls: dict[str, Call | AdapterError] = {}
        for name, inputs in queries.items():
            try:
                calls[name] = self._query(model, inputs, path, datatypes)
            except Rejected as error:
                calls[name] = error
        return replay(self.http, calls, lambda response: self._answer(model, version, response), per_s, deadline_s)

    def _query(self, model: str, inputs: Mapping[str, Any], path: str, datatypes: Mapping[str, str]) -> Call:
        try:
            tensors = [encode(name, value, datatypes.get(name)) for name, value in inputs.items()]
            body = query(f"{OWN_QUESTIONS}{secrets.token_hex(8)}", tensors)
        except BadTensorError as error:
            problem = Problem(f"The query cannot be sent to '{model}'.", f"{error}.", "Correct the query.", "rejected")
            raise Rejected(problem) from error
        return Call("POST", path, body=body)

    def _answer(self, model: str, version: str | None, response: Response) -> Answer:
        if response.status != 200:
            self._forget(model)  # the refusal may come of metadata that is no longer true
            raise self._model_refusal(model, version, response.status, self.http.refusal(response))
        document = self.http.json_of(response)
        try:
            outputs = {str(tensor["name"]): decode(tensor) for tensor in document["outputs"]}
        except BadTensorError as error:
            raise self.http.unexpected(f"In it {plain(str(error))}.", response) from error
        except (KeyError, TypeError) as error:
            raise self.http.unexpected("It has no outputs.", response) from error
        answered = document.get("model_version")
        return Answer(str(answered) if answered not in (None, "") else None, outputs, response.latency_ms)

    def statistics(self, model: str, deadline_s: float = 5.0) -> tuple[VersionStatistics, ...]:
        """Counters per version (the protocol's statistics extension); they start at 0 with each load."""
        document = self.http.get_json(_model_path(model, None) + "/stats", deadline_s)
        try:
            return tuple(_statistics(row) for row in document["model_stats"])
        except (KeyError, TypeError, ValueError) as error:
            raise self.http.unexpected("It has no statistics in the form that was expected.") from error

    def served_files(self, model: str, version: str, deadline_s: float = 60.0) -> ServedFiles:
        """What the metadata's parameters declare; the protocol itself knows of no digest."""
        return declared_in(self.metadata(model, version, min(deadline_s, 5.0)).get("parameters"), version)

    def close(self) -> None:
        self.http.close()

    def _input_datatypes(self, model: str, version: str | None, deadline_s: float) -> dict[str, str]:
        with self._lock:
            known = self._datatypes.get(model)
        if known is not None and time.monotonic() - known[0] < METADATA_FRESH_S:
            return known[1]
        inputs = self.metadata(model, version, deadline_s).get("inputs")
        rows = [row for row in inputs if isinstance(row, dict)] if isinstance(inputs, list) else []
        found = {str(row.get("name")): str(row.get("datatype")) for row in rows}
        with self._lock:
            self._datatypes[model] = (time.monotonic(), found)
        return found

    def _forget(self, model: str) -> None:
        with self._lock:
            self._datatypes.pop(model, None)

    def _model_refusal(self, model: str, version: str | None, status: int, error: Exception) -> Exception:
        """Triton answers 400 for a version that is not ready: to the caller the model is not there."""
        why = getattr(getattr(error, "problem", None), "why", "")
        if status == 404 or (status == 400 and ("is not found" in why or "not ready" in why or "unknown model" in why)):
            asked = f"version {version} of '{model}'" if version else f"'{model}'"
            what = f"'{self.settings.id}' does not serve {asked}."
            return NotFound(Problem(what, why, "Load it first, or choose another version.", "not-found"))
        return error


def declared_in(parameters: Any, version: str) -> ServedFiles:
    """The digest under ``digest.VERSION`` or ``digest``, as text or as Triton wraps it (``{"string_value": ...}``)."""
    for name in (f"digest.{version}", "digest"):
        value = parameters.get(name) if isinstance(parameters, dict) else None
        value = value.get("string_value") if isinstance(value, dict) else value
        if isinstance(value, str) and _DIGEST.fullmatch(value):
            return ServedFiles(declared=value)
    return ServedFiles(why="its configuration carries no digest")


def _model_path(model: str, version: str | None) -> str:
    path = f"/v2/models/{quote(model, safe='')}"
    return f"{path}/versions/{quote(version, safe='')}" if version else path


def _query_path(model: str, version: str | None) -> str:
    return _model_path(model, version) + "/infer"


def _statistics(row: dict[str, Any]) -> VersionStatistics:
    counted = row["inference_stats"]
    success, failure = counted["success"], counted["fail"]
    done = int(success.get("count", 0))
    mean_ms = int(success.get("ns", 0)) / done / 1e6 if done else None
    return VersionStatistics(str(row.get("version", "")), done, int(failure.get("count", 0)), mean_ms)
