"""CPU, memory and devices of a server against what they usually are, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Aspect(StrEnum):
    LEVEL = "level"
    SPREAD = "spread"  # the level may be as ever: it swings more than usual, or has stopped moving


def server_name(source: str, instance: str = "") -> str:
    """Whose loads they are: of all behind a source, or of one process that a store tells apart."""
    return f"{source}/{instance}" if instance else source


@dataclass(frozen=True, slots=True)
class Unusual:
    """``value``, ``low``, ``high``: in the unit of the series; of a spread, the mean step between neighbouring readings. ``up``:
    above ``high``. ``since_s``: UTC seconds. ``per_min``: how fast it climbs or falls still; 0: a step. ``reaches_s``: when it
    is at its limit if it goes on so, UTC seconds."""

    aspect: Aspect
    up: bool
    value: float
    low: float
    high: float
    since_s: float
    per_min: float = 0.0
    reaches_s: float | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """One of a server's loads now. ``metric``: one of `core.series`; ``device``: empty where it is of the whole. ``value``: of the
    newest minute. ``low``, ``high``: between which a mean of four minutes usually is, as far as the traffic of now goes.
    ``span_s``, ``n``: the history, and the readings in it, that this was learned from. ``by_traffic``: it is judged by what its
    server is asked. ``limit``: what it cannot pass. ``why``: it is not judged, and why not. ``source``: as
    `server_name` says."""

    metric: str
    source: str
    device: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    span_s: float = 0.0
    n: int = 0
    by_traffic: bool = False
    limit: float | None = None
    unusual: tuple[Unusual, ...] = ()
    why: str = ""
