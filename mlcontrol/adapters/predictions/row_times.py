"""Which of a log's dates say when a row was written, and which are data like any other: a birthday, a date of expiry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from mlcontrol.core.signals.noise import Floats

TIME_NAMES = ("time", "timestamp", "ts", "at", "at_s", "datetime", "date")
_WRITTEN = re.compile(
    r"(^|[_.])(created|logged|requested|received|event|request|ingested|prediction)([_.]?(at|time|ts|on|date))?$"
)
_LIKE = re.compile(r"(time|timestamp|_at|_ts)$")
GOES_WITH = 0.9
YEAR_S = 366 * 86_400.0


def times_of_rows(dated: Mapping[str, Floats]) -> tuple[Floats | None, tuple[str, ...]]:
    """UTC seconds by row, and the names of the columns that are these times or go with them. By name first, else the one that
    only rises from row to row."""
    chosen = _chosen(dated)
    if chosen is None:
        return None, ()
    times_s = dated[chosen]
    return times_s, tuple(name for name, values in dated.items() if name == chosen or _goes_with(times_s, values))


def _chosen(dated: Mapping[str, Floats]) -> str | None:
    tests: tuple[Callable[[str], object], ...] = (
        lambda name: name.casefold() in TIME_NAMES,
        lambda name: _WRITTEN.search(name.casefold()),
        lambda name: _LIKE.search(name.casefold()),
        lambda name: _rises(dated[name]),
    )
    return next((name for test in tests for name in dated if test(name)), None)


def _rises(values: Floats) -> bool:
    known = values[np.isfinite(values)]
    return known.size > 2 and bool(np.all(np.diff(known) >= 0)) and bool(known[-1] > known[0])


def _goes_with(times_s: Floats, values: Floats) -> bool:
    """It moves with the rows' times, or lies among them: that next week's are later is no drift."""
    both = np.isfinite(times_s) & np.isfinite(values)
    if np.count_nonzero(both) < 3:
        return False
    a, b = times_s[both], values[both]
    if a.min() <= np.median(b) <= a.max():
        return True
    near = abs(float(np.median(b - a))) < max(float(np.ptp(a)), YEAR_S)
    return near and bool(np.ptp(a) > 0 and np.ptp(b) > 0 and np.corrcoef(a, b)[0, 1] > GOES_WITH)
