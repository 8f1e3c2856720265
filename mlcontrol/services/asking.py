"""One question to one connection: stamped when it is asked, timed, its answer or failure noted for the connection."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from mlcontrol.core.facts import ServiceFacts
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Stamp
from mlcontrol.ports.errors import (
    AdapterError,
    Busy,
    Denied,
    MovedInside,
    NeedsCredentials,
    NotFound,
    NotSupported,
    Rejected,
    ServerFailed,
    TimedOut,
    Unexpected,
    Unreachable,
)
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.fact_book import FactBook

MOVED = "moved-inside"
_CODES: dict[type[AdapterError], str] = {
    MovedInside: MOVED,
    Unreachable: "unreachable",
    TimedOut: "timeout",
    Denied: "denied",
    NotFound: "not-found",
    Busy: "busy",
    Rejected: "rejected",
    Unexpected: "unexpected",
    ServerFailed: "server-failed",
    NeedsCredentials: "needs-credentials",
    NotSupported: "not-supported",
}


def coded(error: AdapterError) -> Problem:
    """The error's problem with the code of its class: what facts are judged by."""
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), error.problem.code)
    return replace(error.problem, code=code)


Noticed = Callable[[str, ServiceFacts, ServiceFacts], None]


class OwnQueries:
    """How many queries the panel itself has asked, by serving model and version that answered. *Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, model: str, version: str | None) -> None:
        with self._lock:
            self._counts[model, version or ""] += 1

    def total(self, model: str, version: str) -> int:
        with self._lock:
            return self._counts[model, version]


class PollCounts:
    """How many questions were answered, by connection, and how many were not, by connection and code. *Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered: Counter[str] = Counter()
        self._failed: Counter[tuple[str, str]] = Counter()

    def answered(self, connection: str) -> None:
        with self._lock:
            self._answered[connection] += 1

    def failed(self, connection: str, code: str) -> None:
        with self._lock:
            self._failed[connection, code] += 1

    def all(self) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
        with self._lock:
            return dict(self._answered), dict(self._failed)


@dataclass(frozen=True, slots=True)
class Asking:
    """What every collecting function needs. ``noticed(service, before, after)`` is told of each change of facts.
    ``ending`` is set when the collector ends: who asks many questions in a row looks at it."""

    ctx: ServiceContext
    book: FactBook
    noticed: Noticed
    ending: threading.Event = field(default_factory=threading.Event)
    polls: PollCounts = field(default_factory=PollCounts)

    @contextmanager
    def of(self, connection: str, question: Stamp | None = None, *, only_one: bool = False) -> Iterator[Stamp]:
        """Ask; the stamp is taken before the question, so that an answer that comes late is known to be old.
        ``question``: when it was asked, where its answer comes by another way. ``only_one``: the connection is for this question
        alone, and a no to it leaves nothing that it is good for."""
        question = question or self.ctx.clock.stamp()
        try:
            yield question
        except AdapterError as error:
            if isinstance(error, NotFound | Rejected) and not only_one:
                # The server has answered, if only with a no.
                self._answered(connection, question)
                raise
            problem = coded(error)
            self.book.failed(connection, question, problem)
            self.polls.failed(connection, problem.code)
            raise
        else:
            self._answered(connection, question)

    def _answered(self, connection: str, question: Stamp) -> None:
        took_ms = (self.ctx.clock.mono_s() - question.mono_s) * 1000
        self.book.answered(connection, question, took_ms)
        self.polls.answered(connection)

    def note(self, service: str, change: Callable[[ServiceFacts], ServiceFacts]) -> None:
        before, after = self.book.update(service, change)
        self.noticed(service, before, after)
