"""How much an incident hurt: failed answers, their share, and how much of the month's error budget they burned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Impact:
    """``failed``: answers; `None` where no source tells. ``share``: failed of all, 0..1. ``budget``: of what the objective
    allows in 30 days at the rate seen. ``covered``: the share of
    the time that readings speak for; the rest is not counted as well or ill."""

    seconds: float
    answers: float | None = None
    failed: float | None = None
    share: float | None = None
    budget: float | None = None
    covered: float = 0.0
