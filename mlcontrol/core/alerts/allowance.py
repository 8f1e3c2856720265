"""How many messages one way to people gets: what is beyond the limit is counted and said later."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mlcontrol.core.alerts.alert import Notification

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """``sent_s``: of messages in the last hour. ``held``: alerts that were not told since the last one that was."""

    sent_s: tuple[float, ...] = ()
    held: int = 0

    def take(self, message: Notification, per_hour: int) -> tuple[Allowance, Notification | None]:
        """The message to send, which says what was held back before it, or `None` beyond the limit."""
        recent = tuple(at for at in self.sent_s if message.at_s - at < HOUR_S)
        if len(recent) >= per_hour:
            return Allowance(recent, self.held + message.count), None
        if self.held:
            more = f"{self.held} more {'alert was' if self.held == 1 else 'alerts were'} not told in between."
            message = replace(message, text=f"{message.text} {more}")
        return Allowance((*recent, message.at_s)), message
