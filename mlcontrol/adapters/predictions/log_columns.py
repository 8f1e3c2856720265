"""The columns that a log may have, as they are found in JSON Lines, CSV or Parquet, turned into those that the questions ask for.

Objects (inputs, outputs, slices) are JSON text, a struct, or flat columns by their dotted names (``inputs.age``). Times without a
zone are UTC; numbers are seconds since the epoch, or milli-, micro- or nanoseconds where they are too large for that.
"""

from __future__ import annotations

from collections.abc import Mapping

from mlcontrol.adapters.predictions.sql_text import identifier, literal
from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import Unexpected

KINDS: dict[str, dict[str, str]] = {
    "log": {
        "request_id": "text",
        "time": "time",
        "version": "text",
        "inputs": "object",
        "outputs": "object",
        "slices": "object",
        "status": "integer",
        "error": "text",
        "latency_ms": "double",
    },
    "labels": {"request_id": "text", "time": "time", "label": "value"},
    "feedback": {"request_id": "text", "time": "time", "kind": "text", "value": "value"},
}
"""By kind of entry: column -> how it is read."""
NEEDED = {
    "log": ("request_id", "time"),
    "labels": ("request_id", "label"),
    "feedback": ("request_id", "kind", "value"),
}
_WHOLE = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT")


def renamed(options: Mapping[str, str]) -> dict[str, str]:
    """``columns = "time=created_at, outputs.digit=prediction"``: ours -> theirs."""
    pairs = (part.partition("=") for part in options.get("columns", "").split(",") if "=" in part)
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def selected(kind: str, found: Mapping[str, str], names: Mapping[str, str]) -> str:
    """The select list. ``found``: column -> DuckDB's type; ``names``: ours -> theirs. Raises `Unexpected` naming what lacks."""
    missing = [names.get(column, column) for column in NEEDED[kind] if names.get(column, column) not in found]
    if missing:
        what = f"The {kind if kind == 'log' else f'log of {kind}'} has no column {', '.join(missing)}."
        why = f"It has {', '.join(sorted(found)[:20]) or 'none'}."
        raise Unexpected(Problem(what, why, "Name them in the connection, like time=created_at.", "unexpected"))
    return ", ".join(f"{_column(ours, how, found, names)} as {ours}" for ours, how in KINDS[kind].items())


def _column(ours: str, how: str, found: Mapping[str, str], names: Mapping[str, str]) -> str:
    theirs = names.get(ours, ours)
    whole = _read(ours, how, identifier(theirs), found[theirs]) if theirs in found else ""
    if how != "object":
        null = {"integer": "null::integer", "double": "null::double", "time": "null::timestamptz"}
        return whole or null.get(how, "null::varchar")
    flat = {column.removeprefix(f"{ours}."): column for column in found if column.startswith(f"{ours}.")}
    flat |= {o.removeprefix(f"{ours}."): t for o, t in names.items() if o.startswith(f"{ours}.") and t in found}
    whole = whole or "'{}'::json"
    if not flat:
        return whole
    pairs = ", ".join(f"{literal(leaf)}, {_value(identifier(column), found[column])}" for leaf, column in flat.items())
    # A patch with null takes the name away: what a row does not have is not there.
    return f"json_merge_patch({whole}, json_object({pairs}))"


def _read(ours: str, how: str, column: str, kind: str) -> str:
    if how == "text":
        text = column
        if kind in ("DOUBLE", "FLOAT"):  # a whole number that has become a fraction beside missing ones
            text = f"case when {column} = floor({column}) then {column}::bigint::varchar else {column}::varchar end"
        elif kind != "VARCHAR":
            text = f"{column}::varchar"
        return f"nullif({text}, '')" if ours in ("error", "request_id") else text
    if how == "time":
        if kind in ("DOUBLE", "FLOAT", *_WHOLE) or kind.startswith("DECIMAL"):
            return _epoch(f"{column}::double")
        if kind == "VARCHAR":
            return f"coalesce(try_cast({column} as timestamptz), {_epoch(f'try_cast({column} as double)')})"
        return f"{column}::timestamptz"
    if how == "integer":
        return f"try_cast({column} as integer)"
    if how == "double":
        return f"case when not isnan(try_cast({column} as double)) then try_cast({column} as double) end"
    if how == "object":  # what is none holds nothing
        value = f"case when json_valid({column}) then {column}::json end" if kind == "VARCHAR" else _value(column, kind)
        return f"case when json_type({value}) = 'OBJECT' then {value} else '{{}}'::json end"
    return _value(column, kind)


def _epoch(number: str) -> str:
    scaled = f"case when {number} >= 1e17 then {number} / 1e9 when {number} >= 1e14 then {number} / 1e6"
    return f"to_timestamp({scaled} when {number} >= 1e11 then {number} / 1e3 else {number} end)"


def _value(column: str, kind: str) -> str:
    if kind == "JSON":
        return column
    if kind == "VARCHAR":  # a number or an object as text is one; a plain word is a JSON word
        return f"case when json_valid({column}) then {column}::json else to_json({column}) end"
    return f"to_json({column})"
