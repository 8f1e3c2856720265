"""A JSON schema of one request as a signature: its properties are the inputs, or it has objects `inputs` and `outputs`."""

from __future__ import annotations

import json
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
# What narrows the values of a property in a way that is not compared, besides that it is the same or another.
_NARROWING = (
    "pattern", "minLength", "minItems", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "uniqueItems", "const", "not",
    "allOf", "anyOf", "oneOf", "if", "then", "else", "contains", "prefixItems", "minProperties", "maxProperties", "propertyNames",
    "patternProperties", "dependentRequired", "dependentSchemas", "format", "additionalProperties",
)  # fmt: skip
_MAX_LETTERS = 10_000_000  # of constraints, which a reference may repeat
_INSIDE = ("enum", "minimum", "maximum", "maxLength", "maxItems")  # compared at the top, not in what a property holds
_WHOLE = ("allOf", "anyOf", "oneOf", "not", "if", "patternProperties", "dependentRequired", "dependentSchemas", "minProperties",
          "maxProperties", "propertyNames")  # fmt: skip
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
        return _one_choice(value, document, depth)
    if pointer == "#":
        return document
    if depth > MAX_DEPTH or not pointer.startswith("#/"):
        return {}
    found: object = document
    for step in pointer[2:].split("/"):
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return _resolved(found, document, depth + 1)


def _one_choice(row: dict[str, Any], document: dict[str, Any], depth: int) -> dict[str, Any]:
    """Generators write what may be null as ``anyOf`` of a schema and null, what has a comment as ``allOf`` of one schema: read as
    that schema."""
    if depth > MAX_DEPTH:
        return {}
    for word in ("anyOf", "oneOf", "allOf"):
        rows = row.get(word)
        others = [one for one in rows if one != {"type": "null"}] if isinstance(rows, list) else []
        if len(others) != 1 or (word == "allOf") != (len(rows or ()) == 1):
            continue
        found = _resolved(others[0], document, depth + 1)
        kind = found.get("type")
        if word != "allOf" and isinstance(kind, str):
            found = {**found, "type": [kind, "null"]}
        if word == "allOf" or isinstance(kind, str):
            return {**{k: v for k, v in row.items() if k != word}, **found}
    return row


def _words(row: dict[str, Any]) -> list[str]:
    """The types it names, without null."""
    kind = row.get("type")
    return [
        k
        for k in ([kind] if isinstance(kind, str) else kind if isinstance(kind, list) else [])
        if isinstance(k, str) and k != "null"
    ]


def _fields(body: dict[str, Any], document: dict[str, Any]) -> tuple[Field, ...]:
    properties = mapping(body.get("properties", {}), "`properties`")
    combined = next((word for word in _WHOLE if word in body), None)
    if combined is not None:
        then = "Write the request as one object with its properties."
        raise Unreadable(f"The JSON schema says more of its object by `{combined}`, which is not read.", then=then)
    if len(properties) > MAX_FIELDS:
        raise Unreadable(f"`properties` has {len(properties):,} entries, at most {MAX_FIELDS:,} are read.")
    required = body.get("required")
    needed = set(map(str, required)) if isinstance(required, list) else set()
    budget, letters = Budget(_MAX_PARTS), Budget(_MAX_LETTERS)
    return tuple(
        _field(str(n), _resolved(row, document), n in needed, document, budget, letters)
        for n, row in properties.items()
    )


def _field(
    name: str, row: dict[str, Any], required: bool, document: dict[str, Any], budget: Budget, letters: Budget
) -> Field:
    values, default = row.get("enum"), row.get("default")
    low, high = number_or_none(row.get("minimum")), number_or_none(row.get("maximum"))
    longest = row.get("maxItems") if _words(row) == ["array"] else row.get("maxLength")
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
        encoding=text_or_none(row.get("contentEncoding"))
        or (text_or_none(row.get("format")) if kind == "datetime" else None),
        constraints=_constraints(row, document, kind, letters),
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
        return f"array<{_inner(row.get('items'), document, depth, budget)}>", nullable
    if word == "object":
        properties = row.get("properties")
        needed = row.get("required")
        names = set(map(str, needed)) if isinstance(needed, list) else set()
        parts = []
        for name, one in sorted(properties.items()) if isinstance(properties, dict) else ():
            parts.append(f"{name}{'' if name in names else '?'}:{_inner(one, document, depth, budget)}")
        return "object{" + ",".join(parts) + "}", nullable
    return _TYPES.get(word, word), nullable


def _inner(row: object, document: dict[str, Any], depth: int, budget: Budget) -> str:
    text, nullable = _type(_resolved(row, document), document, depth + 1, budget)
    return f"nullable<{text or '?'}>" if nullable else text or "?"


def _constraints(row: dict[str, Any], document: dict[str, Any], kind: str | None, letters: Budget) -> str | None:
    """All that narrows the values and is not compared part by part, in one text; `None` where there is nothing of it. Called on
    what `_type` came to an end with."""
    said = {word: row[word] for word in _NARROWING if word in row and not (word == "format" and kind == "datetime")}
    inside = _held(row, document)
    if inside:
        said["inside"] = inside
    text = json.dumps(said, sort_keys=True, ensure_ascii=False) if said else None
    letters.spend(len(text or ""))
    return text


def _held(row: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    found = {}
    kinds, properties = _words(row), row.get("properties")
    held = {"items": row["items"]} if kinds == ["array"] and "items" in row else {}
    if kinds == ["object"] and isinstance(properties, dict):
        held = properties
    for name, one in held.items():
        inner = _resolved(one, document)
        said = {word: inner[word] for word in (*_NARROWING, *_INSIDE) if word in inner}
        deeper = _held(inner, document)
        if said or deeper:
            found[name] = {**said, **({"inside": deeper} if deeper else {})}
    return found
