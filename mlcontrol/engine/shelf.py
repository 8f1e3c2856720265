"""The adapters in use, one per connection; made when first asked for, kept until their settings change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ConnectionSettings, WorkspaceSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import AdapterError

Make = Callable[[ConnectionSettings], Any]


class Shelf:
    """``make``: builds an adapter without I/O; raises `ProblemError` when it cannot. *Thread:* any."""

    def __init__(self, settings: WorkspaceSettings, make: Make) -> None:
        self._settings = settings
        self._make = make
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str], tuple[ConnectionSettings, Any]] = {}

    def adopt(self, settings: WorkspaceSettings) -> None:
        """Close what is not named any more or is named otherwise; the others stay as they are."""
        with self._lock:
            self._settings = settings
            stale = [key for key, (made_of, _) in self._made.items() if settings.connections.get(key[0]) != made_of]
            closing = [self._made.pop(key)[1] for key in stale]
        for adapter in closing:
            adapter.close()

    def get(self, connection: str, kind: ConnectionKind, as_: str = "", make: Make | None = None) -> Any:
        """``as_``, ``make``: another adapter on the same connection (a client that asks through a router's front door)."""
        with self._lock:
            settings = self._settings.connections.get(connection)
            if settings is None:
                raise ProblemError(
                    Problem(
                        f"There is no connection {connection!r} in this workspace."
                        if connection
                        else f"No {kind.value} connection is named here.",
                        next="Add it on the Connections page.",
                        code="not-configured",
                    )
                )
            if settings.kind is not kind:
                raise ProblemError(
                    Problem(
                        f"{connection} is a {settings.kind.value} connection, not {kind.value}.",
                        next="Name another one in the service.",
                        code="not-configured",
                    )
                )
            known = self._made.get((connection, as_))
            if known is None:
                known = settings, _made(make or self._make, settings)
                self._made[connection, as_] = known
            return known[1]

    def made(self, connection: str) -> Any | None:
        """The connection's adapter where it was asked for already."""
        with self._lock:
            known = self._made.get((connection, ""))
            return None if known is None else known[1]

    def close(self) -> None:
        with self._lock:
            closing = [adapter for _, adapter in self._made.values()]
            self._made.clear()
        for adapter in closing:
            adapter.close()


def _made(make: Make, settings: ConnectionSettings) -> Any:
    try:
        return make(settings)
    except AdapterError as error:
        # Nothing was asked yet, so nobody has noted it for the connection: it is a matter of its settings.
        raise ProblemError(replace(error.problem, code=error.problem.code or "not-viable")) from error
