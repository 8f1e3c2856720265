"""How a service's data is watched, and what was found: values, which travel to the panel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SPAN = re.compile(r"^(\d+)\s*([smhd])$")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
TRAINING, BEFORE, DECLARED, JUST_BEFORE = "training", "the time before", "what is declared", "the minutes before"
ANSWER = "prediction"
"""The column of the answers: an effect, no cause."""


@dataclass(frozen=True, slots=True)
class DataSettings:
    """``[services.NAME.data]``: ``window`` ("15m", what counts as now), ``before`` ("24h", what it is compared with besides the
    training data), ``slices`` ("region, device"; empty: all that the log names), ``pinned`` (slices that must not be forgotten)."""

    window_s: float = 900.0
    before_s: float = 86_400.0
    slices: tuple[str, ...] = ()

    @classmethod
    def read(cls, settings: Mapping[str, str]) -> DataSettings:
        """Raises `ValueError` in words."""
        names = tuple(part.strip() for part in settings.get("slices", "").split(",") if part.strip())
        return cls(_seconds(settings.get("window", "15m")), _seconds(settings.get("before", "24h")), names)


def _seconds(text: str) -> float:
    found = _SPAN.match(text.strip())
    if not found or int(found[1]) == 0:
        raise ValueError(f"{text!r} is no span: write 15m or 24h")
    return int(found[1]) * _UNITS[found[2]]


VOLUME = "(rows)"
"""Stands where a finding's column does: it is of how many answers there are, whatever is in them."""


def place_words(column: str, part: str) -> str:
    """``part``: the slice, empty: of all traffic."""
    if column == VOLUME:
        return "the number of answers"
    if not part:
        return column
    return part if part.startswith(f"{column} ") else f"{column} in {part}"


@dataclass(frozen=True, slots=True)
class DataFinding:
    """One change. ``slice``: "region south", empty: of all traffic. ``against``: what it was compared with. ``harm``: effect times
    the share of traffic times how much the column goes with the answers, for ranking. ``looks``: how often running."""

    column: str
    aspect: str
    against: str
    why: str
    slice: str = ""
    effect: float | None = None
    least: float | None = None
    q_value: float | None = None
    n: int = 0
    harm: float = 0.0
    looks: int = 1

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.column, self.aspect, self.against, self.slice

    @property
    def where(self) -> str:
        return place_words(self.column, self.slice)


@dataclass(frozen=True, slots=True)
class DataReport:
    """``rows``: of now, ``rows_before``: of the time before; ``comparisons``: how many were corrected for. ``trained_until_s``: the
    newest training data (UTC seconds), `None` where nobody says. ``findings``: likely harm first."""

    service: str
    version: str | None
    at_s: float
    window_s: float
    rows: int
    rows_before: int
    comparisons: int
    unknown: int
    findings: tuple[DataFinding, ...] = ()
    per_hour: float | None = None
    per_hour_before: float | None = None
    trained_until_s: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def lasting(self) -> tuple[DataFinding, ...]:
        """Seen in two looks running: one look in many shows something by chance."""
        return tuple(f for f in self.findings if f.looks >= 2)
