"""How operations have ended since this engine began, for its own metrics."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from mlcontrol.core.operation import Operation

REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Completed:
    """``seconds``: of all of them together. The versions and the time (UTC seconds) are those of the newest."""

    count: int
    seconds: float
    from_version: str | None
    to_version: str
    at_s: float


class Completions:
    """Counts each operation once, at its end, by service, kind and outcome. The fleet's state keeps the newest 50 alone, so a count
    of those would fall. ``since_s``: what ended earlier (UTC seconds) belongs to another engine. *Thread:* any."""

    def __init__(self, since_s: float) -> None:
        self._since_s = since_s
        self._lock = threading.Lock()
        self._counted: OrderedDict[str, None] = OrderedDict()
        self._by: dict[tuple[str, str, str], Completed] = {}

    def note(self, operation: Operation) -> None:
        ended_s = operation.ended_s
        if not operation.phase.ended or ended_s is None or ended_s < self._since_s:
            return
        with self._lock:
            if operation.id in self._counted:
                return
            self._counted[operation.id] = None
            if len(self._counted) > REMEMBERED:
                self._counted.popitem(last=False)
            key = operation.service, operation.kind.value, operation.phase.value
            known = self._by.get(key)
            took_s = max(0.0, ended_s - operation.started_s)
            self._by[key] = Completed(
                1 + (known.count if known else 0),
                took_s + (known.seconds if known else 0.0),
                operation.from_version,
                operation.to_version,
                ended_s,
            )

    def all(self) -> dict[tuple[str, str, str], Completed]:
        """By (service, kind, outcome)."""
        with self._lock:
            return dict(self._by)
