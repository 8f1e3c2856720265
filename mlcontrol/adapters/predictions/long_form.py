"""Logs in long form: a row for each feature of a request (``request_id, feature, value``), put together to a row a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlcontrol.adapters.predictions.sql_text import identifier, literal

if TYPE_CHECKING:
    import duckdb

MOST_FEATURES = 500
_FEATURES = ("feature", "feature_name", "variable", "column", "field", "key", "name")
_VALUES = ("value", "feature_value")


def widened(connection: duckdb.DuckDBPyConnection, columns: Mapping[str, str], requests: tuple[str, ...]) -> str:
    """The SQL of the wide form of the view ``log``; empty where it is no long form. ``columns``: name -> type; ``requests``: names
    that a request's id may have. What stands beside the features (a time, a slice) is that of the request."""
    known = {name.casefold(): name for name in columns}
    feature, value, request = (
        next((known[name] for name in names if name in known), None)
        for names in (_FEATURES, _VALUES, tuple(name.casefold() for name in requests))
    )
    if feature is None or value is None or request is None or columns[feature] != "VARCHAR":
        return ""
    of, what, ident = identifier(feature), identifier(value), identifier(request)
    asked = (
        f"select {of}, count(*), count(distinct {ident}), count({what}), count(try_cast({what}::varchar as double))"  # noqa: S608
        f" from log where {of} is not null and {ident} is not null group by 1 order by 1 limit {MOST_FEATURES + 1}"
    )
    found = connection.execute(asked).fetchall()
    whole = connection.execute(f"select count({ident}), count(distinct {ident}) from log").fetchall()  # noqa: S608
    if whole[0][0] < 1.5 * whole[0][1]:  # a row a request, whatever its columns are called
        return ""
    # Of one request a feature stands once, or the column is not what it is taken for.
    if not 2 <= len(found) <= MOST_FEATURES or any(rows > 1.1 * distinct for _, rows, distinct, *_ in found):
        return ""
    beside = [f"any_value({identifier(n)}) as {identifier(n)}" for n in columns if n not in (feature, value, request)]
    parts = [
        f"any_value({f'try_cast({what}::varchar as double)' if there == numbers else f'{what}::varchar'})"
        f" filter ({of} = {literal(name)}) as {identifier(str(name))}"
        for name, _, _, there, numbers in found
        if str(name) not in columns
    ]
    return f"select {ident}, {', '.join([*beside, *parts])} from log where {ident} is not null group by 1"  # noqa: S608
