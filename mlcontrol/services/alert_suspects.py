"""What may have done it, beside each alert on the timeline: looked for within a budget, so that a storm keeps no alert waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np

from mlcontrol.core.alerts.alert import Alert, AlertState
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.series import CALLER_LATENCY_MS, ERROR_SHARE, LATENCY_MS, LOADS, QUALITY, QUERIES_PER_S
from mlcontrol.core.signals.change import Shape
from mlcontrol.core.types import TimelineEvent
from mlcontrol.services.context import ServiceContext

BUDGET_S = 0.5
"""Of each second: an alert's history takes about a tenth of a second to be read and cut into stretches."""
WAITING = 2000
SPAN_S = 2 * 3600.0
SHOWS = {
    "use": (ERROR_SHARE, LATENCY_MS, CALLER_LATENCY_MS, QUERIES_PER_S),
    "resources": LOADS,
    "accuracy": (QUALITY,),
}
"""Which series tell when a signal turned."""


class AlertSuspects:
    """``persist``: stores samples that wait. *Thread:* the alerts' own."""

    def __init__(self, ctx: ServiceContext, persist: Callable[[], None]) -> None:
        self._ctx = ctx
        self._persist = persist
        self._waiting: deque[tuple[Alert, TimelineEvent]] = deque(maxlen=WAITING)
        self._spent_until = float("-inf")

    def begin(self) -> None:
        """A new second, and a new budget: what waits from before comes first."""
        self._spent_until = self._ctx.clock.mono_s() + BUDGET_S
        while self._waiting and self._has_time():
            alert, event = self._waiting.popleft()
            self._ctx.emit(self._with_suspects(alert, event))

    def put(self, alert: Alert, event: TimelineEvent) -> None:
        """Put an alert on the timeline: with what may have done it, or at once without and again when there is time."""
        explained = alert.state is AlertState.FIRING and event.service is not None and alert.rule in SHOWS
        if explained and not self._has_time():
            self._waiting.append((alert, event))
            explained = False
        self._ctx.emit(self._with_suspects(alert, event) if explained else event)

    def _has_time(self) -> bool:
        return self._ctx.clock.mono_s() < self._spent_until

    def _with_suspects(self, alert: Alert, event: TimelineEvent) -> TimelineEvent:
        with suppress(ProblemError):  # the history is away: the alert is on the timeline all the same
            return replace(event, detail=f"{event.detail} {self.explain(alert)}".strip())
        return event

    def explain(self, alert: Alert) -> str:
        """Since when the signal has been otherwise, and what may have done it."""
        from mlcontrol.core.attribution import attribute
        from mlcontrol.core.signals.changepoint import change_points

        now_s = self._ctx.clock.utc_s()
        self._persist()
        newest = None
        names = list(SHOWS[alert.rule])
        for data in self._ctx.store.history.query(alert.service, names, now_s - SPAN_S, now_s, 2000):
            for point in change_points(np.frombuffer(data.at_s), np.frombuffer(data.value)):
                near = alert.since_s - point.low_s < SPAN_S / 4
                if near and (newest is None or point.confidence > newest[1].confidence):
                    newest = (data.key, point)
        if newest is None:
            return ""
        key, change = newest
        found = attribute(change, self._ctx.state().events, service=alert.service, version=key.label("version"))
        what = f"The standard deviation of {key.metric}" if change.shape is Shape.SPREAD else key.metric
        return f"{what} changed from {change.before:.4g} to {change.after:.4g}. {found.verdict}"
