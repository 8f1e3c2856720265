"""What the databases that ML Metadata is kept in have in common: how they are asked, and what goes wrong in the ports' words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from mlcontrol.core.problem import Problem
from mlcontrol.ports.errors import TimedOut, Unexpected

WRITE = "Write sqlite:////path/metadata.db, mysql://host:3306/database or postgresql://host:5432/database."

Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""All rows of a question whose values are marked by ``?``; it bounds their number itself. Raises errors of the ports."""


class MetadataDatabase(Protocol):
    """*Thread:* any; each reading has a connection of its own."""

    def reading(self, deadline_s: float) -> AbstractContextManager[Ask]:
        """A connection that can write nothing, holds no transaction between two questions, and ends at the deadline."""
        ...


def late(name: str, why: str) -> TimedOut:
    what = f"'{name}' was not read in time."
    return TimedOut(Problem(what, why, "It is tried again when you look again.", "timeout"))


def no_store(where: str, words: str) -> Unexpected:
    what = f"{where} is no ML Metadata store."
    return Unexpected(Problem(what, words, "Check the address.", "unexpected"))
