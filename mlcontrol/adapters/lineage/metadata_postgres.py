"""ML Metadata in PostgreSQL: a session that may only read, reached only where its address says."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from mlcontrol.adapters.database_address import NO_PASSFILE, database_address, libpq_options
from mlcontrol.adapters.lineage.line_cut import LineCut, cut_after
from mlcontrol.adapters.lineage.metadata_database import WRITE, Ask, late, no_store
from mlcontrol.adapters.plain_text import sentence
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import SecretReader
from mlcontrol.ports.errors import AdapterError, Denied, NotFound, TimedOut, Unexpected, Unreachable

READ_ONLY = "-c default_transaction_read_only=on"
_BOUNDS = "-c statement_timeout={ms}"
SHORTEST_CONNECT_S = 2
"""The driver's own: a shorter deadline lets it be late by as much."""
_DENIED = ("authentication failed", "no password supplied", "pg_hba.conf", "permission denied", 'role "')
"""Words of a server that is being connected to: what it says then comes without a code."""
_SAYS_HOW = ("ssl", "channel_binding", "gssencmode", "application_name")


class PostgresMetadata:
    """``url``: ``postgresql://user@host:5432/database``, with ``sslmode`` and the like; a CA file means ``verify-full``."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self._settings, self._secret = settings, secret
        self._name = settings.id
        self._where = database_address(settings.url, {"postgresql": 5432}, _SAYS_HOW, WRITE)

    @contextmanager
    def reading(self, deadline_s: float) -> Iterator[Ask]:
        ends = time.monotonic() + deadline_s
        with self._in_words():
            connection = self._connect(ends)
        with closing(connection), cut_after(ends - time.monotonic(), connection.fileno()) as cut:

            def ask(question: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
                with self._in_words(cut):
                    return connection.execute(question.replace("?", "%s").encode(), values).fetchall()

            yield ask

    @contextmanager
    def _in_words(self, cut: LineCut | None = None) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            if cut is not None and cut.late:
                raise late(self._name, "The database is slow or does not answer.") from error
            raise self._failure(error) from error

    def _connect(self, ends: float) -> psycopg.Connection:
        settings, where = self._settings, self._where
        password = settings.auth != "none" and self._secret()
        found = where.numbers(ends - time.monotonic())
        how: dict[str, Any] = dict(libpq_options(where, settings.ca_file))
        left = max(0.001, ends - time.monotonic())
        return psycopg.connect(
            **how,
            host=",".join([where.host] * len(found)),  # the name, for the certificate
            hostaddr=",".join(found),
            port=where.port,
            dbname=where.database,
            user=settings.username or where.username or None,
            password=password or None,
            passfile=NO_PASSFILE,
            connect_timeout=max(SHORTEST_CONNECT_S, int(left / len(found))),
            options=f"{READ_ONLY} {_BOUNDS.format(ms=max(1, round(1000 * left)))}",
            autocommit=True,
            prepare_threshold=None,
        )

    def _failure(self, error: psycopg.Error) -> AdapterError:
        text = str(error).strip()
        words, low = sentence(text.splitlines()[0] if text else type(error).__name__), text.lower()
        state = error.sqlstate or ""
        name, where = self._name, f"Database {self._where.database} on {self._where.host}"
        if isinstance(error, psycopg.errors.ConnectionTimeout):
            then = "Check the address, and that the database is not overloaded."
            return TimedOut(Problem(f"'{name}' does not answer.", words, then, "timeout"))
        if state == "57014":
            return late(name, "The database is busy.")
        if state == "42P01":
            return no_store(where, words)
        if state.startswith("28") or state == "42501" or (not state and any(said in low for said in _DENIED)):
            then = "Check user name, secret and the right to read the tables."
            return Denied(Problem(f"'{name}' does not let us in.", words, then, "denied"))
        if state == "3D000" or (not state and "does not exist" in low):
            return NotFound(Problem(f"{where} is not there.", words, "Check the address.", "not-found"))
        if state.startswith(("57P", "08")) or (isinstance(error, psycopg.OperationalError) and not state):
            then = "Check the address, and that the database runs."
            return Unreachable(Problem(f"'{name}' cannot be reached.", words, then, "unreachable"))
        return Unexpected(Problem(f"'{name}' answers with an error.", words, "Check its tables.", "unexpected"))
