"""MLflow's model registry, by its REST interface.

What its answers leave out is known here: aliases come with the registered model only, an MLflow 3 version names its files by a
logged model inside ``source``, and empty lists are absent.
"""

from __future__ import annotations

import json
import math
import re
import shlex
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from mlcontrol.adapters.http import Call, DatedByServer, HttpClient
from mlcontrol.adapters.plain_text import plain
from mlcontrol.adapters.registry.mlflow_files import MlflowFiles
from mlcontrol.adapters.registry.mlflow_lineage import lineage_of
from mlcontrol.adapters.registry.mlflow_model_file import MlflowModelFile
from mlcontrol.adapters.sign_in_by_hand import sign_in_by_hand
from mlcontrol.adapters.signatures.bounds import Unreadable
from mlcontrol.adapters.signatures.reading import read, read_here
from mlcontrol.core.artifact import whole_digest
from mlcontrol.core.pipeline import Lineage
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.signature import Runtime, Signature
from mlcontrol.core.types import VersionSummary
from mlcontrol.ports.connection import Reachability, SecretReader, Viability
from mlcontrol.ports.documents import Document, DocumentKind, DocumentReader
from mlcontrol.ports.errors import NotFound, Rejected, Unexpected
from mlcontrol.ports.registry import ArtifactFile, RegisteredModel

API = "/api/2.0/mlflow"
DETAILS_FRESH_S = 300.0
_PAGE = "200"
_MAX_PAGES = 500
_MODEL_ID = re.compile(r"models:/(m-[0-9a-f]{32})")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _Details:
    """What the run, the logged model and the MLmodel file tell of a version."""

    metrics: dict[str, float]
    params: dict[str, str]
    size_bytes: int | None


