"""The data of an incident looked at again: what came since beside what came before it changed."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from mlcontrol.core.data_report import DataSettings
from mlcontrol.core.incidents.data_tick import DataLook
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import Freshness, Health, Signal, TimelineEvent
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.predictions import LoggedPrediction
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.data_back import Place, calm, changed, look_again
from mlcontrol.services.data_events import watched
from mlcontrol.services.sudden_data import FEWEST, ROWS_BEFORE, SEED

TOLD_EARLY_S = 600.0  # a change that fills half a window is dated back so far
LOOK_AGAIN_S = 3.0
STRAGGLERS_S = 1.0  # what was on its way when somebody said that it is over
LOG_DEADLINE_S = 3.0


@dataclass(frozen=True, slots=True)
class _Reference:
    """``before``: what came before the change; ``places``: where it changed, as far as these rows show it."""

    before: tuple[LoggedPrediction, ...]
    places: tuple[Place, ...]


def data_change(events: Iterable[TimelineEvent], service: str, began_s: float, until_s: float) -> TimelineEvent | None:
    """The change of the inputs that belongs to an incident: the newest one told about when it began, if it has not ended. What
    others than the watch put on the timeline (a new snapshot) may be its cause, and is not it."""
    told = [
        event
        for event in events
        if watched(event) and event.service == service and began_s - TOLD_EARLY_S <= event.at_s <= until_s
    ]
    last = max(told, key=lambda event: event.at_s, default=None)
    if last is None or (last.severity is Health.OK and last.at_s < began_s):
        return None  # it had ended before
    return max((e for e in told if e.severity is not Health.OK), key=lambda event: event.at_s, default=None)


class DataAgain:
    """Keeps what does not change of it from look to look. *Thread:* any."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._references: dict[str, _Reference] = {}
        self._looks: dict[str, DataLook] = {}

    def look(self, key: str, service: str, change: TimelineEvent, since_s: float) -> DataLook:
        """``key``: of the way back, or of the word that it is over; ``since_s``: its moment. What is well is not asked again."""
        now_s = self._ctx.clock.utc_s()
        with self._lock:
            known = self._looks.get(key)
        if known is not None and (known.back or now_s - known.at_s < LOOK_AGAIN_S):
            return known
        settings = self._ctx.settings.services.get(service)
        if settings is None or not settings.predictions:
            return DataLook(now_s, why="no prediction log tells what callers send")
        try:
            found = self._compared(key, settings, change, since_s, now_s)
        except (AdapterError, ValueError) as error:
            found = DataLook(now_s, why=str(error)[:200])
        with self._lock:
            self._looks[key] = found
        return found

    def _compared(
        self, key: str, service: ServiceSettings, change: TimelineEvent, since_s: float, now_s: float
    ) -> DataLook:
        data = DataSettings.read(service.data)
        reference = self._reference(key, service, data, change, since_s)
        if not reference.places:
            return self._by_the_watch(service.id, since_s, now_s)
        newest = self._rows(service, min(since_s + STRAGGLERS_S, now_s), now_s)
        if not newest:
            return DataLook(now_s, why="nobody has asked since")
        back = look_again(reference.before, newest, reference.places, service, data.slices)
        places = tuple(dict.fromkeys(place.where for place in reference.places))
        return DataLook(now_s, len(newest), places, back.differ, back.few)

    def _by_the_watch(self, service: str, since_s: float, now_s: float) -> DataLook:
        """A change too small for these few rows to show: what the watch of the data says, which looks at more of them."""
        state = self._ctx.state().services.get(service)
        seen = state.data if state is not None else Signal()
        if seen.at is None or seen.at.utc_s < since_s or seen.freshness is not Freshness.FRESH:
            return DataLook(now_s, why="its watch has not looked since")
        words = seen.detail or seen.text
        if seen.health is Health.OK:
            return DataLook(now_s, seen.n or 0, (words,))
        if seen.health is Health.WARNING:
            return DataLook(now_s, seen.n or 0, (words,), differ=(words,))
        return DataLook(now_s, why=words)

    def _reference(
        self, key: str, service: ServiceSettings, data: DataSettings, change: TimelineEvent, since_s: float
    ) -> _Reference:
        with self._lock:
            known = self._references.get(key)
        if known is not None:
            return known
        log = self._ctx.predictions(service.predictions)
        before = calm(log, service, data.window_s, change.at_s, LOG_DEADLINE_S)
        during = self._rows(service, change.at_s, since_s)
        enough = min(len(before), len(during)) >= FEWEST
        found = _Reference(before, changed(before, during, service, data.slices) if enough else ())
        with self._lock:
            self._references[key] = found
        return found

    def _rows(self, service: ServiceSettings, since_s: float, until_s: float) -> tuple[LoggedPrediction, ...]:
        log = self._ctx.predictions(service.predictions)
        return log.sample(service.id, ROWS_BEFORE, SEED, since_s, until_s, None, LOG_DEADLINE_S)
