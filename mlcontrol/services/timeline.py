"""Queries of what was: timeline and metric history; and what pipelines and people put on the timeline."""

from __future__ import annotations

import threading
import uuid
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from struct import unpack_from

import numpy as np

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.recorded import RecordedChange, event_of, same
from mlcontrol.core.types import EventKind, SeriesData, TimelineEvent
from mlcontrol.core.visible import visible
from mlcontrol.ports.metrics import MetricsSource, RemembersHistory
from mlcontrol.services.context import ServiceContext

REMEMBERED_S = 4.0  # how long a chart waits for what somebody else remembers
KEPT_ENOUGH = 0.05  # what was kept covers the span when it begins in this share of it


def before(kept: Sequence[SeriesData], remembered: Sequence[SeriesData]) -> tuple[SeriesData, ...]:
    """Each series with what was remembered from before its first kept sample."""
    joined = {series.key: series for series in kept}
    for series in remembered:
        known = joined.get(series.key)
        if known is None or not known.at_s:
            joined[series.key] = series
            continue
        (first,) = unpack_from("<d", known.at_s)
        n = bisect_left(memoryview(series.at_s).cast("d"), first)
        step_s = max(known.step_s, series.step_s)
        joined[series.key] = replace(
            known, at_s=series.at_s[: 8 * n] + known.at_s, value=series.value[: 8 * n] + known.value, step_s=step_s
        )
    return tuple(joined.values())


def moved(series: SeriesData, by_s: float) -> SeriesData:
    """The same values at times of another clock."""
    return replace(series, at_s=(np.frombuffer(series.at_s) + by_s).tobytes())


class Records:
    """``persist``: stores what waits to be stored, so that a query sees it. ``metrics``: the metrics source of a connection id.
    *Thread:* any."""

    def __init__(
        self, ctx: ServiceContext, persist: Callable[[], None], metrics: Callable[[str], MetricsSource] | None = None
    ) -> None:
        self._ctx = ctx
        self._persist = persist
        self._metrics = metrics
        self._recording = threading.Lock()

    def history(
        self, service: str, metrics: Sequence[str], since_s: float, until_s: float, points: int
    ) -> tuple[SeriesData, ...]:
        """What this panel has kept, and before that what the service's own sources remember."""
        self._persist()
        points = max(2, min(points, 20_000))
        kept = self._ctx.store.history.query(service, metrics, since_s, until_s, points)
        return before(kept, self._remembered(service, metrics, since_s, until_s, points, kept))

    def _remembered(
        self,
        service: str,
        metrics: Sequence[str],
        since_s: float,
        until_s: float,
        points: int,
        kept: Sequence[SeriesData],
    ) -> list[SeriesData]:
        settings = self._ctx.settings.services.get(service)
        firsts = [unpack_from("<d", series.at_s)[0] for series in kept]
        if (
            self._metrics is None
            or settings is None
            or (firsts and min(firsts) <= since_s + KEPT_ENOUGH * (until_s - since_s))
        ):
            return []
        found: list[SeriesData] = []
        for connection in settings.metrics:
            with suppress(ProblemError):  # it is shown with its connection; the charts go on with what was kept
                source = self._metrics(connection)
                if isinstance(source, RemembersHistory):
                    off = self._ctx.clock_off(connection)
                    ahead_s = 0.0 if off is None else off.ahead_s
                    told = source.history(settings, metrics, since_s + ahead_s, until_s + ahead_s, points, REMEMBERED_S)
                    found += (moved(series, -ahead_s) for series in told) if ahead_s else told
        return found

    def timeline(
        self,
        service: str | None,
        since_s: float,
        until_s: float | None,
        kinds: Sequence[EventKind],
        text: str,
        limit: int,
    ) -> tuple[TimelineEvent, ...]:
        self._persist()
        return self._ctx.store.timeline.query(service, since_s, until_s, kinds, text, max(1, min(limit, 10_000)))

    def record(self, change: RecordedChange, actor: str) -> tuple[TimelineEvent, bool]:
        """Put a change on the timeline that nobody here can see; with an id only once: what is there, and whether it was added now.
        Raises `ProblemError` ("usage", "not-found"; "conflict" where the id names another change)."""
        event = event_of(change, actor, self._ctx.clock.utc_s(), uuid.uuid4().hex)
        if event.service is not None and event.service not in self._ctx.settings.services:
            what = f"There is no service {visible(event.service)[:100]!r}."
            raise ProblemError(Problem(what, next="`mlcontrol status` lists them.", code="not-found"))
        with self._recording:
            self._persist()
            there = self._ctx.store.timeline.find(event.id) if change.ident else None
            if there is None:
                self._ctx.emit(event)
                self._persist()
                return event, True
        if not same(there, event):
            raise ProblemError(
                Problem(
                    f"Under the id {change.ident} another change is on the timeline.",
                    f"It says “{visible(there.title)}” ({there.kind.value}, {there.service or 'the fleet'}).",
                    "Give this one an id of its own, such as the run that made it.",
                    "conflict",
                )
            )
        return there, False
