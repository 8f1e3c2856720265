"""What the model file of a registered version says of itself: fetched into a folder of its own, read, and gone."""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from mlcontrol.adapters.registry.mlflow_files import MlflowFiles
from mlcontrol.adapters.signatures.bounds import Unreadable
from mlcontrol.adapters.signatures.files import MODEL_FILES, not_read
from mlcontrol.core.signature import Signature, overlaid
from mlcontrol.ports.documents import Document, DocumentKind, DocumentReader
from mlcontrol.ports.errors import AdapterError, NotFound, NotSupported

CAP_BYTES = 64 * 1024**2
FRESH_S = 300.0


class MlflowModelFile:
    """``read``: the signature of a document, or `Unreadable`. *Thread:* any. What was read is kept for five minutes; nothing in a
    file is executed."""

    def __init__(self, files: MlflowFiles, read: DocumentReader) -> None:
        self._files, self._read = files, read
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str, str | None], tuple[float, str, Signature | str]] = {}

    def laid_over(
        self, declared: Signature, model: str, version: str, logged_model: str | None, deadline_s: float
    ) -> Signature:
        """``declared`` with the types that the file states. Files of kinds that are not read here, and files that the server does
        not list, leave it as it was declared; one that is there and could not be had is said so."""
        key = (model, version, logged_model)
        now_s = time.monotonic()
        with self._lock:
            known = self._kept.get(key)
        if known is None or now_s - known[0] > FRESH_S:
            known = (now_s, *self._found(*key, deadline_s))
            with self._lock:
                self._kept = {k: kept for k, kept in self._kept.items() if now_s - kept[0] <= FRESH_S} | {key: known}
        _, name, told = known
        if isinstance(told, Signature):
            return overlaid(declared, told, name)
        return replace(declared, sources=(*declared.sources, told)) if told else declared

    def _found(
        self, model: str, version: str, logged_model: str | None, deadline_s: float
    ) -> tuple[str, Signature | str]:
        """The file's name and its signature, or why that is not known; two empty texts where there is no file to read."""
        ends = time.monotonic() + deadline_s
        try:
            sizes = {f.path: f.size_bytes for f in self._files.listing(model, version, logged_model, deadline_s)}
        except (NotFound, NotSupported):
            return "", ""
        path = next((one for one in MODEL_FILES if one in sizes), "")
        if not path:
            return "", ""
        name = Path(path).name
        if (sizes[path] or 0) > CAP_BYTES:
            return name, not_read(name, f"it has more than {CAP_BYTES // 1024**2} MB.")
        with tempfile.TemporaryDirectory(prefix="mlcontrol-") as folder:
            place = Path(folder) / name
            try:
                self._files.fetch(model, version, path, place, CAP_BYTES, max(0.001, ends - time.monotonic()))
                return name, self._read(Document(DocumentKind.FILE, str(place), model, version))
            except (Unreadable, AdapterError) as error:
                return name, not_read(name, error.problem.what)
