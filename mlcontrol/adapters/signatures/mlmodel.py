"""MLflow's `MLmodel` file: columns, tensors and parameters, flavours, size, and what this panel adds under `metadata.mlcontrol`."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from mlcontrol.adapters.signatures.bounded_yaml import load_yaml
from mlcontrol.adapters.signatures.bounds import (
    Budget,
    Unreadable,
    default_or_none,
    dimensions,
    items,
    mapping,
    number_or_none,
    parse_json,
    size_or_none,
    text_or_none,
)
from mlcontrol.core.compatibility.dtype import canonical
from mlcontrol.core.signature import Domain, Field, Preprocessing, Runtime, Signature

# A null in these columns is refused, or becomes False without a word, also where the column may be left out.
_NEVER_NULL = ("int32", "int64", "bool", "binary")
_MAX_PARTS = 100_000  # aliases may make a small file endless
_FORMATS = {"cloudpickle": "pickle", "pickle": "pickle", "skops": "skops"}


def read_mlmodel(text: str, name: str, version: str | None = None) -> Signature:
    """The signature of a logged model. Parts the file does not state stay `None`. Raises `Unreadable`."""
    document = mapping(load_yaml(text, "MLmodel file"), "An MLmodel file")
    if "flavors" not in document and "signature" not in document:
        raise Unreadable("This is no MLmodel file: it names neither flavours nor a signature.")
    ours = _ours(document)
    features = ours.get("features")
    notes: list[str] = []
    inputs, outputs = _signature(document.get("signature"), features if isinstance(features, dict) else {}, notes)
    preprocessing = ours.get("preprocessing")
    slices, shares = _slices(ours.get("slices"))
    tombstones = ours.get("tombstones")
    return Signature(
        name=name,
        version=version,
        inputs=inputs,
        outputs=outputs,
        matched_by="name" if inputs is not None and all(f.name for f in inputs) else None,
        preprocessing=_preprocessing(preprocessing) if isinstance(preprocessing, dict) else None,
        runtime=_runtime(document.get("flavors")),
        size_bytes=size_or_none(document.get("model_size_bytes")),
        created_s=_time(ours.get("trained_at")) or _time(document.get("utc_time_created")),
        tombstones=tuple(str(t) for t in tombstones) if isinstance(tombstones, list) else (),
        statistics=_statistics(ours.get("training_statistics")),
        data_from_s=_time(ours.get("data_from")),
        data_until_s=_time(ours.get("data_until")),
        validation_from_s=_time(ours.get("validation_from")),
        validation_until_s=_time(ours.get("validation_until")),
        time_influenced=told if isinstance(told := ours.get("time_influenced"), bool) else None,
        slices=slices,
        slice_shares=shares,
        sources=tuple(notes),
    )


def _slices(value: object) -> tuple[tuple[str, ...] | None, dict[str, float]]:
    """``["region=north"]``, or by name ``{"region": ["north"]}`` or ``{"region": {"north": 0.4}}`` with the share of each."""
    if isinstance(value, list):
        return tuple(str(one) for one in value), {}
    if not isinstance(value, dict):
        return None, {}
    names: list[str] = []
    shares: dict[str, float] = {}
    for name, parts in value.items():
        for part in parts if isinstance(parts, list | dict) else ():
            names.append(f"{name}={part}")
            share = number_or_none(parts[part]) if isinstance(parts, dict) else None
            if share is not None and 0 <= share <= 1:
                shares[names[-1]] = share
    return tuple(names), shares


def _ours(document: dict[str, Any]) -> dict[str, Any]:
    metadata = document.get("metadata")
    ours = metadata.get("mlcontrol") if isinstance(metadata, dict) else None
    return ours if isinstance(ours, dict) else {}


def _signature(
    value: object, features: dict[str, Any], notes: list[str]
) -> tuple[tuple[Field, ...] | None, tuple[Field, ...] | None]:
    if value is None:
        notes.append("the MLmodel file has no signature: log the model with `signature=` or an input example")
        return None, None
    signature = mapping(value, "`signature`")
    inputs, outputs = _schema(signature.get("inputs"), "inputs"), _schema(signature.get("outputs"), "outputs")
    parameters = _parameters(signature.get("params"))
    if inputs is not None:
        inputs = tuple(_described(f, features.get(f.name)) for f in inputs) + parameters
    elif parameters:
        notes.append("the MLmodel file states parameters but no inputs")
    if outputs is not None:
        outputs = tuple(_described(f, features.get(f.name)) for f in outputs)
    return inputs, outputs


def _schema(value: object, where: str) -> tuple[Field, ...] | None:
    if value is None:
        return None
    parsed = parse_json(value, f"`signature.{where}`") if isinstance(value, str) else value
    if parsed is None:
        return None
    entries = items(parsed, f"`signature.{where}`")
    fields, budget = [], Budget(_MAX_PARTS)
    for position, entry in enumerate(entries):
        fields.append(_field(mapping(entry, f"`signature.{where}[{position}]`"), where, position, budget))
    if len({f.name for f in fields}) != len(fields):
        raise Unreadable(f"`signature.{where}` names a field twice.")
    return tuple(fields)


def _field(entry: dict[str, Any], where: str, position: int, budget: Budget) -> Field:
    name = text_or_none(entry.get("name")) or f"{where.removesuffix('s')}-{position}"
    kind = entry.get("type")
    spec = entry.get("tensor-spec")
    if kind == "tensor" or spec is not None:
        tensor = mapping(spec, f"the tensor-spec of {name}")
        dtype = text_or_none(tensor.get("dtype"))
        shape = tensor.get("shape")
        return Field(
            name=name,
            type=canonical(dtype) if dtype else None,
            shape=dimensions(shape, f"the shape of {name}") if shape is not None else None,
            required=entry.get("required") is not False,
            nullable=False,
            tensor=True,
        )
    required = entry.get("required") is not False  # files from before "required" existed mean required
    column = _column_type(entry, budget)
    return Field(
        name=name,
        type=column,
        shape=(-1,),
        required=required,
        nullable=not required and column not in _NEVER_NULL,
        tensor=False,
    )


def _column_type(entry: dict[str, Any], budget: Budget) -> str | None:
    """Nested types in one text: "array<float64>", "object{a:string,b?:int64}", "map<int64>"."""
    budget.spend()
    kind = text_or_none(entry.get("type"))
    if kind is None:
        return None
    if kind == "array" and isinstance(entry.get("items"), dict):
        return f"array<{_column_type(entry['items'], budget) or '?'}>"
    if kind == "map" and isinstance(entry.get("values"), dict):
        return f"map<{_column_type(entry['values'], budget) or '?'}>"
    properties = entry.get("properties")
    if kind == "object" and isinstance(properties, dict):
        parts = [
            f"{key}{'' if p.get('required') is not False else '?'}:{_column_type(p, budget) or '?'}"
            for key, p in sorted(properties.items(), key=lambda pair: str(pair[0]))
            if isinstance(p, dict)
        ]
        return "object{" + ",".join(parts) + "}"
    return canonical(kind)


def _parameters(value: object) -> tuple[Field, ...]:
    if value is None:
        return ()
    parsed = parse_json(value, "`signature.params`") if isinstance(value, str) else value
    if parsed is None:
        return ()
    fields = []
    for entry in items(parsed, "`signature.params`"):
        parameter = mapping(entry, "a parameter")
        kind, shape, default = text_or_none(parameter.get("type")), parameter.get("shape"), parameter.get("default")
        fields.append(
            Field(
                name=f"params.{parameter.get('name')}",
                type=canonical(kind) if kind else None,
                shape=dimensions(shape, "a parameter's shape") if isinstance(shape, list) else (),
                required=False,
                nullable=not isinstance(
                    shape, list
                ),  # `_enforce_param_datatype` lets null through, a list has to be one
                has_default=True,
                default=default_or_none(default),
                tensor=False,
            )
        )
    return tuple(fields)


def _described(field: Field, feature: object) -> Field:
    if not isinstance(feature, dict):
        return field
    values, low, high = feature.get("values"), number_or_none(feature.get("min")), number_or_none(feature.get("max"))
    has_domain = isinstance(values, list) or low is not None or high is not None
    classes, aliases = feature.get("classes"), feature.get("aliases")
    return replace(
        field,
        semantic=text_or_none(feature.get("semantic")),
        unit=text_or_none(feature.get("unit")),
        source=text_or_none(feature.get("source")),
        entity=text_or_none(feature.get("entity")),
        encoding=text_or_none(feature.get("encoding")),
        meaning=text_or_none(feature.get("meaning")),
        classes=tuple(str(c) for c in classes) if isinstance(classes, list) else None,
        aliases=tuple(str(a) for a in aliases) if isinstance(aliases, list) else (),
        domain=Domain(tuple(str(v) for v in values) if isinstance(values, list) else None, low, high)
        if has_domain
        else None,
    )


def _runtime(value: object) -> Runtime | None:
    """The framework is the one flavour besides `python_function`."""
    if not isinstance(value, dict):
        return None
    generic = value.get("python_function")
    python = text_or_none(generic.get("python_version")) if isinstance(generic, dict) else None
    for flavour, body in value.items():
        if flavour == "python_function" or not isinstance(body, dict):
            continue
        framework = str(flavour)
        keys = (f"{framework}_version", f"{framework.removesuffix('boost')}_version", "model_version")
        versions = [body[key] for key in keys if key in body]
        if framework == "xgboost":
            versions = [body.get("xgb_version")]
        if framework == "lightgbm":
            versions = [body.get("lgb_version")]
        version = text_or_none(versions[0]) if versions else None
        form = text_or_none(body.get("serialization_format"))
        return Runtime(framework, version, python, format=_FORMATS.get(form or "", form))
    return Runtime(python=python) if python else None


def _preprocessing(value: dict[str, Any]) -> Preprocessing:
    inside = value.get("inside")
    return Preprocessing(inside if isinstance(inside, bool) else None, text_or_none(value.get("digest")))


def _statistics(value: object) -> dict[str, dict[str, object]]:
    if not isinstance(value, dict):
        return {}
    return {str(name): dict(body) for name, body in value.items() if isinstance(body, dict)}


def _time(value: object) -> float | None:
    """Seconds since the epoch of a UTC time, written naive or with its offset; YAML may have parsed it already."""
    if isinstance(value, str):
        text = re.sub(r"(\.\d{6})\d+", r"\1", value.strip()).replace("Z", "+00:00")
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            return None
    if isinstance(value, datetime):
        try:
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        except (OverflowError, ValueError):
            return None
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    return None
