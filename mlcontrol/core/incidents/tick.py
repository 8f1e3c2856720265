"""One fact of a recovery, proven or not, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TickState(StrEnum):
    WAITING = "waiting"  # an earlier one is not proven yet
    RUNNING = "running"
    GREEN = "green"
    RED = "red"
    UNKNOWN = "unknown"  # nothing tells; never green


@dataclass(frozen=True, slots=True)
class Tick:
    """``evidence``: what was observed. ``seconds``: after the command, when it turned. ``next``: what to do, when red."""

    id: str
    title: str
    state: TickState
    evidence: str = ""
    seconds: float | None = None
    next: str = ""
