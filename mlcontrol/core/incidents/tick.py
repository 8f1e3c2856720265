"""One fact of a recovery, proven or not, as a value."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, replace
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


def since_turned(found: Iterable[Tick], turned: MutableMapping[str, float]) -> tuple[Tick, ...]:
    """The facts with the seconds of when they turned green, not of the newest reading that says so once more.

    ``turned``: by the fact's id, kept from look to look; a fact that is green no more is timed anew.
    """
    timed = []
    for tick in found:
        if tick.state is not TickState.GREEN or tick.seconds is None:
            turned.pop(tick.id, None)
            timed.append(tick)
        else:
            timed.append(replace(tick, seconds=turned.setdefault(tick.id, tick.seconds)))
    return tuple(timed)
