"""An Avro record schema as a signature: its fields are the inputs, or it has a record of inputs and one of outputs."""

from __future__ import annotations

from typing import Any

from mlcontrol.adapters.signatures.bounds import MAX_DEPTH, Budget, Unreadable, items, mapping, text_or_none
from mlcontrol.core.compatibility.dtype import canonical
from mlcontrol.core.signature import Domain, Field, Signature

# Avro's "float" is 32 bits and its "long" 64, whatever other formats call so.
_TYPES = {
    "int": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "boolean": "bool",
    "bytes": "binary",
}
_MOMENTS = ("timestamp-millis", "timestamp-micros", "local-timestamp-millis", "local-timestamp-micros", "date")
_INPUTS, _OUTPUTS = ("inputs", "request", "features"), ("outputs", "response", "prediction")
_MAX_PARTS = 50_000  # named types may make a small file endless
Named = dict[str, dict[str, Any]]


def is_avro(document: dict[str, Any]) -> bool:
    return document.get("type") == "record" and isinstance(document.get("fields"), list)


def read_avro(doc: object) -> Signature:
    """Avro matches fields by name and reads over what it does not know; order does not matter. Raises `Unreadable`."""
    document = mapping(doc, "An Avro schema")
    if not is_avro(document):
        raise Unreadable("This Avro schema is no record.", then="Give the schema of one request, a record.")
    named: Named = {}
    fields = {str(row.get("name")): row for row in _rows(document)}
    halves = [next((fields[n] for n in names if n in fields), None) for names in (_INPUTS, _OUTPUTS)]
    inner = [_record(half.get("type"), named) if half is not None else None for half in halves]
    inputs: tuple[Field, ...] | None
    outputs: tuple[Field, ...] | None
    if inner[0] is not None and len(fields) <= 2:
        inputs, outputs = (_fields(one, named) if one is not None else None for one in inner)
    else:
        inputs, outputs = _fields(document, named), None
    notes = () if outputs is not None else ("the Avro schema states no outputs: give it a record field `outputs`",)
    name = text_or_none(document.get("name")) or "model"
    return Signature(name, None, inputs, outputs, "name", "ignore", sources=notes)


def _rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [mapping(row, "an Avro field") for row in items(record.get("fields"), "the fields of an Avro record")]


def _record(kind: object, named: Named) -> dict[str, Any] | None:
    if isinstance(kind, dict) and is_avro(kind):
        named[str(kind.get("name"))] = kind
        return kind
    return named.get(kind) if isinstance(kind, str) else None


def _fields(record: dict[str, Any], named: Named) -> tuple[Field, ...]:
    budget = Budget(_MAX_PARTS)
    fields = tuple(_field(row, named, budget) for row in _rows(record))
    if len({f.name for f in fields}) != len(fields):
        raise Unreadable("The Avro record names a field twice.")
    return fields


def _field(row: dict[str, Any], named: Named, budget: Budget) -> Field:
    name = text_or_none(row.get("name"))
    if name is None:
        raise Unreadable("An Avro field has no name.")
    kind, nullable = _without_null(row.get("type"))
    has_default, default = "default" in row, row.get("default")
    aliases, symbols = row.get("aliases"), kind.get("symbols") if isinstance(kind, dict) else None
    return Field(
        name=name,
        type=_type(kind, named, 0, budget),
        shape=(-1,),
        required=not has_default,
        nullable=nullable,
        has_default=has_default,
        default=default if isinstance(default, str | int | float | bool) else None,
        domain=Domain(tuple(map(str, symbols))) if isinstance(symbols, list) else None,
        semantic=text_or_none(row.get("semantic")),
        unit=text_or_none(row.get("unit")),
        source=text_or_none(row.get("source")),
        entity=text_or_none(row.get("entity")),
        encoding=_logical(kind),  # millis and micros, a date and a moment are the same number and mean another
        tensor=False,
        aliases=tuple(map(str, aliases)) if isinstance(aliases, list) else (),
    )


def _without_null(kind: object) -> tuple[object, bool]:
    """The type besides null of a union, and whether null is in it."""
    if not isinstance(kind, list):
        return kind, kind == "null"
    others = [one for one in kind if one != "null"]
    return (others[0] if len(others) == 1 else others), len(others) < len(kind)


def _type(kind: object, named: Named, depth: int, budget: Budget) -> str | None:
    """``union<…>`` for what may be several types: equal only to itself."""
    budget.spend()
    if depth > MAX_DEPTH:
        raise Unreadable("The Avro schema is nested too deep.")
    if isinstance(kind, str):
        known = named.get(kind)
        return _type(known, named, depth + 1, budget) if known is not None else _TYPES.get(kind, canonical(kind))
    if isinstance(kind, list):
        return f"union<{','.join(sorted(_type(one, named, depth + 1, budget) or '?' for one in kind))}>"
    if not isinstance(kind, dict):
        return None
    word, logical = kind.get("type"), _logical(kind)
    if logical == "decimal":
        return f"decimal({kind.get('precision')};{kind.get('scale', 0)})"
    if logical is not None and (logical in _MOMENTS or depth):
        return logical if depth else "datetime"
    if word == "enum":
        symbols = kind.get("symbols")  # at the top they are the field's domain
        return f"enum({';'.join(map(str, symbols))})" if depth and isinstance(symbols, list) else "string"
    if word == "fixed":
        return f"fixed({kind.get('size')})"
    if word in ("array", "map"):
        inner = _inner(kind.get("items" if word == "array" else "values"), named, depth, budget)
        return f"{word}<{inner}>"
    if is_avro(kind):
        parts = []
        for row in _rows(kind):
            part = _inner(row.get("type"), named, depth, budget)
            parts.append(f"{row.get('name')}{'?' if 'default' in row else ''}:{part}")
        return "object{" + ",".join(sorted(parts)) + "}"
    return _type(word, named, depth + 1, budget)


def _inner(kind: object, named: Named, depth: int, budget: Budget) -> str:
    part, nullable = _without_null(kind)
    text = _type(part, named, depth + 1, budget) or "?"
    return f"nullable<{text}>" if nullable and text != "null" else text


def _logical(kind: object) -> str | None:
    return text_or_none(kind.get("logicalType")) if isinstance(kind, dict) else None
