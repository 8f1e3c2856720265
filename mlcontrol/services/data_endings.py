"""Changes of the data that were told and have not ended: each with what came before it, so that its end is known as its end.

When inputs go back to what they were, the newest minutes differ from those before them once more. Beside what came before the
change they do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mlcontrol.core.data_report import BEFORE, JUST_BEFORE, DataFinding, DataSettings
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.predictions import LoggedPrediction, PredictionLog
from mlcontrol.services.data_back import Place, calm, changed, differences, look_again, worth
from mlcontrol.services.data_events import ToldChange
from mlcontrol.services.sudden_data import FEWEST, LARGE, ROWS_BEFORE, SEED, newest

NEARER = 0.75
"""What has come so much nearer to what was before goes back, also while some of the newest minute is from before the end."""
LOOKS = 2  # running, as for its beginning

_Key = tuple[str, str]


@dataclass(slots=True)
class _Change:
    """``name``: of the event that told it. ``first``: how far each column (by slice) was from before when it was told; ``now``: at
    the last look. ``over_s``: UTC seconds; `None` while it lasts."""

    name: str
    before: tuple[LoggedPrediction, ...]
    places: tuple[Place, ...]
    first: dict[_Key, float]
    now: dict[_Key, float]
    well: int = 0
    over_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """``changes``: the names of the events that told them; ``where``: what is as before again, in words."""

    changes: tuple[str, ...] = ()
    where: tuple[str, ...] = ()


@dataclass(slots=True)
class Endings:
    """Of one service. *Thread:* one at a time."""

    _changes: list[_Change] = field(default_factory=list)

    def began(
        self,
        name: str,
        log: PredictionLog,
        service: ServiceSettings,
        settings: DataSettings,
        found: Iterable[DataFinding],
        began_s: float,
        now_s: float,
        deadline_s: float,
    ) -> None:
        """Remember what came before. What differs from training or from what is declared has no end of its own."""
        places = worth(
            Place(f.column, f.aspect, f.slice, f.effect)
            for f in found
            if f.against in (BEFORE, JUST_BEFORE) and f.effect
        )
        if not places:
            return
        try:
            before = calm(log, service, settings.window_s, began_s, deadline_s)
            recent, _ = newest(log, service, settings, now_s, deadline_s)
        except AdapterError:
            return
        if min(len(before), len(recent)) >= FEWEST:
            first = differences(before, recent, service, settings.slices)
            self._changes.append(_Change(name, before, places, first, first))

    def resume(
        self,
        told: ToldChange,
        log: PredictionLog,
        service: ServiceSettings,
        settings: DataSettings,
        deadline_s: float,
    ) -> tuple[Place, ...]:
        """Know again of a change that was told before this process began, by what the log holds of it; where it changed, or nothing
        where the log does not show it any more. Raises what the log raises."""
        before = calm(log, service, settings.window_s, told.began_s, deadline_s)
        during = log.sample(service.id, ROWS_BEFORE, SEED, told.began_s, told.told_s, None, deadline_s)
        if min(len(before), len(during)) < FEWEST:
            return ()
        places = changed(before, during, service, settings.slices)
        if places:
            first = differences(before, during, service, settings.slices)
            self._changes.append(_Change(told.name, before, places, first, first))
        return places

    def look(
        self, log: PredictionLog, service: ServiceSettings, settings: DataSettings, now_s: float, deadline_s: float
    ) -> Ended:
        """What has ended just now. Raises what the log raises."""
        known_s = 2 * settings.window_s  # so long what came during the change is among "the minutes before"
        self._changes = [c for c in self._changes if c.over_s is None or now_s - c.over_s < known_s]
        if not self._changes:
            return Ended()
        recent, _ = newest(log, service, settings, now_s, deadline_s)
        if len(recent) < FEWEST:
            return Ended()
        over: list[_Change] = []
        for change in self._changes:
            change.now = differences(change.before, recent, service, settings.slices)
            if change.over_s is not None:
                continue
            back = look_again(change.before, recent, change.places, service, settings.slices)
            change.well = change.well + 1 if not back.differ and not back.few else 0
            if change.well >= LOOKS:
                change.over_s = now_s
                over.append(change)
        where = dict.fromkeys(place.where for change in over for place in change.places)
        return Ended(tuple(change.name for change in over), tuple(where))

    def going_back(self, column: str, part: str) -> bool:
        """Whether what the newest minutes show of this column is the way back from a change that was told."""
        key = column, part
        return any(
            key in change.now and change.now[key] < max(LARGE, NEARER * change.first.get(key, 0.0))
            for change in self._changes
        )
