"""Prediction logs in a SQL table: PostgreSQL or a SQLite file, read only, page by page; asked like any other log, by DuckDB.

What was fetched is kept in memory for the questions that follow, the newest rows of it: at each question only what is new is read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import duckdb
import sqlalchemy as sa

from mlcontrol.adapters.plain_text import sentence
from mlcontrol.adapters.predictions.duckdb_connection import interrupted_after
from mlcontrol.adapters.predictions.questions import LogQuestions
from mlcontrol.adapters.predictions.sql_address import engine_of
from mlcontrol.adapters.predictions.sql_feed import Feed, Shape
from mlcontrol.adapters.predictions.sql_text import EARLY_S, OF_CALLERS, literal, one_label_each
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import Reachability, SecretReader, Viability
from mlcontrol.ports.errors import AdapterError, Denied, NotFound, Rejected, TimedOut, Unexpected, Unreachable

MOST_ROWS = 500_000
_LOG = ("request_id", "time", "service", "version", "inputs", "outputs", "slices", "status", "error", "latency_ms")
_FEEDS = {
    "log": (_LOG, ("request_id", "time", "outputs")),
    "labels": (("request_id", "time", "service", "label"), ("request_id", "time", "label")),
    "feedback": (("request_id", "time", "service", "kind", "value"), ("request_id", "time", "kind", "value")),
}
_TYPES = {"at_s": "double", "status": "integer", "latency_ms": "double"} | dict.fromkeys(
    ("inputs", "outputs", "slices", "label", "value"), "json"
)


class SqlTableLog(LogQuestions):
    """``url``: ``postgresql+psycopg://host/database`` (``username`` and secret are the connection's) or ``sqlite:////file``.

    ``options.table``: the predictions; ``options.labels``, ``options.feedback``: tables with what came later, each with a time.
    Columns are named as in a JSON Lines log; ``options.columns`` renames them (``time=created_at, version=model_version``).
    ``options.order``: the column of ``table`` that only grows (default: its time). Without a column ``service`` all rows are every
    service's.
    Of more than `MOST_ROWS` the newest are known; what asks for more is an error.

    *Thread:* any; questions are answered one after the other.
    """

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        self._secret = secret
        self._lock = threading.Lock()
        self._engine: sa.Engine | None = None
        self._cache: duckdb.DuckDBPyConnection | None = None
        renamed = dict(_pair(part) for part in settings.options.get("columns", "").split(",") if "=" in part)
        self._feeds: dict[str, Feed] = {}
        for name, (columns, needed) in _FEEDS.items():
            if table := settings.options.get("table" if name == "log" else name, ""):
                order = settings.options.get("order", "") if name == "log" else ""
                shape = Shape(table, {column: renamed.get(column, column) for column in columns}, needed, order)
                self._feeds[name] = Feed(shape, MOST_ROWS)

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        """Looks at the tables that are named; their rows are not read."""
        if "log" not in self._feeds:
            raise Rejected(
                Problem("The connection names no table.", "", "Name the table of the predictions.", "not-configured")
            )
        started = time.monotonic()
        with self._lock, self._reading(deadline_s) as connection:
            seen = [f"{name}: {', '.join(feed.names(connection))}" for name, feed in self._feeds.items()]
            version = ".".join(str(part) for part in connection.dialect.server_version_info or ()) or _sqlite_version(
                connection
            )
            name = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}[connection.dialect.name]
        return Reachability(f"{name} {version}", 1000 * (time.monotonic() - started), "; ".join(seen))

    def malformed(self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0) -> int:  # noqa: ARG002
        """None: rows of a table have the columns that it has, and one without a time is in no span."""
        return 0

    def close(self) -> None:
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
            if self._cache is not None:
                self._cache.close()
            self._engine = self._cache = None

    def _ask(
        self,
        service: str,
        since_s: float,
        until_s: float,
        deadline_s: float,
        question: str,
        values: dict[str, Any] | None = None,
        labels: bool = False,
        feedback: bool = False,
    ) -> list[tuple[Any, ...]]:
        ends = time.monotonic() + deadline_s
        wanted = ["log"] + (["labels"] if labels else []) + (["feedback"] if feedback else [])
        if feedback and "feedback" not in self._feeds:
            return []
        with self._lock:
            cache = self._cache_of()
            with self._reading(deadline_s) as connection:
                for name in wanted:
                    if name in self._feeds:
                        self._pull(cache, name, connection, since_s - (EARLY_S if name != "log" else 0.0), ends)
            self._require_whole(wanted, since_s)
            try:
                span = f"at_s >= {float(since_s)!r} and at_s < {float(until_s)!r}"
                mine = f"(service is null or service = {literal(service)})"
                objects = ", ".join(
                    f"coalesce({name}, '{{}}'::json) as {name}" for name in ("inputs", "outputs", "slices")
                )
                rows = f"select * replace ({objects}) from all_log where {span} and {mine}"  # noqa: S608
                cache.execute(f"create or replace temp view log as {rows}")
                of_labels = one_label_each(f"(select * from all_labels where {mine})")  # noqa: S608
                cache.execute(f"create or replace temp view labels as {of_labels}")
                cache.execute(f"create or replace temp view feedback as select * from all_feedback where {mine}")  # noqa: S608
                used = {key: value for key, value in (values or {}).items() if f"${key}" in question}
                with interrupted_after(max(0.001, ends - time.monotonic()), cache.interrupt):
                    return cache.execute(question, used).fetchall()
            except duckdb.InterruptException as error:
                raise self._late() from error
            except duckdb.Error as error:
                what = f"The prediction log of {service} cannot be read."
                raise Unexpected(
                    Problem(what, sentence(str(error).splitlines()[0]), "Look at its newest rows.")
                ) from error

    def _require_whole(self, wanted: list[str], since_s: float) -> None:
        """An answer of the newest part alone would look like one of the whole span."""
        for name in wanted:
            feed = self._feeds.get(name)
            if feed is not None and feed.full and since_s < feed.since_s:
                kept = datetime.fromtimestamp(feed.since_s, UTC).strftime("%d %b %H:%M UTC")
                what = f"'{self.settings.id}' is not known for the whole span."
                why = f"Of its {name} the newest {MOST_ROWS:,} rows are kept, from {kept} on."
                raise Unexpected(Problem(what, why, "Ask for a shorter span.", "too-large"))

    def _cache_of(self) -> duckdb.DuckDBPyConnection:
        if self._cache is None:
            self._cache = duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
            self._cache.execute("set timezone = 'UTC'")
            for name, (columns, _) in _FEEDS.items():
                listed = ", ".join(f'"{column}" {_TYPES.get(column, "varchar")}' for column in _kept(columns))
                self._cache.execute(f"create table all_{name}({listed})")
        return self._cache

    def _pull(
        self, cache: duckdb.DuckDBPyConnection, name: str, connection: sa.Connection, since_s: float, ends: float
    ) -> None:
        import pandas as pd

        columns = _kept(_FEEDS[name][0])
        feed = self._feeds[name]
        for rows in feed.pages(connection, since_s):
            page = pd.DataFrame(rows, columns=list(columns), dtype=object)
            cache.register("page", page)
            picked = ", ".join(f'"{c}"::{_TYPES.get(c, "varchar")}' for c in columns)
            # What came later is beside what came earlier, whichever is read first.
            again_by = {
                "log": ("request_id", "version"),
                "labels": ("request_id", "at_s"),
                "feedback": ("request_id", "kind", "at_s"),
            }[name]
            again = " and ".join(f"all_{name}.{column} is not distinct from page.{column}" for column in again_by)
            cache.execute(f"delete from all_{name} using page where {again}")  # noqa: S608
            kept = f"request_id is not null and {OF_CALLERS}"
            cache.execute(f"insert into all_{name} select {picked} from page where {kept}")  # noqa: S608
            cache.unregister("page")
            if time.monotonic() > ends:
                raise self._late()
        [(count,)] = cache.execute(f"select count(*) from all_{name}").fetchall()  # noqa: S608
        if count > MOST_ROWS:
            newest = f"select at_s from all_{name} order by at_s desc limit 1 offset {MOST_ROWS}"  # noqa: S608
            [(oldest,)] = cache.execute(newest).fetchall()
            cache.execute(f"delete from all_{name} where at_s <= ?", [oldest])  # noqa: S608
            feed.since_s, feed.full = float(oldest), True

    @contextmanager
    def _reading(self, deadline_s: float) -> Iterator[sa.Connection]:
        """One read-only transaction, ended at the deadline; what goes wrong as errors of the ports."""
        try:
            with self._engine_of().connect() as connection:
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql(f"set local statement_timeout = {max(1, round(1000 * deadline_s))}")
                    yield connection
                    return
                raw: Any = connection.connection.dbapi_connection
                with interrupted_after(deadline_s, raw.interrupt):
                    yield connection
        except AdapterError:
            raise
        except sa.exc.NoSuchTableError as error:
            what = f"The database has no table {error}."
            raise NotFound(Problem(what, "", "Check the connection's tables.", "not-found")) from error
        except sa.exc.SQLAlchemyError as error:
            raise self._failure(error) from error

    def _engine_of(self) -> sa.Engine:
        if self._engine is None:
            self._engine = engine_of(self.settings, self._secret)
        return self._engine

    def _late(self) -> TimedOut:
        what = f"'{self.settings.id}' was not read in time."
        why = "The table is large and its time column has no index, or the server is busy."
        return TimedOut(Problem(what, why, "Add an index on the time column; it is tried again.", "timeout"))

    def _failure(self, error: sa.exc.SQLAlchemyError) -> AdapterError:
        cause = getattr(error, "orig", None) or error
        words, state = sentence(str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__), ""
        state = str(getattr(cause, "sqlstate", None) or "")
        low = str(cause).lower()
        if "timeout expired" in low:
            what = f"'{self.settings.id}' does not answer."
            return TimedOut(
                Problem(what, words, "Check the address, and that the database is not overloaded.", "timeout")
            )
        if state == "57014" or "interrupted" in low:
            return self._late()
        if (
            state.startswith("28")
            or "password authentication failed" in low
            or "no password supplied" in low
            or state == "42501"
        ):
            what = f"'{self.settings.id}' does not let us in."
            return Denied(Problem(what, words, "Check user name, secret and the right to read the tables.", "denied"))
        if isinstance(error, sa.exc.OperationalError) and not state:
            what = f"'{self.settings.id}' cannot be reached."
            return Unreachable(Problem(what, words, "Check the address, and that the database runs.", "unreachable"))
        return Unexpected(
            Problem(f"'{self.settings.id}' answers with an error.", words, "Check its tables.", "unexpected")
        )


def _pair(part: str) -> tuple[str, str]:
    ours, _, theirs = part.partition("=")
    return ours.strip(), theirs.strip()


def _kept(columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("at_s" if column == "time" else column for column in columns)


def _sqlite_version(connection: sa.Connection) -> str:
    return str(connection.exec_driver_sql("select sqlite_version()").scalar())
