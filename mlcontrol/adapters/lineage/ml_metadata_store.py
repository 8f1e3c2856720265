"""The tables of ML Metadata in a SQLite file, read only: short questions, each on a connection of its own, none of which keeps the
pipeline's own writer waiting. Schema versions 9 and 10 (ml-metadata 1.13 to 1.17)."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from mlcontrol.adapters.plain_text import plain, sentence
from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import AdapterError, NotFound, Rejected, TimedOut, Unexpected

KNOWN_SCHEMAS = (9, 10)
BUSY_S = 2.0
MOST_ROWS = 5_000
_STEPS = 20_000
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


class MetadataFile:
    """``url``: ``sqlite:////file``. Errors are those of the ports. *Thread:* any."""

    def __init__(self, name: str, url: str) -> None:
        self._name = name
        head, _, path = url.partition("sqlite:///")
        if head or not path.startswith("/"):
            what = f"{url[:80]!r} is no address of an ML Metadata store that is read here."
            raise Rejected(Problem(what, "", "Write sqlite:////path/metadata.db.", "rejected"))
        self._path = Path(unquote(path))

    def schema(self, deadline_s: float) -> int:
        rows = self.ask("select schema_version from MLMDEnv", (), deadline_s)
        version = int(rows[0][0]) if rows else 0
        if version not in KNOWN_SCHEMAS:
            what = f"'{self._name}' has a schema that is not known here."
            why = f"It is version {version}; {' and '.join(map(str, KNOWN_SCHEMAS))} are read."
            raise Unexpected(Problem(what, why, "Look for a newer version of this program.", "unexpected"))
        return version

    def ask(self, question: str, values: Iterable[Any], deadline_s: float) -> list[tuple[Any, ...]]:
        ends = time.monotonic() + deadline_s
        if not self._path.is_file():
            what = f"There is no file {self._path}."
            raise NotFound(Problem(what, "", "Check the address of the ML Metadata store.", "not-found"))
        try:
            address = f"file:{quote(str(self._path.resolve()))}?mode=ro"
            with closing(sqlite3.connect(address, uri=True, timeout=max(0.001, min(BUSY_S, deadline_s)))) as connection:
                connection.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
                rows = connection.execute(question, tuple(values)).fetchmany(MOST_ROWS + 1)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        if len(rows) > MOST_ROWS:
            what, why = f"'{self._name}' has too much to tell.", f"More than {MOST_ROWS:,} rows belong to one question."
            raise Unexpected(Problem(what, why, "", "too-large"))
        return rows

    def artifacts(self, ids: Iterable[int], deadline_s: float) -> dict[int, Node]:
        return self._nodes("Artifact", ids, "coalesce(n.uri, ''), 0", deadline_s)

    def executions(self, ids: Iterable[int], deadline_s: float) -> dict[int, Node]:
        return self._nodes("Execution", ids, "'', coalesce(n.last_known_state, 0)", deadline_s)

    def events(
        self, column: str, ids: Iterable[int], types: tuple[int, ...], deadline_s: float
    ) -> list[tuple[int, int]]:
        """(artifact, execution) of all events with one of these artifacts ("artifact_id") or executions ("execution_id")."""
        wanted = sorted(set(ids))
        if not wanted:
            return []
        question = f"select artifact_id, execution_id from Event where type in ({_marks(types)}) and {column} in ({_marks(wanted)})"  # noqa: S608
        return [(int(a), int(e)) for a, e in self.ask(question, (*types, *wanted), deadline_s)]

    def run_of(self, execution: int, deadline_s: float) -> str:
        """Name of the pipeline's run that an execution belongs to."""
        question = (
            "select c.name from Association s join Context c on c.id = s.context_id join Type t on t.id = c.type_id"
            " where s.execution_id = ? order by t.name in ('pipeline_run', 'system.PipelineRun') desc, c.id limit 1"
        )
        rows = self.ask(question, (execution,), deadline_s)
        return plain(str(rows[0][0]), 60) if rows else ""

    def _nodes(self, table: str, ids: Iterable[int], more: str, deadline_s: float) -> dict[int, Node]:
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        ends, marks = time.monotonic() + deadline_s, _marks(wanted)
        question = (
            f"select n.id, t.name, coalesce(n.name, ''), {more}, n.create_time_since_epoch, n.last_update_time_since_epoch"  # noqa: S608
            f" from {table} n join Type t on t.id = n.type_id where n.id in ({marks})"
        )
        rows = self.ask(question, wanted, deadline_s)
        owner = f"{table.lower()}_id"
        value = "coalesce(string_value, double_value, int_value)"
        asked = f"select {owner}, name, {value} from {table}Property where {owner} in ({marks})"  # noqa: S608
        found = {
            int(row[0]): Node(
                int(row[0]), plain(str(row[1]), 120), plain(str(row[2]), 120), plain(str(row[3]), 300), int(row[4]),
                _seconds(row[5]), _seconds(row[6]), {},
            )
            for row in rows
        }  # fmt: skip
        for node, name, value in self.ask(asked, wanted, max(0.001, ends - time.monotonic())):
            if value is not None and int(node) in found:
                found[int(node)].properties[str(name)] = value if isinstance(value, int | float) else str(value)[:2000]
        return found

    def _failure(self, error: sqlite3.Error) -> AdapterError:
        words = str(error)
        if "interrupted" in words or "locked" in words:
            what, why = f"'{self._name}' was not read in time.", "A pipeline is writing to it, or the disk is slow."
            return TimedOut(Problem(what, why, "It is tried again when you look again.", "timeout"))
        if "no such table" in words or "not a database" in words:
            what = f"{self._path.name} is no ML Metadata store."
            return Unexpected(Problem(what, sentence(words), "Check the address.", "unexpected"))
        return Unexpected(Problem(f"'{self._name}' cannot be read.", sentence(words), "Check its file.", "unexpected"))


def _marks(values: Iterable[Any]) -> str:
    return ", ".join("?" for _ in values)


def _seconds(milliseconds: Any) -> float | None:
    return float(milliseconds) / 1000 if isinstance(milliseconds, int | float) and milliseconds > 0 else None
