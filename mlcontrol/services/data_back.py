"""Whether the data is as it was before it changed, in the places where it had changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from mlcontrol.core.data_report import ANSWER, place_words
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.ports.predictions import LoggedPrediction, PredictionLog
from mlcontrol.services.sudden_data import FEWEST, LARGE, ROWS_BEFORE, SEED, logged

if TYPE_CHECKING:
    from mlcontrol.core.signals.drift import Comparison

NOISE = 1.05
"""A difference as large as the change is read as less than half of it twice in a hundred looks, where the rows are the square of
this over that half: the standard error of Kolmogorov's D is at most half over their root."""
LEAST_ROWS = 20
RARE = 16.0
"""Of a share, so many over it are rows enough to tell half of it from all of it, 98 times of 100."""
MARGINS_S = (120.0, 60.0, 20.0)
"""How far a change may have begun before the moment it is dated to: the most that leaves rows enough from before it."""
_WHOLE = ("distribution", "proportions")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data changed, and by how much: ``aspect`` and ``effect`` as `core.signals.drift` has them."""

    column: str
    aspect: str
    slice: str
    effect: float

    @property
    def half(self) -> float:
        """What is this far from before is no nearer to it than to what it was during the change."""
        return self.effect / 2

    @property
    def rows(self) -> int:
        """Fewer do not tell that it still is as it was during the change."""
        wanted = (NOISE / self.half) ** 2 if self.aspect in _WHOLE else RARE / self.effect
        return max(LEAST_ROWS, ceil(wanted))

    @property
    def where(self) -> str:
        return place_words(self.column, self.slice)


@dataclass(frozen=True, slots=True)
class Back:
    """``differ``: places that are still otherwise; ``few``: where too little came to tell; in words."""

    differ: tuple[str, ...] = ()
    few: tuple[str, ...] = ()


def calm(
    log: PredictionLog, service: ServiceSettings, window_s: float, at_s: float, deadline_s: float
) -> tuple[LoggedPrediction, ...]:
    """What came in the window before a change that is dated to ``at_s``; too little where the log is younger. Raises what the log
    raises."""
    rows: tuple[LoggedPrediction, ...] = ()
    for margin_s in MARGINS_S:
        until_s = at_s - margin_s
        rows = tuple(log.sample(service.id, ROWS_BEFORE, SEED, until_s - window_s, until_s, None, deadline_s))
        if len(rows) >= FEWEST:
            break
    return rows


def changed(
    before: Iterable[LoggedPrediction],
    during: Iterable[LoggedPrediction],
    service: ServiceSettings,
    slices: tuple[str, ...],
) -> tuple[Place, ...]:
    """Where the inputs of two stretches differ: in what is large, where anything is. Answers are an effect."""
    from mlcontrol.core.signals.drift import Judged

    return worth(
        Place(c.column, c.aspect.value, c.slice or "", c.effect)
        for c in _compared(before, during, service, slices)
        if c.judged is Judged.DRIFT and c.column != ANSWER and c.effect
    )


def worth(places: Iterable[Place]) -> tuple[Place, ...]:
    """The large ones, where there are any: by them it was noticed, and a few answers tell whether they last."""
    found = tuple(places)
    return tuple(place for place in found if place.effect >= LARGE) or found


def differences(
    before: Iterable[LoggedPrediction],
    now: Iterable[LoggedPrediction],
    service: ServiceSettings,
    slices: tuple[str, ...],
) -> dict[tuple[str, str], float]:
    """How far each column is from before, by column and slice, where enough came to tell."""
    from mlcontrol.core.signals.far import far_apart

    there, here = (logged(rows, service, slices) for rows in (before, now))
    apart = far_apart(there.log, here.log, here.cuts, LEAST_ROWS)
    return {(one.column, one.slice): one.effect for one in apart if one.after.known >= FEWEST}


def look_again(
    before: Iterable[LoggedPrediction],
    now: Iterable[LoggedPrediction],
    places: Iterable[Place],
    service: ServiceSettings,
    slices: tuple[str, ...],
) -> Back:
    """Back is what is nearer to before than to the change, and not found to differ by what is `LARGE`. What is not compared any
    more (a column that was gone, a category that was new) is back as soon as enough came."""
    from mlcontrol.core.signals.drift import Judged

    found = {(c.column, c.aspect.value, c.slice or ""): c for c in _compared(before, now, service, slices)}
    rows: dict[str, int] = {}
    for (_, _, part), one in found.items():
        rows[part] = max(rows.get(part, 0), one.n_log)
    differ, few = [], []
    for place in places:
        c = found.get((place.column, place.aspect, place.slice))
        came = c.n_log if c is not None else rows.get(place.slice, 0)
        if came < place.rows:
            few.append(f"{place.where} ({came} of {place.rows})")
        elif c is not None and (
            (c.effect or 0.0) >= place.half or (c.judged is Judged.DRIFT and (c.effect or 0.0) >= LARGE)
        ):
            differ.append(f"{place.where} ({c.why.partition(';')[0]})")
    return Back(tuple(dict.fromkeys(differ)), tuple(dict.fromkeys(few)))


def _compared(
    before: Iterable[LoggedPrediction],
    now: Iterable[LoggedPrediction],
    service: ServiceSettings,
    slices: tuple[str, ...],
) -> tuple[Comparison, ...]:
    from mlcontrol.core.signals.drift import compare

    there, here = (logged(rows, service, slices) for rows in (before, now))
    return compare(there.log, here.log, here.cuts, LEAST_ROWS)
