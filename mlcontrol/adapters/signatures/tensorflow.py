"""TensorFlow signatures without TensorFlow: a SavedModel's protocol buffer, or TensorFlow Serving's metadata JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcontrol.adapters.signatures.bounds import Budget, Unreadable, dimensions, items, mapping, text_or_none
from mlcontrol.adapters.signatures.wire_format import messages, number, text
from mlcontrol.core.compatibility.dtype import canonical
from mlcontrol.core.signature import Field, Runtime, Signature

_TYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string", 8: "complex64", 9: "int64",
    10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
_DEFAULT = "serving_default"


def read_saved_model(data: memoryview, name: str) -> Signature:
    """``data``: `saved_model.pb`. The signature is `serving_default`, else the first by name. Raises `Unreadable`."""
    budget = Budget()
    found: dict[str, memoryview] = {}
    version = ""
    for graph in messages(data, 2, budget):
        for info in messages(graph, 1, budget):
            version = text(info, 5, budget) or version
        for entry in messages(graph, 5, budget):
            bodies = list(messages(entry, 2, budget))
            if bodies:
                found[text(entry, 1, budget)] = bodies[-1]
    usable = {key: body for key, body in found.items() if not key.startswith("__")}
    if not usable:
        raise Unreadable("The SavedModel has no signature.", "Export it with `signatures=`.")
    read = {
        key: (
            tuple(_field(entry, budget, True) for entry in messages(body, 1, budget)),
            tuple(_field(entry, budget, False) for entry in messages(body, 2, budget)),
        )
        for key, body in usable.items()
    }
    chosen = _chosen(usable)
    return Signature(
        name=name,
        inputs=read[chosen][0],
        outputs=read[chosen][1],
        matched_by="name",
        runtime=Runtime(framework="tensorflow", version=version or None, format="savedmodel"),
        endpoints=_endpoints(read, chosen, {key: text(body, 3, budget) for key, body in usable.items()}),
    )


def _chosen(signatures: Mapping[str, object]) -> str:
    return _DEFAULT if _DEFAULT in signatures else min(signatures)


Read = Mapping[str, tuple[tuple[Field, ...] | None, tuple[Field, ...] | None]]


def _endpoints(read: Read, chosen: str, methods: Mapping[str, str]) -> tuple[str, ...]:
    """The ways to ask. The fields of the chosen one are compared one by one, those of every other as a whole; what is asked
    otherwise than by predict says so."""
    told = []
    for key, (inputs, outputs) in sorted(read.items()):
        method = methods.get(key, "").rsplit("/", 1)[-1]
        how = f":{method}" if method not in ("", "predict") else ""
        told.append(f"{key}{how}" if key == chosen else f"{key}{how}({_briefly(inputs)}) -> {_briefly(outputs)}")
    return tuple(told)


def _briefly(fields: tuple[Field, ...] | None) -> str:
    if fields is None:
        return "?"
    return ", ".join(sorted(f"{f.name} {f.type or '?'} {'?' if f.shape is None else list(f.shape)}" for f in fields))


def _field(entry: memoryview, budget: Budget, is_input: bool) -> Field:
    kind, shape = None, None
    for info in messages(entry, 2, budget):
        kind = _TYPES.get(number(info, 2, budget) or 0)
        for spec in messages(info, 3, budget):
            unranked = number(spec, 3, budget)
            sizes = [number(dim, 1, budget) for dim in messages(spec, 2, budget)]
            shape = None if unranked else tuple(-1 if s is None or s < 0 else s for s in sizes)
    return _tensor(text(entry, 1, budget), kind, shape, is_input)


def _tensor(name: str, kind: str | None, shape: tuple[int, ...] | None, is_input: bool) -> Field:
    return Field(
        name=name,
        type=kind,
        shape=shape,
        required=True if is_input else None,
        nullable=False if is_input else None,
        tensor=True,
    )


def read_tfserving(doc: object) -> Signature:
    """The answer of `GET /v1/models/NAME/metadata`. Raises `Unreadable`."""
    document = mapping(doc, "The metadata")
    spec = mapping(document.get("model_spec"), "`model_spec`")
    metadata = mapping(document.get("metadata"), "`metadata`")
    outer = mapping(metadata.get("signature_def"), "`metadata.signature_def`")
    signatures = mapping(outer.get("signature_def"), "`signature_def.signature_def`")
    usable = {k: v for k, v in signatures.items() if not k.startswith("__")}
    if not usable:
        raise Unreadable("The metadata has no signature.")
    bodies = {str(key): mapping(body, f"the signature {key}") for key, body in usable.items()}
    read = {
        key: (_json_fields(body.get("inputs"), True), _json_fields(body.get("outputs"), False))
        for key, body in bodies.items()
    }
    chosen = _chosen(read)
    version = spec.get("version")
    return Signature(
        name=text_or_none(spec.get("name")) or "model",
        version=str(version) if version is not None else None,
        inputs=read[chosen][0],
        outputs=read[chosen][1],
        matched_by="name",
        runtime=Runtime(framework="tensorflow", format="savedmodel"),
        endpoints=_endpoints(
            read, chosen, {k: text_or_none(body.get("method_name")) or "" for k, body in bodies.items()}
        ),
    )


def _json_fields(value: object, is_input: bool) -> tuple[Field, ...] | None:
    if value is None:
        return None
    return tuple(
        _json_field(str(k), mapping(v, f"the tensor {k}"), is_input) for k, v in mapping(value, "tensors").items()
    )


def _json_field(name: str, row: dict[str, Any], is_input: bool) -> Field:
    kind, spec = text_or_none(row.get("dtype")), row.get("tensor_shape")
    shape = None
    if isinstance(spec, dict) and not spec.get("unknown_rank"):
        rows = items(spec.get("dim", []), f"the dimensions of {name}")
        shape = dimensions([mapping(d, "a dimension").get("size", -1) for d in rows], f"the shape of {name}")
    return _tensor(name, canonical(kind) if kind else None, shape, is_input)
