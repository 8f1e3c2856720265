"""Alerts, silences and what a person is told, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mlcontrol.core.types import Health


class AlertState(StrEnum):
    PENDING = "pending"  # it holds, not yet for long enough
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule says of a service now. ``holds`` `None`: not known, which neither raises nor resolves anything."""

    service: str
    rule: str
    holds: bool | None
    severity: Health = Health.WARNING
    text: str = ""
    for_s: float = 0.0
    value: float | None = None
    limit: float | None = None

    @property
    def key(self) -> str:
        return f"{self.service}/{self.rule}"


@dataclass(frozen=True, slots=True)
class Alert:
    """``id``: unique per incident; ``key``: of its rule and service. Times are UTC seconds. ``times``: how often it came back while
    it was one alert. ``acknowledged_by``: who has taken it; empty: nobody. ``unknown``: the rule cannot be read now. ``told_as``:
    how grave it was when people last heard of it, or somebody took it.

    ``source``: the connection whose alert it is, empty: the panel's own. Then ``fingerprint`` names it there, ``labels`` are (name,
    value) pairs to read, and ``silenced_by`` has the ids of its silences there. ``since_s`` is by our clock;
    ``source_since_s`` by its source's, where that one says otherwise."""

    id: str
    service: str
    rule: str
    state: AlertState
    severity: Health
    text: str
    since_s: float
    fired_s: float | None = None
    clear_since_s: float | None = None
    resolved_s: float | None = None
    told_s: float | None = None
    times: int = 1
    acknowledged_by: str = ""
    unknown: bool = False
    value: float | None = None
    limit: float | None = None
    source: str = ""
    fingerprint: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    silenced_by: tuple[str, ...] = ()
    source_since_s: float | None = None
    told_as: Health | None = None

    @property
    def key(self) -> str:
        return f"{self.source}:{self.fingerprint}" if self.source else f"{self.service}/{self.rule}"

    @property
    def headline(self) -> str:
        """The figure without its sentence: "RMSE 70.1" of "RMSE 70.1 (95 % interval ...) ..."."""
        return self.text.split(": ", 1)[0].split(" (", 1)[0].split(". ", 1)[0]

    @property
    def asks(self) -> bool:
        """Whether it fires and wants somebody; what a source calls mere information does not."""
        return self.state is AlertState.FIRING and self.severity is not Health.OK

    @property
    def open(self) -> bool:
        return self.state is not AlertState.RESOLVED


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody is told of matching alerts until ``until_s``. ``service``, ``rule``: empty matches every one.

    ``source``: the connection that keeps it, empty: the panel. There it is for that system to say which alerts it covers, and
    ``rule`` has its matchers in words."""

    id: str
    service: str
    rule: str
    until_s: float
    by: str
    reason: str
    created_s: float
    source: str = ""

    def covers(self, alert: Alert, now_s: float) -> bool:
        if self.source or alert.source:
            return self.source == alert.source and self.id in alert.silenced_by
        mine = self.service in ("", alert.service) and self.rule in ("", alert.rule)
        return mine and self.created_s <= now_s < self.until_s


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to people. ``alerts``: ids of all it speaks of; ``count`` says how many they are. ``service``: of the worst of
    them."""

    title: str
    text: str
    severity: Health
    alerts: tuple[str, ...]
    at_s: float
    service: str = ""

    @property
    def count(self) -> int:
        return len(self.alerts)
