"""Foreign words inside SQL, where no parameter can stand: paths of table functions, names of columns."""

from __future__ import annotations

from mlcontrol.ports.serving import OWN_QUESTIONS


def literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


OF_CALLERS = f"not starts_with(request_id::varchar, {literal(OWN_QUESTIONS)})"
"""Of a row of a log: the panel did not ask it itself."""
