"""The header of a skops file: scikit-learn's version and the features a model was fitted on. No object is built from it."""

from __future__ import annotations

import io
import json
import lzma
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlcontrol.adapters.signatures.bounds import MAX_TEXT, Unreadable, mapping, parse_json
from mlcontrol.core.signature import Field, Runtime, Signature

_MAX_NODES = 200_000
_MAX_DIRECTORY = 2_000_000  # bytes: some 30,000 files
_NOTES = (
    "a skops file states neither types nor outputs: log the model with a signature, or give a native signature file",
)


class _Careful(io.BufferedReader):
    """The directory of an archive is read in one go, however many files it lists."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size > _MAX_DIRECTORY:
            raise zipfile.BadZipFile("It lists more files than any honest model.")
        return super().read(size)


def read_skops(path: Path, name: str) -> Signature:
    """Feature names where the model was fitted on a table; their types and its outputs are not known. Raises `Unreadable`."""
    try:
        with _Careful(io.FileIO(path)) as whole, zipfile.ZipFile(whole) as archive:
            header = archive.getinfo("schema.json")
            if header.file_size > MAX_TEXT:
                raise Unreadable("The skops file's header is too large.", f"At most {MAX_TEXT:,} bytes are read.")
            with archive.open(header) as file:
                data = file.read(MAX_TEXT + 1)
    except KeyError as error:
        raise Unreadable(f"{path.name} is no skops file: it has no schema.json.") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError) as error:
        raise Unreadable(f"{path.name} is no skops file that can be read.", str(error)) from error
    if len(data) > MAX_TEXT:  # the size in the directory was a lie
        raise Unreadable("The skops file's header is too large.", f"At most {MAX_TEXT:,} bytes are read.")
    try:
        document = mapping(parse_json(data.decode("utf-8"), "skops header"), "The skops header")
    except UnicodeDecodeError as error:
        raise Unreadable(f"The header of {path.name} is no text.") from error
    features: tuple[str, ...] | None = None
    version = None
    for key, node in _states(document):
        if key == "_sklearn_version" and version is None:
            found = _plain(node)
            version = found if isinstance(found, str) else None
        elif key == "feature_names_in_" and features is None:
            rows = node.get("content")
            names = [_plain(one) for one in rows] if isinstance(rows, list) else []
            features = tuple(n for n in names if isinstance(n, str)) or None
    return Signature(
        name=name,
        inputs=tuple(Field(n, required=True, tensor=False, shape=(-1,)) for n in features) if features else None,
        outputs=None,
        matched_by="name" if features else None,
        runtime=Runtime("sklearn", version, format="skops") if version else Runtime(format="skops"),
        size_bytes=path.stat().st_size,
        sources=_NOTES,
    )


def _states(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every named attribute in the tree, outermost first. A hostile tree ends the walk, not the program."""
    waiting: deque[Any] = deque([document])
    for _ in range(_MAX_NODES):
        if not waiting:
            return
        node = waiting.popleft()
        if isinstance(node, dict):
            for key, value in node.items():
                if isinstance(value, dict):
                    yield str(key), value
            waiting.extend(v for v in node.values() if isinstance(v, dict | list))
        else:
            waiting.extend(v for v in node if isinstance(v, dict | list))
    raise Unreadable("The skops header has more parts than any honest model.")


def _plain(node: object) -> object:
    """The value of a JSON node, itself JSON in a text."""
    text = node.get("content") if isinstance(node, dict) else None
    if not isinstance(text, str) or len(text) > 10_000:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
