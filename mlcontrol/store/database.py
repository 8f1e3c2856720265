"""Opens a database: SQLite that survives a power cut, or a team's PostgreSQL; refuses what it cannot trust."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.store import schema

BUSY_TIMEOUT_S = 5.0
LOG_ROOM = 4_096_000  # bytes: as long as the log grows before SQLite begins it anew (1,000 pages)
SPARE = 20  # so many times that must be free: the last of a disk is left to what has to be written


class StoreError(ProblemError):
    """The store cannot be opened, read or written; what was not acknowledged did not happen."""


class Database:
    """Connections and transactions. *Thread:* any; SQLite has one writer at a time, others wait up to five seconds."""

    def __init__(self, engine: sa.Engine, where: str) -> None:
        self._engine = engine
        self.where = where

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(store_problem(error, self.where)) from error

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction; durable when it returns. On SQLite it takes the write lock at once (no upgrade, no deadlock)."""
        try:
            with self._engine.connect() as connection:
                if self.is_sqlite:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
                connection.commit()
        except sa.exc.SQLAlchemyError as error:
            # After a failed fsync the kernel may call lost pages clean: nothing of these connections is used again.
            self._engine.dispose()
            raise StoreError(store_problem(error, self.where)) from error

    def prepared(self, statement: sa.ClauseElement) -> Prepared:
        return Prepared(statement, self._engine.dialect)

    @contextmanager
    def write_prepared(self) -> Iterator[Any]:
        """As `write`, on the driver's own cursor: for the one write that every act waits for."""
        driver_error = self._engine.dialect.loaded_dbapi.Error
        try:
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                if self.is_sqlite:
                    cursor.execute("BEGIN IMMEDIATE")
                yield cursor
                connection.commit()
            finally:
                connection.close()  # takes back what was not committed
        except (driver_error, sa.exc.SQLAlchemyError) as error:
            self._engine.dispose()  # for the reason given above
            raise StoreError(store_problem(error, self.where)) from error

    def close(self) -> None:
        self._engine.dispose()


class Prepared:
    """A statement of the tables, written out once for the database at hand; SQLAlchemy's own way costs more than a commit."""

    def __init__(self, statement: sa.ClauseElement, dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        self._text = str(compiled)
        self._order: list[str] | None = getattr(compiled, "positiontup", None)

    def run(self, cursor: Any, values: dict[str, Any] | None = None) -> None:
        """``values``: by the names of the statement's parameters."""
        if not values:
            cursor.execute(self._text)
        else:
            cursor.execute(self._text, values if self._order is None else [values[name] for name in self._order])


def open_database(url: str, base: Path) -> Database:
    """Open ``url``, SQLite paths relative to ``base``; makes the tables of a new one. Raises `StoreError`."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreError(
            Problem(
                f"{url!r} is no address of a store.", str(error), "Write sqlite:///panel.db or postgresql+psycopg://…"
            )
        ) from error
    if parsed.get_backend_name() == "sqlite":
        path = base / (parsed.database or "panel.db")
        _make_private(path)
        database = Database(_sqlite(parsed.set(database=str(path)), path), str(path))
    else:
        where = parsed.render_as_string(hide_password=True)
        database = Database(sa.create_engine(parsed, pool_pre_ping=True, connect_args={"connect_timeout": 5}), where)
    try:
        _check(database)
        if database.is_sqlite:
            _lengthen_log(database)
    except BaseException:
        database.close()
        raise
    return database


def _make_private(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        os.close(descriptor)
    except OSError as error:
        raise StoreError(
            Problem(
                f"The store {path} cannot be written.",
                error.strerror or str(error),
                "Free the disk or mend its rights; until then nothing can be changed from here.",
                code="store",
            )
        ) from error


def _sqlite(url: sa.URL, path: Path) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # Transactions are begun by hand: the driver's own begin is deferred and may fail at the first write.
        connection.isolation_level = None
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.DatabaseError as error:
            connection.close()
            raise StoreError(damaged(str(path), str(error))) from error

    return engine


def _check(database: Database) -> None:
    with database.read() as connection:
        if database.is_sqlite:
            verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if verdict != "ok":
                raise StoreError(damaged(database.where, str(verdict)))
        found = None
        if sa.inspect(connection).has_table("schema_version"):
            found = connection.execute(sa.select(schema.schema_version.c.version)).scalar()
    if found is not None and found > schema.SCHEMA_VERSION:
        raise StoreError(
            Problem(
                f"The store {database.where} was written by a newer mlcontrol.",
                f"Its schema is {found}; this program knows {schema.SCHEMA_VERSION}.",
                "Install the newer version. Nothing was changed.",
                code="store",
            )
        )
    if found is None or found < schema.SCHEMA_VERSION:
        with database.write() as connection:
            schema.make(connection)


def _lengthen_log(database: Database) -> None:
    """Write the log's pages once before they are needed: a commit that makes its file longer waits for the file system's journal
    as well, and takes twice as long. What is taken back here stays in the log as room, which SQLite knows not to read."""
    log = Path(f"{database.where}-wal")
    long_already = log.exists() and log.stat().st_size >= LOG_ROOM // 2
    if long_already or shutil.disk_usage(log.parent).free < SPARE * LOG_ROOM:
        return
    with database.read() as connection:
        run = connection.exec_driver_sql
        run("PRAGMA cache_size=16")  # what does not fit into memory goes into the log at once
        try:
            run("BEGIN IMMEDIATE")
            run("CREATE TABLE room(body BLOB)")
            run("INSERT INTO room VALUES (zeroblob(?))", (LOG_ROOM,))
        except sa.exc.DBAPIError:
            pass  # another writer, or no room after all: commits are as slow as without
        finally:
            connection.rollback()
            run("PRAGMA cache_size=-2000")


def damaged(where: str, why: str) -> Problem:
    """The problem of a file that cannot be trusted; it is never deleted."""
    return Problem(
        f"The store {where} is damaged.",
        why,
        "It is left as it is. Move it aside and restore a backup, or start with a new one; the audit head is kept apart.",
        code="store",
    )


def store_problem(error: Exception, where: str) -> Problem:
    """What an error of a database or of its disk says of the store."""
    words = str(getattr(error, "orig", None) or error).splitlines()[0][:200]
    if "malformed" in words or "not a database" in words:
        return damaged(where, words)
    hints = {
        "full": "Free space on its disk.",
        "readonly": "Make it writable.",
        "Read-only": "Make it writable.",
        "locked": "Another program holds it; wait for it or end it.",
        "connect": "See whether the database server runs.",
    }
    hint = next(
        (text for key, text in hints.items() if key in words), "See the log; what was not acknowledged did not happen."
    )
    return Problem(f"The store {where} did not take part.", words, hint, code="store")
