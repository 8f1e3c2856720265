"""A DuckDB connection as every reader of prediction files opens it: bounded memory, UTC, an end in time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


AGAIN_S = 0.02


@contextmanager
def interrupted_after(deadline_s: float | None, interrupt: Callable[[], object]) -> Iterator[None]:
    """From ``deadline_s`` on ``interrupt`` is called until the block ends: once, between two statements, would end nothing, and the
    next one would run as long as it likes. `None`: never."""
    if deadline_s is None:
        yield
        return
    done = threading.Event()

    def end() -> None:
        if not done.wait(deadline_s):
            interrupt()
            while not done.wait(AGAIN_S):
                interrupt()

    thread = threading.Thread(target=end, name="deadline of a question", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class Database:
    """One database without a file for all the questions of a reader: opening one costs as much as a question.

    *Thread:* any; each question has a connection of its own, with views of its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._root: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def connection(self, deadline_s: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """After ``deadline_s`` its question ends with `duckdb.InterruptException`."""
        connection = self._cursor()
        try:
            with interrupted_after(deadline_s, connection.interrupt):
                # Logged times are UTC; the machine's own zone must not shift them.
                connection.execute("set timezone = 'UTC'")
                yield connection
        finally:
            connection.close()

    def close(self) -> None:
        """Questions that still run end by themselves; the next one opens it again."""
        with self._lock:
            root, self._root = self._root, None
        if root is not None:
            root.close()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        with self._lock:
            if self._root is None:
                self._root = duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
            return self._root.cursor()


@contextmanager
def in_memory(deadline_s: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a database of its own, for a single question. *Thread:* any."""
    database = Database()
    try:
        with database.connection(deadline_s) as connection:
            yield connection
    finally:
        database.close()
