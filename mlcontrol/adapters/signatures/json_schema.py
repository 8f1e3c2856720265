"""A JSON schema of one request as a signature: its properties are the inputs, or it has objects `inputs` and `outputs`."""

from __future__ import annotations

from typing import Any

from mlcontrol.adapters.signatures.bounds import (
    MAX_DEPTH,
    MAX_FIELDS,
    Budget,
    Unreadable,
    mapping,
    number_or_none,
    text_or_none,
)
from mlcontrol.core.signature import Domain, Field, Signature

_TYPES = {"number": "float64", "integer": "int64", "string": "string", "boolean": "bool", "null": "null"}
_FORMATS = {"date-time": "datetime", "date": "datetime"}
_MAX_PARTS = 50_000  # references may make a small file endless
_INPUTS, _OUTPUTS = ("inputs", "request", "features"), ("outputs", "response", "prediction")


def is_json_schema(document: dict[str, Any]) -> bool:
    return isinstance(document.get("properties"), dict) and ("$schema" in document or document.get("type") == "object")


def read_json_schema(doc: object, name: str) -> Signature:
    """``name`` stands in where the schema has no title. References within the file are followed. Raises `Unreadable`."""
    document = mapping(doc, "A JSON schema")
    if not is_json_schema(document):
        raise Unreadable("This JSON schema describes no object.", then="Give the schema of one request.")
    properties = mapping(document["properties"], "`properties`")
    halves = [next((n for n in names if n in properties), None) for names in (_INPUTS, _OUTPUTS)]
    inner = [_resolved(properties[n], document) if n is not None else {} for n in halves]
    outputs = None
    body = document
    if len(properties) <= 2 and isinstance(inner[0].get("properties"), dict):
        body = inner[0]
        outputs = _fields(inner[1], document) if isinstance(inner[1].get("properties"), dict) else None
    closed = body.get("additionalProperties") is False
    notes = () if outputs is not None else ("the JSON schema states no outputs: give it an object `outputs`",)
    return Signature(
        name=text_or_none(document.get("title")) or name,
        inputs=_fields(body, document),
        outputs=outputs,
        matched_by="name",
        extras="reject" if closed else "ignore",
        sources=notes,
    )


def _resolved(value: object, document: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """The schema behind a reference into the same file; an empty one, which allows everything, if it leads nowhere."""
    if not isinstance(value, dict):
        return {}
    pointer = value.get("$ref")
    if not isinstance(pointer, str):
        return value
    if pointer == "#":
        return document
    if depth > MAX_DEPTH or not pointer.startswith("#/"):
        return {}
    found: object = document
    for step in pointer[2:].split("/"):
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return _resolved(found, document, depth + 1)


def _fields(body: dict[str, Any], document: dict[str, Any]) -> tuple[Field, ...]:
    properties = mapping(body.get("properties", {}), "`properties`")
    if len(properties) > MAX_FIELDS:
        raise Unreadable(f"`properties` has {len(properties):,} entries, at most {MAX_FIELDS:,} are read.")
    required = body.get("required")
    needed = set(map(str, required)) if isinstance(required, list) else set()
    budget = Budget(_MAX_PARTS)
    return tuple(
        _field(str(n), _resolved(row, document), n in needed, document, budget) for n, row in properties.items()
    )


def _field(name: str, row: dict[str, Any], required: bool, document: dict[str, Any], budget: Budget) -> Field:
    values, default = row.get("enum"), row.get("default")
    low, high = number_or_none(row.get("minimum")), number_or_none(row.get("maximum"))
    longest = row.get("maxItems") if row.get("type") == "array" else row.get("maxLength")
    whole = longest if isinstance(longest, int) and not isinstance(longest, bool) else None
    listed = tuple(str(v) for v in values if v is not None) if isinstance(values, list) else None
    kind, nullable = _type(row, document, 0, budget)
    return Field(
        name=name,
        type=kind,
        shape=(-1,),
        required=required,
        nullable=nullable or (isinstance(values, list) and None in values),
        has_default="default" in row or None,
        default=default if isinstance(default, str | int | float | bool) else None,
        domain=None if (listed, low, high, whole) == (None,) * 4 else Domain(listed, low, high, whole),
        semantic=text_or_none(row.get("x-semantic")),
        unit=text_or_none(row.get("x-unit")),
        source=text_or_none(row.get("x-source")),
        entity=text_or_none(row.get("x-entity")),
        encoding=text_or_none(row.get("contentEncoding")),
        tensor=False,
    )


def _type(row: dict[str, Any], document: dict[str, Any], depth: int, budget: Budget) -> tuple[str | None, bool]:
    """The type in our words, and whether null is allowed."""
    budget.spend()
    if depth > MAX_DEPTH:
        raise Unreadable("The JSON schema is nested too deep.")
    kind = row.get("type")
    choices = (
        [kind] if isinstance(kind, str) else [k for k in kind if isinstance(k, str)] if isinstance(kind, list) else []
    )
    nullable = "null" in choices
    choices = [k for k in choices if k != "null"]
    if not choices:
        listed = [v for v in row.get("enum", ()) if v is not None] if isinstance(row.get("enum"), list) else []
        return ("string" if listed and all(isinstance(v, str) for v in listed) else None), nullable
    if len(choices) > 1:
        return f"union<{','.join(sorted(_TYPES.get(k, k) for k in choices))}>", nullable
    word = choices[0]
    if word == "string":
        form = row.get("format")
        return _FORMATS.get(form, "string") if isinstance(form, str) else "string", nullable
    if word == "array":
        inner, _ = _type(_resolved(row.get("items"), document), document, depth + 1, budget)
        return f"array<{inner or '?'}>", nullable
    if word == "object":
        properties = row.get("properties")
        needed = row.get("required")
        names = set(map(str, needed)) if isinstance(needed, list) else set()
        parts = []
        for name, one in sorted(properties.items()) if isinstance(properties, dict) else ():
            inner, _ = _type(_resolved(one, document), document, depth + 1, budget)
            parts.append(f"{name}{'' if name in names else '?'}:{inner or '?'}")
        return "object{" + ",".join(parts) + "}", nullable
    return _TYPES.get(word, word), nullable
