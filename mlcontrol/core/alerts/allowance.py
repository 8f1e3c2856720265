"""How many messages one way to people gets: what is beyond the limit is counted and said later. What is critical is counted by
itself: an hour of warnings must not use up what it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mlcontrol.core.alerts.alert import Notification
from mlcontrol.core.types import Health

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """``sent_s``, ``grave_s``: of messages in the last hour, and of the critical ones. ``held``: alerts that were not told since
    the last one that was."""

    sent_s: tuple[float, ...] = ()
    held: int = 0
    grave_s: tuple[float, ...] = ()

    def take(self, message: Notification, per_hour: int) -> tuple[Allowance, Notification | None]:
        """The message to send, which says what was held back before it, or `None` beyond the limit."""
        fresh = self._at(message.at_s)
        grave = message.severity is Health.CRITICAL
        if len(fresh.grave_s if grave else fresh.sent_s) >= per_hour:
            return replace(fresh, held=self.held + message.count), None
        if self.held:
            more = f"{self.held} more {'alert was' if self.held == 1 else 'alerts were'} not told in between."
            message = replace(message, text=f"{message.text} {more}")
        told = (*(fresh.grave_s if grave else fresh.sent_s), message.at_s)
        return (Allowance(fresh.sent_s, 0, told) if grave else Allowance(told, 0, fresh.grave_s)), message

    def owed(self, now_s: float, per_hour: int) -> tuple[Allowance, Notification | None]:
        """What is to be said of those held back, as soon as there is room, when nothing else comes to say it with."""
        fresh = self._at(now_s)
        if not self.held or len(fresh.sent_s) >= per_hour:
            return fresh, None
        title = f"{self.held} {'alert was' if self.held == 1 else 'alerts were'} not told"
        text = f"More came than the {per_hour} an hour that are told this way. The Alerts page has them."
        told = Notification(title, text, Health.WARNING, (), now_s)
        return Allowance((*fresh.sent_s, now_s), 0, fresh.grave_s), told

    def _at(self, now_s: float) -> Allowance:
        sent, grave = (tuple(at for at in of if 0 <= now_s - at < HOUR_S) for of in (self.sent_s, self.grave_s))
        return Allowance(sent, self.held, grave)
