"""What is known of every service and connection. Pollers write in it, the assembly reads it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from mlcontrol.core.facts import ServiceFacts
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Stamp

Notice = Callable[[str, ServiceFacts, ServiceFacts], None]


@dataclass(frozen=True, slots=True)
class Contact:
    """The newest answer of a connection and the newest failure since."""

    at: Stamp | None = None
    latency_ms: float | None = None
    server: str = ""
    failed: Problem | None = None
    failed_at: Stamp | None = None


class FactBook:
    """*Thread:* any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._facts: dict[str, ServiceFacts] = {}
        self._contacts: dict[str, Contact] = {}

    def facts(self, service: str) -> ServiceFacts:
        with self._lock:
            return self._facts.get(service, ServiceFacts())

    def update(self, service: str, change: Callable[[ServiceFacts], ServiceFacts]) -> tuple[ServiceFacts, ServiceFacts]:
        """Replace the facts of a service; returns (before, after)."""
        with self._lock:
            before = self._facts.get(service, ServiceFacts())
            after = change(before)
            self._facts[service] = after
            return before, after

    def contact(self, connection: str) -> Contact:
        with self._lock:
            return self._contacts.get(connection, Contact())

    def answered(self, connection: str, at: Stamp, latency_ms: float | None, server: str = "") -> None:
        with self._lock:
            known = self._contacts.get(connection, Contact())
            if known.at is not None and known.at.seq > at.seq:
                return
            still_failing = known.failed_at is not None and known.failed_at.seq > at.seq
            self._contacts[connection] = Contact(
                at,
                latency_ms if latency_ms is not None else known.latency_ms,
                server or known.server,
                known.failed if still_failing else None,
                known.failed_at if still_failing else None,
            )

    def failed(self, connection: str, at: Stamp, problem: Problem) -> None:
        with self._lock:
            known = self._contacts.get(connection, Contact())
            newest = max(s.seq if s is not None else -1 for s in (known.at, known.failed_at))
            if newest > at.seq:
                return
            self._contacts[connection] = replace(known, failed=problem, failed_at=at)

    def forget_connection(self, connection: str) -> None:
        with self._lock:
            self._contacts.pop(connection, None)

    def forget_service(self, service: str) -> None:
        with self._lock:
            self._facts.pop(service, None)
