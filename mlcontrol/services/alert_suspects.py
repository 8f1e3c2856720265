"""What may have done it, beside each alert on the timeline: looked for within a budget, so that a storm keeps no alert waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np

from mlcontrol.core.alerts.alert import Alert, AlertState
from mlcontrol.core.incidents.brief import Onset
from mlcontrol.core.incidents.story import clock, percent
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.series import LOADS
from mlcontrol.core.signals.change import Shape
from mlcontrol.core.types import TimelineEvent
from mlcontrol.services.context import ServiceContext

BUDGET_S = 0.5
"""Of each second: an alert's history takes about a tenth of a second to be read and cut into stretches."""
WAITING = 2000
SPAN_S = 2 * 3600.0
EXPLAINED = ("use", "resources", "accuracy")
"""Rules whose signals are kept as series."""
QUALITY = "quality"
SOON_S = 300.0
"""What changed longer before an alert is another story's: its limit was kept in between."""


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
        explained = alert.state is AlertState.FIRING and event.service is not None and alert.rule in EXPLAINED
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
        """Since when the signal has been otherwise, and what may have done it: by what the incident's page reads, so that both say
        the same. Empty where no series shows it."""
        from mlcontrol.core.attribution import Broke, attribute
        from mlcontrol.services.onsets import onset, read

        self._persist()
        if alert.rule == "resources":
            return self._of_loads(alert)
        evidence = read(self._ctx, alert.service, alert.since_s, self._ctx.clock.utc_s())
        of_answers = alert.rule == "accuracy"
        tracks = tuple(track for track in evidence.tracks if (track.name == QUALITY) is of_answers)
        found = onset(tracks, alert.since_s, None if of_answers else evidence.others, since_s=alert.since_s - SOON_S)
        if found is None:
            return ""
        seen, change = found
        broke = Broke.VERSIONS if seen.signal == "versions" else Broke.ANYTHING
        verdict = attribute(change, self._ctx.state().events, service=alert.service, broke=broke).verdict
        return f"{changed_words(seen)} {verdict}"

    def _of_loads(self, alert: Alert) -> str:
        """What a server's machine uses is no part of an incident's page: its surest change about then tells."""
        from mlcontrol.core.attribution import attribute
        from mlcontrol.core.signals.changepoint import change_points

        now_s = self._ctx.clock.utc_s()
        newest = None
        for data in self._ctx.store.history.query(alert.service, list(LOADS), now_s - SPAN_S, now_s, 2000):
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


def changed_words(seen: Onset) -> str:
    """ "Errors went from 0.0 % to 8.4 % at 18:17:27." """
    if seen.signal in ("errors", "versions"):
        figures = f"from {percent(max(0.0, seen.before))} to {percent(max(0.0, seen.after))}"
    else:
        unit = {"traffic": " queries a second", "quality": ""}.get(seen.signal, " ms")
        figures = f"from {seen.before:.3g} to {seen.after:.3g}{unit}"
    name = "The share of other versions" if seen.signal == "versions" else seen.signal.capitalize()
    return f"{name} went {figures} at {clock(seen.at_s)}."