class MlflowRegistry(DatedByServer):
    """*Thread:* any. Run metrics are kept for five minutes: with sign-in each request costs the server a quarter of a second."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        self.http = HttpClient(settings, secret)
        self._files = MlflowFiles(self.http)
        self.documents: DocumentReader = read_here
        self._model_file = MlflowModelFile(self._files, self._read)
        self._lock = threading.Lock()
        self._details: dict[tuple[str, str, str], tuple[float, _Details]] = {}

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        """Asks for the version and for one model: the first answers anyone's proxy could fake."""
        left = _Left(deadline_s)
        response = self.http.get("/version", left())
        version = response.text.strip()
        if not re.fullmatch(r"\d+\.\d+[\w.+-]{0,30}", version):
            raise self.http.unexpected("Its /version is not the version of an MLflow server.", response)
        self._get("registered-models/search", left(), max_results="1")
        return Reachability(f"MLflow {version}", response.latency_ms)

    def models(self, deadline_s: float = 10.0) -> tuple[RegisteredModel, ...]:
        rows = self._pages("registered-models/search", "registered_models", deadline_s)
        return tuple(self._model(row) for row in rows)

    def model(self, name: str, deadline_s: float = 5.0) -> RegisteredModel:
        return self._model(self._object(self._get("registered-models/get", deadline_s, name=name), "registered_model"))

    def annotations(self, name: str, deadline_s: float = 2.0) -> dict[str, str]:
        """The tags of the registered model."""
        return {plain(key, 120): plain(value, 300) for key, value in self.model(name, deadline_s).tags.items()}

    def versions(self, model: str, deadline_s: float = 10.0) -> tuple[VersionSummary, ...]:
        left = _Left(deadline_s)
        aliases: dict[str, list[str]] = {}
        for alias, version in self.model(model, left()).aliases.items():
            aliases.setdefault(version, []).append(alias)
        rows = list(self._pages("model-versions/search", "model_versions", left(), filter=_name_filter(model)))
        found = []
        for row in rows:
            summary = self._summary(row)
            details = self._details_of(row, left)
            found.append(
                replace(
                    summary,
                    aliases=tuple(sorted(aliases.get(summary.version, ()))),
                    metrics=details.metrics,
                    params=details.params,
                    size_bytes=details.size_bytes,
                )
            )
        return tuple(sorted(found, key=lambda summary: _number(summary.version), reverse=True))

    def signature(self, model: str, version: str, deadline_s: float = 10.0) -> Signature:
        left = _Left(deadline_s)
        row = self._version(model, version, left())
        summary = self._summary(row)
        try:
            text = self._files.text(model, version, "MLmodel", left())
        except NotFound:
            return Signature(model, version, created_s=summary.created_s, digest=summary.digest)
        try:
            found = self._read(Document(DocumentKind.MLMODEL, text, model, version))
        except Unreadable as error:
            raise Unexpected(error.problem) from error
        declared = replace(
            found,
            runtime=self._with_requirements(found.runtime, model, version, left()),
            created_s=found.created_s if found.created_s is not None else summary.created_s,
            digest=summary.digest,
            metrics=self._details_of(row, left).metrics,
        )
        return self._model_file.laid_over(declared, model, version, _model_id(row), left())

    def artifacts(self, model: str, version: str, deadline_s: float = 10.0) -> tuple[ArtifactFile, ...]:
        left = _Left(deadline_s)
        row = self._version(model, version, left())
        return self._files.listing(model, version, _model_id(row), left())

    def digest(self, model: str, version: str, deadline_s: float = 60.0) -> str:
        return whole_digest(self.file_digests(model, version, deadline_s))

    def file_digests(self, model: str, version: str, deadline_s: float = 60.0) -> dict[str, str]:
        left = _Left(deadline_s)
        files = self.artifacts(model, version, left())
        return self._files.digests(model, version, files, left())

    def lineage(self, model: str, version: str, deadline_s: float = 10.0) -> Lineage:
        left = _Left(deadline_s)
        row = self._version(model, version, left())
        run_id = str(row.get("run_id") or "")
        run = self._known("runs/get", "run", left(), {"run_id": run_id}) if run_id else {}
        model_id = _model_id(row)
        logged = self._known(f"logged-models/{model_id}", "model", left(), {}) if model_id else {}
        return lineage_of(run, logged)

    def resolve_alias(self, model: str, alias: str, deadline_s: float = 5.0) -> str | None:
        """`None` when the model has no such alias. Raises `NotFound` when there is no such model."""
        left = _Left(deadline_s)
        call = Call("GET", f"{API}/registered-models/alias", {"name": model, "alias": alias})
        response = self.http.send(call, left())
        if response.status == 200:
            row = self._object(self.http.json_of(response), "model_version")
            return str(row.get("version", "")) or None
        if response.status == 400:
            # MLflow answers 400 for an unknown alias; the model itself says for sure whether it has one.
            return self.model(model, left()).aliases.get(alias)
        raise self.http.refusal(response)

    def set_alias(self, model: str, alias: str, version: str, deadline_s: float = 10.0) -> None:
        body = {"name": model, "alias": alias, "version": version}
        self.http.checked(Call("POST", f"{API}/registered-models/alias", json=body), deadline_s)

    def by_hand(self, model: str, alias: str, version: str) -> tuple[str, ...]:
        """A command that points the alias to ``version`` without the panel; of a sign-in it only says where it goes."""
        body = json.dumps({"name": model, "alias": alias, "version": version})
        sign_in = sign_in_by_hand(self.settings)
        url = shlex.quote(f"{self.settings.url.rstrip('/')}{API}/registered-models/alias")
        return (f"curl -sS{sign_in} -X POST {url} -H 'Content-Type: application/json' -d {shlex.quote(body)}",)

    def close(self) -> None:
        self.http.close()

    def _read(self, document: Document) -> Signature:
        return read(document, self.documents)

    def _get(self, path: str, deadline_s: float, **params: str) -> dict[str, Any]:
        document = self.http.get_json(f"{API}/{path}", deadline_s, params)
        if not isinstance(document, dict):
            raise self.http.unexpected("It is no JSON object.")
        return document

    def _pages(self, path: str, name: str, deadline_s: float, **params: str) -> Iterator[dict[str, Any]]:
        """Rows of all pages. Tokens are offsets there: a row that a change shifted onto the next page comes once."""
        left, seen, token = _Left(deadline_s), set[tuple[str, str]](), ""
        for _ in range(_MAX_PAGES):
            asked = {**params, "max_results": _PAGE, **({"page_token": token} if token else {})}
            document = self._get(path, left(), **asked)
            rows = document.get(name, [])
            if not isinstance(rows, list) or not all(isinstance(row, dict) and "name" in row for row in rows):
                raise self.http.unexpected(f"Its {name} are not a list of named things.")
            for row in rows:
                key = (str(row["name"]), str(row.get("version", "")))
                if key not in seen:
                    seen.add(key)
                    yield row
            token = str(document.get("next_page_token") or "")
            if not token:
                return
        raise self.http.unexpected("Its list does not end.")

    def _version(self, model: str, version: str, deadline_s: float) -> dict[str, Any]:
        return self._object(self._get("model-versions/get", deadline_s, name=model, version=version), "model_version")

    def _object(self, document: Any, name: str) -> dict[str, Any]:
        value = document.get(name) if isinstance(document, dict) else None
        if not isinstance(value, dict):
            raise self.http.unexpected(f"It has no {name.replace('_', ' ')}.")
        return value

    def _model(self, row: dict[str, Any]) -> RegisteredModel:
        aliases = {a["alias"]: str(a["version"]) for a in row.get("aliases", []) if "alias" in a and "version" in a}
        return RegisteredModel(str(row.get("name", "")), aliases, _pairs(row, "tags"), str(row.get("description", "")))

    def _summary(self, row: dict[str, Any]) -> VersionSummary:
        tags, created = _pairs(row, "tags"), row.get("creation_timestamp")
        recorded = tags.get("digest", "")
        return VersionSummary(
            version=str(row.get("version", "")),
            created_s=float(created) / 1000.0 if isinstance(created, int | float) else None,
            status=plain(str(row.get("status", "")), 60),
            tags=tags,
            digest=recorded if _DIGEST.fullmatch(recorded) else None,
        )

    def _details_of(self, row: dict[str, Any], left: _Left) -> _Details:
        """Kept across calls, so that a long list that ran out of time goes on where it stopped."""
        key = (str(row.get("name")), str(row.get("version")), str(row.get("last_updated_timestamp")))
        with self._lock:
            known = self._details.get(key)
        if known is not None and time.monotonic() - known[0] < DETAILS_FRESH_S:
            return known[1]
        metrics: dict[str, float] = {}
        params: dict[str, str] = {}
        if model_id := _model_id(row):
            logged = self._known(f"logged-models/{model_id}", "model", left(), {})
            _take(logged.get("data"), metrics, params)
        if run_id := str(row.get("run_id") or ""):
            run = self._known("runs/get", "run", left(), {"run_id": run_id})
            _take(run.get("data"), metrics, params)
        details = _Details(metrics, params, self._size(key[0], key[1], left()))
        with self._lock:
            self._details[key] = (time.monotonic(), details)
        return details

    def _known(self, path: str, name: str, deadline_s: float, params: dict[str, str]) -> dict[str, Any]:
        """A run or logged model; nothing when it was deleted."""
        try:
            return self._object(self._get(path, deadline_s, **params), name)
        except NotFound:
            return {}

    def _size(self, model: str, version: str, deadline_s: float) -> int | None:
        left = _Left(deadline_s)
        try:
            text = self._files.text(model, version, "MLmodel", left())
            declared = self._read(Document(DocumentKind.MLMODEL, text, model, version)).size_bytes
            if declared is not None:
                return declared
            sizes = [file.size_bytes for file in self.artifacts(model, version, left())]
        except (NotFound, Unreadable):
            return None
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def _with_requirements(
        self, runtime: Runtime | None, model: str, version: str, deadline_s: float
    ) -> Runtime | None:
        try:
            text = self._files.text(model, version, "requirements.txt", deadline_s)
        except NotFound:
            return runtime
        lines = tuple(plain(line.strip(), 200) for line in text.splitlines() if line.strip() and line.strip()[0] != "#")
        return replace(runtime or Runtime(), requirements=lines)


