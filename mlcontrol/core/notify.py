"""Who is told of alerts outside the panel, as a person wrote it in `mlcontrol.toml`."""

from __future__ import annotations

from dataclasses import dataclass

from mlcontrol.core.types import Health


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """``[notify.NAME]``. ``via``: "desktop" (the session's notifications) or "hook" (a team's chat, pager or web hook; ``url`` as
    apprise reads it). No secret is in it: "{secret}" in ``url`` stands for what ``secret`` names ("keyring", "env:NAME"); an empty
    ``url``: all of it is the secret. ``least``: "warning" or "critical". ``per_hour``: more is counted and said later; what is
    critical is counted by itself."""

    id: str
    via: str = "desktop"
    url: str = ""
    secret: str = ""
    least: str = "warning"
    per_hour: int = 12
    enabled: bool = True

    def wants(self, severity: Health) -> bool:
        return self.enabled and (self.least != "critical" or severity is Health.CRITICAL)
