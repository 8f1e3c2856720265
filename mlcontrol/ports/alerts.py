"""A system that keeps the alerts of others, tells people of them, and can be told to be silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from mlcontrol.ports.connection import Adapter


class OutsideState(StrEnum):
    ACTIVE = "active"
    SUPPRESSED = "suppressed"  # silenced, or inhibited by another alert
    UNPROCESSED = "unprocessed"  # just come in


@dataclass(frozen=True, slots=True)
class OutsideAlert:
    """``fingerprint``: of its labels, stable. ``labels``: exactly as they are, for matching; ``annotations``: plain text, bounded.
    ``since_s``: UTC seconds. ``silenced_by``: ids of silences; ``inhibited_by``: fingerprints of alerts."""

    fingerprint: str
    state: OutsideState
    labels: dict[str, str]
    since_s: float
    annotations: dict[str, str] = field(default_factory=dict)
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.labels.get("alertname", self.fingerprint)


@dataclass(frozen=True, slots=True)
class Matcher:
    """A label of an alert and what it must be, or must not be."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


@dataclass(frozen=True, slots=True)
class OutsideSilence:
    """One that holds or will hold. All ``matchers`` must fit. Times are UTC seconds."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_s: float
    until_s: float
    by: str
    comment: str


class AlertSource(Adapter, Protocol):
    def alerts(self, deadline_s: float = 5.0) -> tuple[OutsideAlert, ...]:
        """Every alert that has not ended, silenced ones too."""
        ...

    def silences(self, deadline_s: float = 5.0) -> tuple[OutsideSilence, ...]:
        """Those that hold or will; not the expired."""
        ...

    def silence(
        self, matchers: Sequence[Matcher], from_s: float, until_s: float, by: str, comment: str, deadline_s: float = 5.0
    ) -> str:
        """Make a silence and return its id. After `TimedOut` it may exist: read `silences` before another is made."""
        ...

    def expire(self, silence_id: str, deadline_s: float = 5.0) -> None:
        """End a silence now; one that has ended stays ended. Raises `NotFound` for one that never was."""
        ...
