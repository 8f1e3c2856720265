"""Foreign words inside SQL, where no parameter can stand: paths of table functions, names of columns."""

from __future__ import annotations

from mlcontrol.ports.serving import OWN_QUESTIONS


def literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


OF_CALLERS = f"not starts_with(request_id::varchar, {literal(OWN_QUESTIONS)})"
"""Of a row of a log: the panel did not ask it itself."""


ONCE = "qualify row_number() over (partition by request_id, version order by at_s desc) = 1"
"""Whoever logs a request twice was answered once: its last row counts."""


EARLY_S = 3600.0
"""Labels and reactions dated so long before their answers are still found: clocks differ, and a batch is dated to its start."""


def word(value: str) -> str:
    """SQL for what a logged value says, of its JSON: without its batch of one ([[7]], [7] and "7" are 7), truth values in small
    letters. Null for what is no single value: a list, null, a number that is none."""
    bare = f"trim({value}::varchar, '[]')"
    alone = f"case when json_valid({bare}) then json_extract_string({bare}, '$') end"
    plain = f"case when json_type({value}) = 'ARRAY' then {alone} else json_extract_string({value}, '$') end"
    none, great = "'NaN', 'Infinity', '-Infinity'", "'True', 'False', 'TRUE', 'FALSE'"
    return f"case when {plain} in ({great}) then lower({plain}) when {plain} not in ({none}) then {plain} end"


def same(one: str, other: str) -> str:
    """SQL: two words name one class: alike, or as numbers; a truth value is 1 or 0 beside numbers."""
    return f"({one} = {other} or {_number(one)} = {_number(other)})"


def _number(text: str) -> str:
    return f"try_cast(case {text} when 'true' then '1' when 'false' then '0' else {text} end as double)"


def one_label_each(rows: str) -> str:
    """SQL for the labels of requests: the one that came last. Null where those that came last say different things: nobody knows
    which is right. ``rows``: a relation with ``request_id, label, at_s`` (null where the log has no times)."""
    said = word("label")
    return (
        "select request_id, case when arg_max(least_said, at_s) = arg_max(most_said, at_s) then arg_max(label, at_s) end"  # noqa: S608
        " as label, min(least_said) <> max(most_said) as contradicted from ("
        "select request_id, at_s, any_value(label) as label, min(said) as least_said, max(said) as most_said from ("
        "select request_id, label, coalesce(at_s, -1e18) as at_s,"
        f" coalesce({_number(said)}::varchar, {said}, label::varchar) as said"
        f" from {rows} where json_type(label) <> 'NULL') group by 1, 2) group by 1"
    )
