"""How fast an error budget is spent, in several windows at once (Google SRE Workbook, ch. 5, table 5-8).

A long window says that it matters, a short one that it still goes on: both must burn, so it ends soon after the cause does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcontrol.core.signals.noise import Floats


@dataclass(frozen=True, slots=True)
class Windows:
    """``rate``: how many times faster than the budget allows."""

    long_s: float
    short_s: float
    rate: float


WINDOWS = (Windows(3600, 300, 14.4), Windows(6 * 3600, 1800, 6.0), Windows(3 * 86_400, 6 * 3600, 1.0))
"""2 % of a month's budget in an hour, 5 % in six, 10 % in three days."""
GAP_STEPS = 3.0
"""A reading stands for the time since the one before, but for no longer than so many usual steps: beyond that nobody looked."""


def burn(at_s: Floats, bad: Floats, total: Floats, objective: float, window_s: float) -> Floats:
    """By reading: share of bad in the window that ends there, over the share that the objective allows; NaN where nothing was
    asked, or where less than half of the window has been seen."""
    bads, totals = np.cumsum(np.concatenate([[0.0], bad])), np.cumsum(np.concatenate([[0.0], total]))
    ends = np.arange(1, at_s.size + 1)
    begins = np.searchsorted(at_s, at_s - window_s, side="right")
    asked = totals[ends] - totals[begins]
    share = np.divide(bads[ends] - bads[begins], asked, out=np.full(at_s.size, np.nan), where=asked > 0)
    steps = np.diff(at_s)
    usual_s = float(np.median(steps)) if steps.size else 0.0
    looked = np.cumsum(np.concatenate([[0.0, usual_s][: at_s.size + 1], np.minimum(steps, GAP_STEPS * usual_s)]))
    seen = looked[ends] - looked[begins] >= window_s / 2
    return np.where(seen, share / (1.0 - objective), np.nan)


def burning(at_s: Floats, bad: Floats, total: Floats, objective: float) -> tuple[np.ndarray, Floats, Floats]:
    """Where any pair of windows burns, its rate there and the limit it passed. A gap in either is no alarm and no all-clear."""
    on = np.zeros(at_s.size, dtype=bool)
    value, limit = np.full(at_s.size, np.nan), np.full(at_s.size, np.nan)
    for windows in WINDOWS:
        long = burn(at_s, bad, total, objective, windows.long_s)
        short = burn(at_s, bad, total, objective, windows.short_s)
        with np.errstate(invalid="ignore"):
            now = (long > windows.rate) & (short > windows.rate) & ~on
        value[now], limit[now], on = long[now], windows.rate, on | now
    return on, value, limit
