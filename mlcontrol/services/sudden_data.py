"""What the newest answers were asked with, against the minutes before them: a change shows here long before it fills a window.

A window of a quarter of an hour against training finds small and slow changes, and needs many minutes to be sure of a large one.
The look here sees only large ones, in whatever slice, within a minute or two; many times an hour, so it must be sure of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcontrol.core.data_report import ANSWER, DataSettings
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.ports.predictions import LoggedPrediction, PredictionLog

if TYPE_CHECKING:
    from mlcontrol.core.signals.drift import Comparison
    from mlcontrol.core.signals.log_rows import Rows

SUDDEN_EVERY_S = 20.0
SHORTEST_S, LONGEST_S = 60.0, 300.0
ROWS_WANTED = 240
"""The newest answers are those of a minute, or of a service that is asked seldom so many as tell something, within five."""
ROWS_BEFORE = 2000
FEWEST = 60
SURE = 1e-5
"""The share of false findings of one look. A calm service is looked at 4,300 times a day, and what is found must be found again:
with this at most one false alarm in weeks. A change of 0.5 in Kolmogorov's D in a slice of 60 answers is surer than that."""
LARGE = 0.25
"""The least effect (Kolmogorov's D, total variation) that is one: what is smaller is left to the longer window."""
SEED = 1


@dataclass(frozen=True, slots=True)
class Sudden:
    """``recent_s``: how long the newest answers took to come. ``found``: distributions of inputs that changed, by slice."""

    recent_s: float
    rows: int
    found: tuple[Comparison, ...]


def logged(rows: Iterable[LoggedPrediction], service: ServiceSettings, slices: tuple[str, ...]) -> Rows:
    """Rows of a prediction log as columns, with the names of what they may be cut by."""
    from mlcontrol.core.signals.log_rows import LoggedRow, rows_as_log

    return rows_as_log([LoggedRow(p.inputs, p.outputs, p.slices) for p in rows], service.prediction, slices)


def newest(
    log: PredictionLog, service: ServiceSettings, settings: DataSettings, now_s: float, deadline_s: float
) -> tuple[list[LoggedPrediction], float]:
    """The newest answers, and within how many seconds they came. Raises what the log raises."""
    longest_s = min(LONGEST_S, settings.window_s / 3)
    rows = log.sample(service.id, ROWS_BEFORE, SEED, now_s - longest_s, now_s, None, deadline_s)
    found = sorted(rows, key=lambda row: -row.at_s)
    if len(found) < FEWEST:
        return found, longest_s
    recent_s = min(longest_s, max(SHORTEST_S, now_s - found[: ROWS_WANTED + 1][-1].at_s))
    return [row for row in found if row.at_s > now_s - recent_s], recent_s


@dataclass(slots=True)
class SuddenLook:
    """Of one service. What came before is read anew once a minute, not at every look. *Thread:* one at a time."""

    _before: tuple[float, Rows] | None = None  # until when (UTC s)

    def look(
        self, log: PredictionLog, service: ServiceSettings, settings: DataSettings, now_s: float, deadline_s: float
    ) -> Sudden:
        """Raises what the log raises. Too few answers, now or before: nothing is found."""
        recent, recent_s = newest(log, service, settings, now_s, deadline_s)
        if len(recent) < FEWEST:
            return Sudden(recent_s, len(recent), ())
        there = self._there(log, service, settings, now_s - recent_s, deadline_s)
        if there.log.rows < FEWEST:
            return Sudden(recent_s, len(recent), ())
        here = logged(recent, service, settings.slices)
        return Sudden(recent_s, len(recent), tuple(_large(there, here)))

    def _there(
        self, log: PredictionLog, service: ServiceSettings, settings: DataSettings, until_s: float, deadline_s: float
    ) -> Rows:
        """The window before ``until_s``, or before a moment at most `SHORTEST_S` earlier."""
        if self._before is None or not 0 <= until_s - self._before[0] < SHORTEST_S:
            rows = log.sample(service.id, ROWS_BEFORE, SEED, until_s - settings.window_s, until_s, None, deadline_s)
            self._before = until_s, logged(rows, service, settings.slices)
        return self._before[1]


def _large(there: Rows, here: Rows) -> Iterator[Comparison]:
    """All is compared only where something is large and sure by itself: corrected for the others it is less sure, never more."""
    from mlcontrol.core.signals.drift import Aspect, Judged, compare
    from mlcontrol.core.signals.far import far_apart

    far = (one for one in far_apart(there.log, here.log, here.cuts) if one.column != ANSWER and one.effect >= LARGE)
    if not any(one.p_value() < SURE for one in far):
        return
    for c in compare(there.log, here.log, here.cuts):
        large = c.judged is Judged.DRIFT and c.aspect is Aspect.DISTRIBUTION and (c.effect or 0.0) >= LARGE
        if large and c.column != ANSWER and c.q_value is not None and c.q_value < SURE:
            yield c
