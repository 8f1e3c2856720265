"""Asks sources that remember for the traffic of the times at which nobody counted here: of a whole fleet in a few questions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby

import numpy as np

from mlcontrol.core import series
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import SeriesData
from mlcontrol.services.collect_metrics import Meter
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.past_traffic import HOUR_S, Points
from mlcontrol.services.remembered import Remembered

EVERY_S = 60.0
FIRST_S = 3.0  # from the first look to the second: by then the sources have been read
POINTS = 240  # of the hour: two for each place of a sparkline, so that none stays empty
KEPT_POINTS = 2000
DEADLINE_S = 20.0
HOLE_S = 60.0
HOLE_POLLS = 3


class Recall:
    """*Thread:* any; one look at a connection at a time."""

    def __init__(self, ctx: ServiceContext, remembered: Remembered) -> None:
        self._ctx = ctx
        self._remembered = remembered

    def look(self, connection: ConnectionSettings, meters: Callable[[], Iterable[Meter]]) -> None:
        """Fill what is lacking, where it can be filled. Raises `AdapterError`; the next look asks again."""
        hole_s = max(HOLE_S, HOLE_POLLS * connection.poll_s)
        lacking = {meter.service.id: meter for meter in meters() if _lacks(meter, connection.id, hole_s)}
        if not lacking:
            return
        now_s = self._ctx.clock.utc_s()
        services = [meter.service for meter in lacking.values()]
        asked = (services, (series.QUERIES_PER_S,), now_s - HOUR_S, now_s, POINTS, DEADLINE_S)
        told = traffic(self._remembered.of(connection.id, *asked))
        for name, meter in lacking.items():
            with meter.lock:
                meter.past.recall(told.get(name, ()), now_s, hole_s)

    def remembers(self, connection: str) -> bool:
        return self._remembered.source(connection) is not None

    def resume(self, meters: Iterable[Meter]) -> None:
        """Go on from what the engine before this one kept of services that are new here. Raises `StoreError`."""
        now_s = self._ctx.clock.utc_s()
        for meter in meters:
            if meter.past.resumed:
                continue
            name = meter.service.id
            kept = self._ctx.store.history.query(name, (series.QUERIES_PER_S,), now_s - HOUR_S, now_s, KEPT_POINTS)
            with meter.lock:
                meter.past.resume(traffic(kept).get(name, ()))


def _lacks(meter: Meter, connection: str, hole_s: float) -> bool:
    """Whether this connection alone counts the service's answers, and a time is missing."""
    with meter.lock:
        return {source for source, _ in meter.versions} == {connection} and meter.past.lacks(hole_s)


def traffic(found: Iterable[SeriesData]) -> dict[str, Points]:
    """By service: queries a second of all versions together, at each moment that any of them has."""
    told: dict[str, Points] = {}
    for name, of in groupby(sorted(found, key=lambda one: one.key.service), lambda one: one.key.service):
        versions = list(of)
        at_s = np.concatenate([np.frombuffer(one.at_s) for one in versions])
        rates = np.concatenate([np.frombuffer(one.value) for one in versions])
        known = np.isfinite(rates)
        moments, which = np.unique(at_s[known], return_inverse=True)
        sums = np.bincount(which, weights=rates[known], minlength=moments.size)
        told[name] = list(zip(moments.tolist(), sums.tolist(), strict=True))
    return told
