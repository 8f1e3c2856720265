"""History of a service's charts: what this panel has kept, and where it kept nothing, what the service's sources remember."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from mlcontrol.core.problem import ProblemError
from mlcontrol.core.types import SeriesData
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.remembered import Remembered

REMEMBERED_S = 4.0  # how long a chart waits for what somebody else remembers
HOLE = 0.05  # a shorter part of the span is not worth a question
HOLE_STEPS = 3.0

Spans = list[tuple[float, float]]


class ChartHistory:
    """``settle``: stores what waits to be stored, if it can, so that a query sees it. *Thread:* any."""

    def __init__(self, ctx: ServiceContext, settle: Callable[[], None], remembered: Remembered) -> None:
        self._ctx = ctx
        self._settle = settle
        self._remembered = remembered

    def of(
        self, service: str, metrics: Sequence[str], since_s: float, until_s: float, points: int
    ) -> tuple[SeriesData, ...]:
        """``points``: about how many per series are of use. Times are UTC seconds."""
        self._settle()
        kept = self._ctx.store.history.query(service, metrics, since_s, until_s, points)
        settings = self._ctx.settings.services.get(service)
        lacking = holes(kept, since_s, until_s)
        if settings is None or not lacking:
            return kept
        told: list[SeriesData] = []
        for connection in settings.metrics:
            with suppress(ProblemError):  # it is shown with its connection; the charts go on with what was kept
                asked = (metrics, lacking[0][0], lacking[-1][1], points, REMEMBERED_S)
                told += self._remembered.of(connection, [settings], *asked)
        return filled(kept, told, lacking)


def holes(kept: Iterable[SeriesData], since_s: float, until_s: float) -> Spans:
    """Times of a span, UTC seconds, of which no series has anything; short ones left out."""
    series = list(kept)
    at_s = np.unique(np.concatenate([[since_s], *(np.frombuffer(one.at_s) for one in series), [until_s]]))
    shortest_s = max(HOLE * (until_s - since_s), HOLE_STEPS * max((one.step_s for one in series), default=0.0))
    begins = np.flatnonzero(np.diff(at_s) > shortest_s)
    return [(float(at_s[i]), float(at_s[i + 1])) for i in begins]


def filled(kept: Iterable[SeriesData], told: Iterable[SeriesData], lacking: Spans) -> tuple[SeriesData, ...]:
    """Each series with what was told of the holes, and of the time before its own first sample."""
    joined = {series.key: series for series in kept}
    for series in told:
        known = joined.get(series.key)
        joined[series.key] = series if known is None or not known.at_s else _joined(known, series, lacking)
    return tuple(joined.values())


def _joined(known: SeriesData, told: SeriesData, lacking: Spans) -> SeriesData:
    at_s, value = np.frombuffer(known.at_s), np.frombuffer(known.value)
    told_s, told_value = np.frombuffer(told.at_s), np.frombuffer(told.value)
    wanted = told_s < at_s[0]
    for since_s, until_s in lacking:
        wanted |= (told_s > since_s) & (told_s < until_s)
    if not wanted.any():
        return known
    every_s = np.concatenate([at_s, told_s[wanted]])
    order = np.argsort(every_s, kind="stable")
    values = np.concatenate([value, told_value[wanted]])
    step_s = max(known.step_s, told.step_s)
    return replace(known, at_s=every_s[order].tobytes(), value=values[order].tobytes(), step_s=step_s)