class _Left:
    """One total time for several requests: calling it gives the seconds that are left."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def __call__(self) -> float:
        return max(0.001, self._ends - time.monotonic())


def _take(data: Any, metrics: dict[str, float], params: dict[str, str]) -> None:
    if not isinstance(data, dict):
        return
    for row in data.get("metrics", []):
        try:
            value = float(row["value"])
        except (KeyError, TypeError, ValueError):
            continue
        if math.isfinite(value):
            metrics[str(row["key"])] = value
    params.update(_pairs(data, "params"))


def _pairs(row: dict[str, Any], name: str) -> dict[str, str]:
    rows = row.get(name) or []
    return {str(pair["key"]): str(pair.get("value", "")) for pair in rows if isinstance(pair, dict) and "key" in pair}


def _model_id(row: dict[str, Any]) -> str | None:
    found = _MODEL_ID.fullmatch(str(row.get("source", "")))
    return quote(found[1], safe="") if found else None


def _name_filter(model: str) -> str:
    mark = "'" if "'" not in model else '"'
    if mark in model:
        why = "MLflow cannot search for a name with both kinds of quotes."
        raise Rejected(Problem(f"'{plain(model, 80)}' cannot be asked for.", why, "Rename the model.", "rejected"))
    return f"name={mark}{model}{mark}"


def _number(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isascii() and version.isdigit() else (0, version)
