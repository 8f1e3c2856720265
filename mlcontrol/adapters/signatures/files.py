"""Finds out what a file or directory is and reads its signature. Nothing in it is executed, no framework is imported."""

from __future__ import annotations

import mmap
from dataclasses import replace
from pathlib import Path

from mlcontrol.adapters.signatures.avro_schema import is_avro, read_avro
from mlcontrol.adapters.signatures.bounds import MAX_TEXT, Unreadable, parse_json
from mlcontrol.adapters.signatures.json_schema import is_json_schema, read_json_schema
from mlcontrol.adapters.signatures.mlmodel import read_mlmodel
from mlcontrol.adapters.signatures.native import read_native
from mlcontrol.adapters.signatures.oip import read_metadata
from mlcontrol.adapters.signatures.onnx_graph import read_onnx
from mlcontrol.adapters.signatures.skops_header import read_skops
from mlcontrol.adapters.signatures.tensorflow import read_saved_model, read_tfserving
from mlcontrol.adapters.signatures.triton_config import read_triton_config
from mlcontrol.core.signature import Signature, all_inferred, overlaid

_IN_DIRECTORY = (  # what somebody declared comes first: it says more, and the model file is laid over it
    "MLmodel",
    "signature.json",
    "config.pbtxt",
    "saved_model.pb",
    "model.onnx",
    "model.skops",
    "schema.avsc",
)
_KINDS = "an MLmodel, config.pbtxt, ONNX, skops, saved_model.pb, or metadata, signature, Avro or JSON schema file"


def read_path(path: Path) -> Signature:
    """Raises `Unreadable` with what is wrong and what would be read."""
    try:
        if path.is_dir():
            inside = next((path / name for name in _IN_DIRECTORY if (path / name).is_file()), None)
            if inside is None:
                raise Unreadable(
                    f"{path} holds no model that is known here.", f"Looked for {', '.join(_IN_DIRECTORY)}."
                )
            return _with_artifact(_read_file(inside), path, inside)
        if not path.is_file():
            raise Unreadable(
                f"{path} does not exist or is no file.", then=f"Name {_KINDS}, or a directory that holds one."
            )
        return _read_file(path)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read.", error.strerror or str(error)) from error


MODEL_FILES = (
    "model.onnx", "data/model.onnx", "saved_model.pb", "data/model/saved_model.pb", "model.skops", "data/model.skops",
)  # fmt: skip
_DECLARING = ("MLmodel", "config.pbtxt", "signature.json")


def _with_artifact(declared: Signature, folder: Path, inside: Path) -> Signature:
    """With what the model file beside it says of itself; one that cannot be read is said to be unknown."""
    if inside.name not in _DECLARING:
        return declared
    newest = max(
        (d for d in folder.iterdir() if d.is_dir() and d.name.isdigit()), key=lambda d: int(d.name), default=None
    )
    places = [
        *MODEL_FILES,
        *(f"{newest.name}/{name}" for name in ("model.onnx", "model.savedmodel/saved_model.pb") if newest),
    ]
    found = next((folder / place for place in places if (folder / place).is_file()), None)
    if found is None:
        return declared
    try:
        read = _read_file(found)
    except Unreadable as error:
        return replace(declared, sources=(*declared.sources, not_read(found.name, error.problem.what)))
    return overlaid(declared, read, found.name)


def not_read(name: str, why: str) -> str:
    """Of a model file that is there, beside what somebody declared."""
    return f"{name} could not be read, so nothing is known from the file itself: {why}"


def _read_file(path: Path) -> Signature:
    name = (
        path.stem
        if path.stem not in ("MLmodel", "model", "config", "signature", "saved_model")
        else path.resolve().parent.name
    )
    suffix = path.suffix.lower()
    if suffix == ".onnx" or path.name == "saved_model.pb":
        return _read_binary(path, name, onnx=suffix == ".onnx")
    if path.name == "saved_model.pbtxt":
        raise Unreadable("A SavedModel in text form is not read.", then="Export it as saved_model.pb.")
    if suffix == ".skops":
        return all_inferred(read_skops(path, name))
    text = _text(path)
    if not text.strip():
        raise Unreadable(f"{path.name} is empty.")
    if suffix == ".pbtxt":
        return read_triton_config(text, name)
    if suffix in (".json", ".avsc") or text.lstrip()[:1] in "{[":
        return _read_json(text, name)
    if path.name == "MLmodel" or suffix in (".yaml", ".yml", ""):
        signature = read_mlmodel(text, name)
        alone = path.name != "MLmodel"  # then what lies beside it is not its model
        if alone or signature.size_bytes is not None:
            return signature
        return replace(signature, size_bytes=_weight(path.parent))
    raise Unreadable(f"{path.name} is of no kind that is known here.", then=f"Name {_KINDS}.")


def _read_binary(path: Path, name: str, onnx: bool) -> Signature:
    if path.stat().st_size == 0:
        raise Unreadable(f"{path.name} is empty.")
    with path.open("rb") as file:
        # Not closed by hand: views into it live as long as the error that may carry them.
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return all_inferred(read_onnx(view, name) if onnx else read_saved_model(view, name))


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_TEXT + 1)
    if len(data) > MAX_TEXT:
        raise Unreadable(f"{path.name} is too large for a signature.", f"At most {MAX_TEXT:,} bytes are read.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path.name} is no text.", then=f"Name {_KINDS}.") from error


def _read_json(text: str, name: str) -> Signature:
    document = parse_json(text, "signature file")
    if isinstance(document, dict):
        if "schema" in document:
            return read_native(document)
        if "model_spec" in document:
            return read_tfserving(document)
        if is_avro(document):
            return read_avro(document)
        if is_json_schema(document):
            return read_json_schema(document, name)
        if "name" in document and document.keys() & {"inputs", "outputs", "platform", "versions"}:
            return read_metadata(document)
    raise Unreadable("This JSON is no signature and no model metadata.", then=f"Name {_KINDS}.")


def _weight(folder: Path) -> int | None:
    """The bytes of a model directory, at most 10,000 files of it."""
    total = 0
    for count, path in enumerate(folder.rglob("*")):
        if count > 10_000:
            return None
        if path.is_file() and not path.is_symlink():
            total += path.stat().st_size
    return total
