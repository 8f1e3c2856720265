"""An ONNX file's graph inputs and outputs, operator sets and IR version. Weights and external data are never read."""

from __future__ import annotations

from dataclasses import replace

from mlcontrol.adapters.signatures.bounds import MAX_FIELDS, Budget, Unreadable
from mlcontrol.adapters.signatures.wire_format import messages, number, text, walk
from mlcontrol.core.signature import Field, Runtime, Signature

_TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
}  # fmt: skip
_TENSOR, _SEQUENCE, _MAP, _OPTIONAL = 1, 4, 5, 9  # the fields of a TypeProto
_MAX_NESTED = 8
_ELSEWHERE = "its weights lie in other files, so its size is not known: record `size_bytes`"
_EVERY_WEIGHT_IS_AN_INPUT = 3  # the last IR version that demands it


def read_onnx(data: memoryview, name: str) -> Signature:
    """``data``: the whole file, mapped or in memory. Raises `Unreadable` when it is no ONNX model."""
    budget = Budget()
    ir, graph, opsets, producer = None, None, {}, ""
    for found, value in walk(data, budget):
        if found == 1 and isinstance(value, int):
            ir = value
        elif found == 7 and isinstance(value, memoryview):
            graph = value
        elif found == 8 and isinstance(value, memoryview):
            domain = text(value, 1, budget)
            opsets["" if domain == "ai.onnx" else domain] = number(value, 2, budget) or 0
        elif found == 2 and isinstance(value, memoryview):
            producer = bytes(value[:100]).decode("utf-8", errors="replace")
    if graph is None or ir is None:
        raise Unreadable("This is no ONNX model: it has no graph or no IR version.")
    inputs: list[memoryview] = []
    outputs: list[memoryview] = []
    stored: list[memoryview] = []
    for found, value in walk(graph, budget):
        if isinstance(value, memoryview) and found in (5, 11, 12):
            {5: stored, 11: inputs, 12: outputs}[found].append(value)
    if len(inputs) > MAX_FIELDS or len(outputs) > MAX_FIELDS:
        raise Unreadable("The ONNX graph has more inputs than any honest model.")
    defaults = {text(tensor, 8, budget) for tensor in stored}
    elsewhere = any(number(tensor, 14, budget) == 1 for tensor in stored)
    fields = [_field(one, budget) for one in inputs]
    return Signature(
        name=name,
        # An initializer that is also an input is its default: callers may leave it out. IR 3 lists every weight so, and cannot
        # say which are meant to be given.
        inputs=tuple(
            replace(f, required=False, has_default=True) if f.name in defaults else f
            for f in fields
            if f.name not in defaults or ir > _EVERY_WEIGHT_IS_AN_INPUT
        ),
        outputs=tuple(_field(one, budget) for one in outputs),
        matched_by="name",
        runtime=Runtime(framework="onnx", version=None, format="onnx", ir_version=ir, opsets=opsets),
        size_bytes=None if elsewhere else len(data),
        sources=((f"made by {producer}",) if producer else ()) + ((_ELSEWHERE,) if elsewhere else ()),
    )


def _field(value: memoryview, budget: Budget) -> Field:
    name, kind, shape, optional = text(value, 1, budget), None, None, False
    for type_proto in messages(value, 2, budget):
        for found, inner in walk(type_proto, budget):
            if found == _OPTIONAL and isinstance(inner, memoryview):
                optional = True
                wrapped = next(messages(inner, 1, budget), None)
                kind = None if wrapped is None else _kind(wrapped, budget)
            elif found in (_SEQUENCE, _MAP):
                kind = _kind(type_proto, budget)
            if found == _TENSOR and isinstance(inner, memoryview):
                kind = _TYPES.get(number(inner, 1, budget) or 0)
                shapes = list(messages(inner, 2, budget))
                if shapes:
                    shape = tuple(_dimension(d, budget) for d in messages(shapes[-1], 1, budget))
    return Field(name=name, type=kind, shape=shape, required=not optional, nullable=False, tensor=True)


def _kind(type_proto: memoryview, budget: Budget, depth: int = 0) -> str | None:
    """ "float32", or what a converted classifier answers with: "array<map<int64,float32>>"."""
    if depth > _MAX_NESTED:
        raise Unreadable("A type in the ONNX graph is nested deeper than in any honest model.")
    for found, inner in walk(type_proto, budget):
        if not isinstance(inner, memoryview):
            continue
        if found == _TENSOR:
            return _TYPES.get(number(inner, 1, budget) or 0)
        if found in (_SEQUENCE, _MAP):
            of = next(messages(inner, 1 if found == _SEQUENCE else 2, budget), None)
            held = None if of is None else _kind(of, budget, depth + 1)
            key = f"{_TYPES.get(number(inner, 1, budget) or 0, '?')}," if found == _MAP else ""
            return f"{'array' if found == _SEQUENCE else 'map'}<{key}{held or '?'}>"
    return None


def _dimension(value: memoryview, budget: Budget) -> int:
    size = number(value, 1, budget)
    return -1 if size is None or size < 0 else size
