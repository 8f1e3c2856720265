"""A way to people outside the panel."""

from __future__ import annotations

from typing import Protocol

from mlcontrol.core.types import Health


class Channel(Protocol):
    """*Thread:* one at a time."""

    def send(self, title: str, text: str, severity: Health, deadline_s: float = 10.0, link: str = "") -> None:
        """Returns when the other side has taken it. ``link``: where it leads, a deep link of the panel, or empty. Raises
        `ports.errors.AdapterError`; never with a secret in its words."""
        ...

    def close(self) -> None: ...
