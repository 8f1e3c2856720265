"""The files a check is given besides the two versions: policy, runtime, consumers, recent requests."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlcontrol.adapters.signatures.bounds import (
    MAX_TEXT,
    Unreadable,
    items,
    mapping,
    parse_json,
    text_or_none,
)
from mlcontrol.core.compatibility.facts import Binary, Consumers
from mlcontrol.core.compatibility.policy import Policy
from mlcontrol.core.compatibility.policy_document import policy_of

MAX_PAYLOADS = 10_000
_MAX_LINE = 4_000_000
_MAX_TAIL = 32_000_000  # bytes of a log that are looked at: its end


def read_policy(path: Path) -> Policy:
    """Raises `ProblemError` (code "unreadable") with the entry that is wrong."""
    return policy_of(read_document(path, "policy"))


# What packages are called where they are installed, and what a model's flavour calls them.
_PACKAGES = {
    "scikit-learn": "sklearn", "torch": "pytorch", "onnx": "onnx", "onnxruntime": "onnxruntime", "tensorflow": "tensorflow",
    "xgboost": "xgboost", "lightgbm": "lightgbm", "catboost": "catboost", "transformers": "transformers", "keras": "keras",
    "statsmodels": "statsmodels", "prophet": "prophet", "spacy": "spacy", "fastai": "fastai",
}  # fmt: skip
_PINNED = re.compile(r"([A-Za-z0-9._-]+)\s*==\s*([A-Za-z0-9.+!_-]+)")


_RUNTIME_KEYS = (
    "name", "framework", "version", "frameworks", "python", "requirements", "format", "opsets", "ir_version", "max_ir_version",
    "pickle_protocol", "max_pickle_protocol", "cuda", "cpu_features", "endpoints",
)  # fmt: skip
_CONSUMER_KEYS = ("reads", "matched_by", "typed", "unknown_class", "threshold_moves")


def _known_only(document: Mapping[str, Any], known: tuple[str, ...], kind: str) -> None:
    """A misspelt key would pass for a thing that nobody told."""
    strange = sorted(set(document) - set(known))
    if strange:
        raise Unreadable(f"The {kind} file does not know {strange[0]!r:.40}.", f"Known are {', '.join(known)}.")


def _version(value: object, what: str) -> str:
    """Written without quotes, 1.10 is the number 1.1."""
    if not isinstance(value, str) or not value:
        raise Unreadable(f"The version of {what:.40} is {value!r:.40}, no text.", 'Write it in quotes, "1.10".')
    return value


def read_runtime(path: Path) -> Binary:
    """What the serving binary provides: JSON or TOML with the fields of `Binary`, or those of a signature's ``runtime``.

    ``framework`` and ``version`` name one framework, ``frameworks`` several, pinned ``requirements`` add theirs.
    """
    document = read_document(path, "runtime")
    inner = document.get("runtime")
    if isinstance(inner, dict):
        document = {"name": document.get("name", path.stem), **inner}
    _known_only(document, _RUNTIME_KEYS, "runtime")
    frameworks: dict[str, str] | None = None
    if document.get("frameworks") is not None:
        frameworks = {k: _version(v, k) for k, v in mapping(document["frameworks"], "frameworks").items()}
    named, version = text_or_none(document.get("framework")), document.get("version")
    if named is not None and version is not None:
        frameworks = {named: _version(version, named), **(frameworks or {})}
    requirements = document.get("requirements")
    pins = [_PINNED.match(str(row)) for row in items(requirements, "requirements")] if requirements is not None else []
    found = {_PACKAGES[p[1].lower()]: p[2] for p in pins if p is not None and p[1].lower() in _PACKAGES}
    if found:
        frameworks = {**found, **(frameworks or {})}
    opsets = document.get("opsets")
    features, endpoints = document.get("cpu_features"), document.get("endpoints")
    return Binary(
        name=str(document.get("name", path.stem)),
        frameworks=frameworks,
        python=_version(document["python"], "python") if document.get("python") is not None else None,
        max_ir_version=_whole(document.get("max_ir_version", document.get("ir_version"))),
        opsets={k: n for k, v in mapping(opsets, "opsets").items() if (n := _whole(v)) is not None}
        if opsets is not None
        else None,
        max_pickle_protocol=_whole(document.get("max_pickle_protocol", document.get("pickle_protocol"))),
        cuda=_version(document["cuda"], "cuda") if document.get("cuda") is not None else None,
        cpu_features=tuple(map(str, items(features, "cpu_features"))) if features is not None else None,
        endpoints=tuple(map(str, items(endpoints, "endpoints"))) if endpoints is not None else None,
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_consumers(path: Path) -> Consumers:
    document = read_document(path, "consumers")
    _known_only(document, _CONSUMER_KEYS, "consumers")
    reads, matched = document.get("reads"), document.get("matched_by")
    if matched not in (None, "name", "position"):
        raise Unreadable(f"`matched_by` is {matched!r:.40}, not name or position.")
    truths = {}
    for key in ("typed", "unknown_class", "threshold_moves"):
        value = document.get(key)
        if value is not None and not isinstance(value, bool):
            raise Unreadable(f"`{key}` is not true or false.")
        truths[key] = value
    return Consumers(
        reads=frozenset(map(str, items(reads, "reads"))) if reads is not None else None,
        matched_by=matched,
        **truths,
    )


def read_document(path: Path, kind: str) -> dict[str, Any]:
    """A JSON or TOML file of a person. Raises `Unreadable`."""
    try:
        if path.exists() and not path.is_file():  # a pipe that nobody writes to would be waited for
            raise Unreadable(f"The {kind} file {path} is no file.")
        with path.open("rb") as file:
            data = file.read(MAX_TEXT + 1)
        if len(data) > MAX_TEXT:
            raise Unreadable(f"The {kind} file {path.name} is too large.")
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise Unreadable(f"The {kind} file {path} cannot be read.", error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise Unreadable(f"The {kind} file {path.name} is no text.") from error
    if path.suffix.lower() == ".json":
        return mapping(parse_json(text, f"{kind} file"), f"The {kind} file")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"The {kind} file {path.name} is not valid TOML.", str(error)) from error


def read_payloads(path: Path) -> tuple[Mapping[str, Any], ...]:
    """The last `MAX_PAYLOADS` requests of a JSON Lines or Parquet file: plain inputs, prediction-log rows, or server requests."""
    if not path.is_file():
        raise Unreadable(f"The observed file {path} does not exist or is no file.")
    rows = list(_parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _json_lines(path))
    if not rows:
        raise Unreadable(f"{path.name} holds no request.", then="Give recent requests, one JSON object a line.")
    return tuple(rows[-MAX_PAYLOADS:])


def _json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    bad = 0
    kept: list[Mapping[str, Any]] = []
    lines = _last_lines(path)
    for line in lines:
        try:
            kept.extend(requests_of(json.loads(line)))
        except (ValueError, RecursionError):
            bad += 1
    if 2 * bad > len(lines):
        raise Unreadable(f"{path.name} is no JSON Lines file: {bad} of {len(lines)} lines are not understood.")
    yield from kept


def _last_lines(path: Path) -> deque[bytes]:
    """As many as requests are wanted: a log of a day is not read for the last minutes of it."""
    with path.open("rb") as file:
        if path.stat().st_size > _MAX_TAIL:
            file.seek(-_MAX_TAIL, os.SEEK_END)
            file.readline(_MAX_LINE)  # the rest of the line it fell into
        lines = (line for line in iter(lambda: file.readline(_MAX_LINE), b"") if line.strip())
        return deque(lines, maxlen=MAX_PAYLOADS)


def requests_of(row: Any) -> Iterator[Mapping[str, Any]]:
    """The requests in one logged object. Raises `ValueError` when it holds none."""
    if not isinstance(row, dict):
        raise ValueError("no object")
    inputs, given = row.get("inputs"), row.get("params")
    parameters = {f"params.{key}": value for key, value in given.items()} if isinstance(given, dict) else {}
    if isinstance(row.get("dataframe_records"), list):
        yield from ({**r, **parameters} for r in row["dataframe_records"] if isinstance(r, dict))
    elif isinstance(row.get("dataframe_split"), dict):
        yield from ({**r, **parameters} for r in _split(row["dataframe_split"]))
    elif isinstance(row.get("instances"), list):
        yield from (r for r in row["instances"] if isinstance(r, dict))
    elif isinstance(inputs, dict):
        yield {**inputs, **parameters}
    elif isinstance(inputs, list) and all(isinstance(t, dict) and isinstance(t.get("name"), str) for t in inputs):
        yield from _tensors(inputs)
    elif isinstance(inputs, list) and row.keys() <= {"inputs", "params", "id", "outputs", "parameters"}:
        raise ValueError("values without the names of their inputs")
    else:
        yield row


def _split(split: dict[str, Any]) -> Iterator[dict[str, Any]]:
    columns, rows = split.get("columns"), split.get("data")
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise ValueError("no columns, or no data")
    for values in rows:
        if not isinstance(values, list):
            raise ValueError("a row is no list")
        yield dict(zip(map(str, columns), values, strict=True))


def _tensors(tensors: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every item of the batch, where all tensors state the same one; else all they hold as one request."""
    shapes = [shape for tensor in tensors if isinstance(shape := tensor.get("shape"), list) and shape]
    sizes = {shape[0] for shape in shapes if isinstance(shape[0], int)}
    batch = sizes.pop() if len(sizes) == 1 else 1
    data = {tensor["name"]: tensor.get("data") for tensor in tensors}
    if batch < 2 or not all(isinstance(d, list) and d and len(d) % batch == 0 for d in data.values()):
        batch = 1
    for i in range(batch):
        yield {t["name"]: _item(_part(data[t["name"]], i, batch), t.get("shape")) for t in tensors}


def _part(data: Any, i: int, batch: int) -> Any:
    return data if batch == 1 else data[i * (len(data) // batch) : (i + 1) * (len(data) // batch)]


def _item(data: Any, shape: Any) -> Any:
    """One item of a batch: a scalar where it holds one value, else lists as deep as the tensor without its batch."""
    while isinstance(data, list) and len(data) == 1:
        data = data[0]
    inner = shape[1:] if isinstance(shape, list) else []
    if not isinstance(data, list) or any(isinstance(v, list) for v in data) or not 1 < len(inner) <= 8:
        return data
    for size in reversed(inner[1:]):
        if isinstance(size, bool) or not isinstance(size, int) or size < 1 or len(data) % size:
            return data
        data = [data[i : i + size] for i in range(0, len(data), size)]
    return data


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    import duckdb

    try:
        with duckdb.connect(":memory:", config={"enable_external_access": "true", "threads": "1"}) as connection:
            result = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
            names = [column[0] for column in result.description or ()]
            while rows := result.fetchmany(2_000):
                for values in rows:
                    yield from requests_of(dict(zip(names, values, strict=True)))
    except (duckdb.Error, ValueError) as error:
        raise Unreadable(f"{path.name} is no Parquet file that can be read.", str(error)) from error
