"""Where secrets live: the operating system's keyring."""

from __future__ import annotations

from typing import Protocol

from mlcontrol.ports.connection import Viability


class Secrets(Protocol):
    """Every call may block on a locked keyring; implementations hold a deadline and raise `NeedsCredentials`."""

    def viability(self) -> Viability: ...
    def get(self, workspace: str, connection: str, deadline_s: float = 10.0) -> str | None: ...
    def set(self, workspace: str, connection: str, secret: str, deadline_s: float = 30.0) -> None: ...
    def delete(self, workspace: str, connection: str, deadline_s: float = 10.0) -> None: ...
