"""Tensors of the Open Inference Protocol's JSON form: nested lists on this side, flat data with a shape on the wire."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

MAX_DIMENSIONS = 16
MAX_VALUES = 10_000_000
_ROWS = (list, tuple)
_FLOATS = {float}
_SCALARS = {float, int, str}
_WHOLE = {int}


class BadTensorError(ValueError):
    """The value cannot be a tensor; the message says why in few words."""


def encode(name: str, value: Any, datatype: str | None) -> dict[str, Any]:
    """The wire form of one input. ``datatype`` `None`: the endpoint does not announce this input, so the value decides."""
    shape = _shape(value)
    flat = _flatten(value, shape, name)
    kind = datatype or _guess(flat)
    # Most tensors are of finite floats that stay as they are: that is seen at once for all of them.
    plain = kind.startswith("FP") and set(map(type, flat)) == _FLOATS and all(map(math.isfinite, flat))
    data = flat if plain else [_scalar(item, kind, name) for item in flat]
    return {"name": name, "datatype": kind, "shape": list(shape), "data": data}


def query(name: str, tensors: list[dict[str, Any]]) -> bytes:
    """The body that asks with these inputs; ``name``: the query's id, which comes back and which servers log.

    Raises `BadTensorError` for what JSON cannot carry to a server."""
    try:
        return msgspec.json.encode({"id": name, "inputs": tensors})
    except UnicodeEncodeError as error:
        raise BadTensorError("a text holds half a character") from error


def decode(tensor: dict[str, Any]) -> Any:
    """Nested lists of one output. Raises `BadTensorError` when data and shape disagree."""
    shape, data = tensor.get("shape"), tensor.get("data")
    if not isinstance(shape, list) or not isinstance(data, list) or len(shape) > MAX_DIMENSIONS:
        raise BadTensorError("an output has no shape or no data")
    if set(map(type, shape)) - _WHOLE or min(shape, default=0) < 0:
        raise BadTensorError("an output's shape is not made of sizes")
    if data and type(data[0]) is list:
        data = _flatten(data, _shape(data), str(tensor.get("name")))
    if math.prod(shape) != len(data):
        raise BadTensorError(f"an output of shape {shape} came with {len(data)} values")
    for size in reversed(shape[1:]):
        data = [data[i : i + size] for i in range(0, len(data), size)] if size else []
    return data if shape else data[0]


def _shape(value: Any) -> tuple[int, ...]:
    sizes: list[int] = []
    while isinstance(value, _ROWS) or (
        type(value) not in _SCALARS and isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    ):
        sizes.append(len(value))
        if len(sizes) > MAX_DIMENSIONS:
            raise BadTensorError(f"a tensor has more than {MAX_DIMENSIONS} dimensions")
        if not value:
            break
        value = value[0]
    if math.prod(sizes) > MAX_VALUES:
        raise BadTensorError("a tensor is too large to be sent as JSON")
    return tuple(sizes)


def _flatten(value: Any, shape: tuple[int, ...], name: str) -> list[Any]:
    rows = [value]
    for size in shape:
        inner: list[Any] = []
        for row in rows:
            if not isinstance(row, _ROWS) or len(row) != size:
                raise BadTensorError(f"'{name}' has rows of different length")
            inner.extend(row)
        rows = inner
    if not _SCALARS.issuperset(map(type, rows)) and any(isinstance(item, _ROWS) for item in rows):
        raise BadTensorError(f"'{name}' has rows of different depth")
    return rows


def _guess(flat: list[Any]) -> str:
    if all(isinstance(item, bool) for item in flat):
        return "BOOL"
    if all(isinstance(item, int) for item in flat):
        return "INT64"
    return "FP64" if all(isinstance(item, int | float) for item in flat) else "BYTES"


def _scalar(item: Any, datatype: str, name: str) -> Any:
    """One value as its datatype wants it; never rounds, never invents."""
    if item is None:
        raise BadTensorError(f"'{name}' holds a missing value, which this protocol cannot carry")
    if datatype == "BYTES":
        return item if isinstance(item, str) else item.decode() if isinstance(item, bytes) else str(item)
    if datatype == "BOOL":
        if isinstance(item, bool) or item in (0, 1):
            return bool(item)
    elif datatype.startswith(("INT", "UINT")):
        if isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item) and int(item) == item:
            return int(item)
    elif isinstance(item, int | float) and not isinstance(item, bool):
        if not math.isfinite(item):
            raise BadTensorError(f"'{name}' holds {item}, which JSON cannot carry")
        return float(item)
    raise BadTensorError(f"'{name}' holds {item!r}, which is no {datatype}")
