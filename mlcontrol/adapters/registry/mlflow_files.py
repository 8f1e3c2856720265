"""The files of a registered MLflow version: listing, reading, digest. Nothing is ever loaded."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlcontrol.adapters.http import Call, HttpClient
from mlcontrol.adapters.plain_text import plain
from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import NotFound, NotSupported
from mlcontrol.ports.registry import ArtifactFile

API = "/api/2.0/mlflow"
TEXT_CAP_BYTES = 4 * 1024 * 1024
_FILE_CAP_BYTES = 256 * 1024**3
_MAX_FILES = 20_000
_MAX_DEPTH = 32


class MlflowFiles:
    """*Thread:* any."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def text(self, model: str, version: str, path: str, deadline_s: float) -> str:
        """A small text file of the version. Raises `NotFound` when the version or the file is not there."""
        response = self._http.send(_get(model, version, path), deadline_s, TEXT_CAP_BYTES)
        if response.status != 200:
            raise self._http.refusal(response)
        try:
            return self._http.text_of(response)
        except UnicodeDecodeError as error:
            raise self._http.unexpected(f"Its {path} is not text.", response) from error

    def fetch(self, model: str, version: str, path: str, place: Path, cap_bytes: int, deadline_s: float) -> None:
        """A file of the version, written to ``place`` in pieces."""
        with place.open("wb") as file:
            head = self._http.stream(_get(model, version, path), file.write, deadline_s, cap_bytes)
        if head.status != 200:
            raise self._http.refusal(head)

    def listing(
        self, model: str, version: str, logged_model: str | None, deadline_s: float
    ) -> tuple[ArtifactFile, ...]:
        """All files, by path. ``logged_model``: its id where MLflow 3 made the version from one."""
        ends = time.monotonic() + deadline_s
        root = "" if logged_model else self._root(model, version, deadline_s)
        found: dict[str, ArtifactFile] = {}
        folders = [""]
        while folders:
            folder = folders.pop()
            rows = self._rows(logged_model, root, folder, ends)
            for row in rows:
                path = self._checked(str(row.get("path", "")))
                if not logged_model and folder:
                    path = f"{folder}/{path}"  # the artifact proxy names files within their folder
                if row.get("is_dir"):
                    if path.count("/") >= _MAX_DEPTH or path == folder:
                        raise self._http.unexpected("Its folders do not end.")
                    folders.append(path)
                else:
                    size = row.get("file_size")
                    found[path] = ArtifactFile(
                        path, int(size) if isinstance(size, int | str) and str(size).isdigit() else None
                    )
            if len(found) + len(folders) > _MAX_FILES:
                raise self._http.unexpected(f"The version has more than {_MAX_FILES:,} files.")
        if not found:
            what = f"The files of '{plain(model, 80)}' version {plain(version, 40)} are gone."
            why = f"'{self._http.settings.id}' lists the version, but its artifact folder is empty."
            raise NotFound(Problem(what, why, "Restore them, or choose another version.", "not-found"))
        return tuple(found[path] for path in sorted(found))

    def digests(self, model: str, version: str, files: tuple[ArtifactFile, ...], deadline_s: float) -> dict[str, str]:
        """``sha256:`` by path; each file is read once, in pieces."""
        ends = time.monotonic() + deadline_s
        found: dict[str, str] = {}
        for file in sorted(files, key=lambda file: file.path):
            one = hashlib.sha256()
            left_s = max(0.001, ends - time.monotonic())
            call = _get(model, version, file.path)
            head = self._http.stream(call, one.update, left_s, _FILE_CAP_BYTES)
            if head.status != 200:
                what = f"The file {plain(file.path, 120)} of version {plain(version, 40)} cannot be read."
                why = f"'{self._http.settings.id}' lists it but answers with status {head.status}."
                raise NotFound(Problem(what, why, "Restore it, or choose another version.", "not-found"))
            found[file.path] = f"sha256:{one.hexdigest()}"
        return found

    def _rows(self, logged_model: str | None, root: str, folder: str, ends: float) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        token = ""
        while True:
            left_s = max(0.001, ends - time.monotonic())
            if logged_model:
                asked = {"artifact_directory_path": folder} if folder else {}
                asked |= {"page_token": token} if token else {}
                path = f"{API}/logged-models/{logged_model}/artifacts/directories"
                document = self._http.get_json(path, left_s, asked)
            else:
                inside = f"{root}/{folder}" if folder else root
                document = self._http.get_json("/api/2.0/mlflow-artifacts/artifacts", left_s, {"path": inside})
            files = document.get("files", []) if isinstance(document, dict) else None
            if not isinstance(files, list) or not all(isinstance(row, dict) for row in files):
                raise self._http.unexpected("Its list of files has another form.")
            rows += files
            token = str(document.get("next_page_token") or "")
            if not token or len(rows) > _MAX_FILES:
                return rows

    def _root(self, model: str, version: str, deadline_s: float) -> str:
        asked = {"name": model, "version": version}
        document = self._http.get_json(f"{API}/model-versions/get-download-uri", deadline_s, asked)
        parts = urlsplit(str(document.get("artifact_uri", "")) if isinstance(document, dict) else "")
        if parts.scheme != "mlflow-artifacts":
            what = f"The files of '{plain(model, 80)}' version {plain(version, 40)} cannot be listed."
            why = f"They are kept in a store of its own ({plain(parts.scheme, 20) or 'unknown'}), not behind the MLflow server."
            raise NotSupported(Problem(what, why, "Have the MLflow server serve its artifacts.", "not-supported"))
        return parts.path.strip("/")

    def _checked(self, path: str) -> str:
        """A relative path that stays inside its folder."""
        parts = path.split("/")
        if path.startswith("/") or "\\" in path or not path.isprintable() or any(p in ("", ".", "..") for p in parts):
            raise self._http.unexpected(f"It names a file '{plain(path, 80)}', which leads elsewhere.")
        return path


def _get(model: str, version: str, path: str) -> Call:
    return Call("GET", "/model-versions/get-artifact", {"name": model, "version": version, "path": path})
