"""ML Metadata in a SQLite file, opened read only; the pipeline's own writer is never kept waiting."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from mlcontrol.adapters.lineage.metadata_database import WRITE, Ask, late, no_store
from mlcontrol.adapters.plain_text import sentence
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.errors import AdapterError, NotFound, Rejected, Unexpected

BUSY_S = 2.0
_STEPS = 20_000


class SqliteMetadata:
    """``url``: ``sqlite:////file``."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._name = settings.id
        head, _, path = settings.url.partition("sqlite:///")
        if head or not path.startswith("/"):
            what = f"{settings.url[:80]!r} is no address of an ML Metadata store that is read here."
            raise Rejected(Problem(what, "", WRITE, "rejected"))
        self._path = Path(unquote(path))

    @contextmanager
    def reading(self, deadline_s: float) -> Iterator[Ask]:
        ends = time.monotonic() + deadline_s
        if not self._path.is_file():
            what = f"There is no file {self._path}."
            raise NotFound(Problem(what, "", "Check the address of the ML Metadata store.", "not-found"))
        address = f"file:{quote(str(self._path.resolve()))}?mode=ro"
        wait_s = max(0.001, min(BUSY_S, deadline_s))
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=wait_s)) as connection:
                connection.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)

                def ask(question: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
                    if time.monotonic() > ends:
                        raise late(self._name, "The disk is slow.")
                    return connection.execute(question, tuple(values)).fetchall()

                yield ask
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> AdapterError:
        words = str(error)
        if "interrupted" in words or "locked" in words:
            return late(self._name, "A pipeline is writing to it, or the disk is slow.")
        if "no such table" in words or "not a database" in words:
            return no_store(self._path.name, sentence(words))
        return Unexpected(Problem(f"'{self._name}' cannot be read.", sentence(words), "Check its file.", "unexpected"))
