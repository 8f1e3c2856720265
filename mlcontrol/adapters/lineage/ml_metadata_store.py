"""The tables of ML Metadata, asked by short questions that SQLite, MySQL and PostgreSQL all understand. Schema versions 9 and 10
(ml-metadata 1.13 to 1.17)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlcontrol.adapters.lineage.metadata_database import Ask
from mlcontrol.adapters.plain_text import plain
from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import Unexpected

KNOWN_SCHEMAS = (9, 10)
MOST_ROWS = 5_000
_TEXT_CHARS = 2_000
Value = str | int | float
INPUT, OUTPUT = (2, 3, 5), (1, 4, 6)
"""Types of events: declared, real, internal."""


@dataclass(frozen=True, slots=True)
class Node:
    """An artifact or an execution. ``kind``: its type's name, ``state`` an execution's. Times are UTC seconds."""

    id: int
    kind: str
    name: str = ""
    uri: str = ""
    state: int = 0
    began_s: float | None = None
    ended_s: float | None = None
    properties: dict[str, Value] = field(default_factory=dict)


class MetadataTables:
    """One reading of a store. ``name``: the connection's. Errors are those of the ports."""

    def __init__(self, name: str, ask: Ask) -> None:
        self._name = name
        self._ask_all = ask

    def schema(self) -> int:
        rows = self._ask("select schema_version from MLMDEnv")
        version = int(rows[0][0]) if rows else 0
        if version not in KNOWN_SCHEMAS:
            what = f"'{self._name}' has a schema that is not known here."
            why = f"It is version {version}; {' and '.join(map(str, KNOWN_SCHEMAS))} are read."
            raise Unexpected(Problem(what, why, "Look for a newer version of this program.", "unexpected"))
        return version

    def count_executions(self) -> int:
        [(count,)] = self._ask("select count(*) from Execution")
        return int(count)

    def artifacts(self, ids: Iterable[int]) -> dict[int, Node]:
        return self._nodes("Artifact", ids, "n.uri, 0")

    def executions(self, ids: Iterable[int]) -> dict[int, Node]:
        return self._nodes("Execution", ids, "'', n.last_known_state")

    def artifacts_saying(self, names: Sequence[str], value: str, most: int) -> list[int]:
        """Ids of the newest artifacts with ``value``, as text or as a number, in a property of one of these names; newest first."""
        number = int(value) if value.isdecimal() and len(value) < 19 else None
        # Both kinds of properties are named because the store's indexes begin with the kind.
        question = (
            f"select artifact_id, name, {_text('string_value')}, int_value from ArtifactProperty where name in ({_marks(names)})"  # noqa: S608
            " and is_custom_property in (false, true) and (string_value = ? or int_value = ?) order by artifact_id desc"
        )
        rows = self._ask(question, (*names, value, number), most)
        # MySQL takes capitals and trailing spaces for the same; a registry does not.
        mine = [
            int(i) for i, name, text, whole in rows if name in names and (text == value or whole == number is not None)
        ]
        return list(dict.fromkeys(mine))

    def events(self, column: str, ids: Iterable[int], types: tuple[int, ...]) -> list[tuple[int, int]]:
        """(artifact, execution) of all events with one of these artifacts ("artifact_id") or executions ("execution_id")."""
        wanted = sorted(set(ids))
        if not wanted:
            return []
        question = f"select artifact_id, execution_id from Event where type in ({_marks(types)}) and {column} in ({_marks(wanted)})"  # noqa: S608
        return [(int(a), int(e)) for a, e in self._ask(question, (*types, *wanted))]

    def run_of(self, execution: int) -> str:
        """Name of the pipeline's run that an execution belongs to."""
        question = (
            "select c.name from Association s join Context c on c.id = s.context_id join Type t on t.id = c.type_id"
            " where s.execution_id = ? order by t.name in ('pipeline_run', 'system.PipelineRun') desc, c.id"
        )
        rows = self._ask(question, (execution,), 1)
        return plain(str(rows[0][0]), 60) if rows else ""

    def _nodes(self, table: str, ids: Iterable[int], more: str) -> dict[int, Node]:
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        question = (
            f"select n.id, t.name, n.name, {more}, n.create_time_since_epoch, n.last_update_time_since_epoch"  # noqa: S608
            f" from {table} n join Type t on t.id = n.type_id where n.id in ({_marks(wanted)})"
        )
        found = {
            int(row[0]): Node(
                int(row[0]), _plain(row[1], 120), _plain(row[2], 120), _plain(row[3], 300), int(row[4] or 0),
                _seconds(row[5]), _seconds(row[6]), {},
            )
            for row in self._ask(question, wanted)
        }  # fmt: skip
        owner, text = f"{table.lower()}_id", _text("string_value")
        asked = (
            f"select {owner}, name, {text}, double_value, int_value from {table}Property where {owner} in ({_marks(wanted)})"  # noqa: S608
            f" order by {owner}, name, is_custom_property"
        )
        for node, name, *values in self._ask(asked, wanted):
            value = next((one for one in values if one is not None), None)
            if value is not None and int(node) in found:
                found[int(node)].properties[str(name)] = value if isinstance(value, int | float) else str(value)
        return found

    def _ask(self, question: str, values: Sequence[Any] = (), newest: int = 0) -> list[tuple[Any, ...]]:
        """All rows, or the first ``newest`` of them; more than `MOST_ROWS` are an error and are not fetched."""
        rows = self._ask_all(f"{question} limit {newest or MOST_ROWS + 1}", values)
        if len(rows) > MOST_ROWS:
            what, why = f"'{self._name}' has too much to tell.", f"More than {MOST_ROWS:,} rows belong to one question."
            raise Unexpected(Problem(what, why, "", "too-large"))
        return rows


def _text(column: str) -> str:
    """A value may be a whole document; its beginning is enough."""
    return f"substr({column}, 1, {_TEXT_CHARS})"


def _plain(value: Any, limit: int) -> str:
    return plain(str(value), limit) if value is not None else ""


def _marks(values: Iterable[Any]) -> str:
    return ", ".join("?" for _ in values)


def _seconds(milliseconds: Any) -> float | None:
    return float(milliseconds) / 1000 if isinstance(milliseconds, int | float) and milliseconds > 0 else None
