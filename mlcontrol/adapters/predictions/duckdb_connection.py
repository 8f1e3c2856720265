"""A DuckDB connection as every reader of prediction files opens it: bounded memory, UTC, an end in time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


@contextmanager
def in_memory(deadline_s: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own to no file. After ``deadline_s`` its question ends with `duckdb.InterruptException`.

    *Thread:* any.
    """
    import duckdb

    connection = duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
    timer = None
    if deadline_s is not None:
        timer = threading.Timer(deadline_s, connection.interrupt)
        timer.daemon = True
        timer.start()
    try:
        # Logged times are UTC; the machine's own zone must not shift them.
        connection.execute("set timezone = 'UTC'")
        yield connection
    finally:
        if timer is not None:
            timer.cancel()
            timer.join()
        connection.close()
