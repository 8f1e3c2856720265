"""What the newest answers were asked with, against the minutes before them: a change shows here long before it fills a window.

A window of a quarter of an hour against training finds small and slow changes, and needs many minutes to be sure of a large one.
The look here sees only large ones, in whatever slice, within a minute or two; many times an hour, so it must be sure of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcontrol.core.data_report import DataSettings
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


def sudden_look(
    log: PredictionLog, service: ServiceSettings, settings: DataSettings, now_s: float, deadline_s: float
) -> Sudden:
    """Raises what the log raises. Too few answers, now or before: nothing is found."""
    from mlcontrol.core.signals.drift import Aspect, Judged, compare

    longest_s = min(LONGEST_S, settings.window_s / 3)
    newest = sorted(
        log.sample(service.id, ROWS_BEFORE, SEED, now_s - longest_s, now_s, None, deadline_s), key=lambda row: -row.at_s
    )
    if len(newest) < FEWEST:
        return Sudden(longest_s, len(newest), ())
    of_last = newest[: ROWS_WANTED + 1]
    recent_s = min(longest_s, max(SHORTEST_S, now_s - of_last[-1].at_s))
    recent = [row for row in newest if row.at_s > now_s - recent_s]
    since_s = now_s - recent_s
    before = log.sample(service.id, ROWS_BEFORE, SEED, since_s - settings.window_s, since_s, None, deadline_s)
    if min(len(recent), len(before)) < FEWEST:
        return Sudden(recent_s, len(recent), ())
    here, there = (logged(rows, service, settings.slices) for rows in (recent, before))
    found = tuple(
        c
        for c in compare(there.log, here.log, here.cuts)
        if c.judged is Judged.DRIFT
        and c.aspect is Aspect.DISTRIBUTION
        and c.column != "prediction"  # answers are an effect
        and c.q_value is not None
        and c.q_value < SURE
        and (c.effect or 0.0) >= LARGE
    )
    return Sudden(recent_s, len(recent), found)
