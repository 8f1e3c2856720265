"""What the logged rows say of a change of the data: which inputs moved, in which slices, since when, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mlcontrol.core.data_report import ANSWER
from mlcontrol.core.incidents.data_change import MovedBy, MovedInput
from mlcontrol.services.data_back import LEAST_ROWS
from mlcontrol.services.sudden_data import LARGE

if TYPE_CHECKING:
    from mlcontrol.core.signals.drift import Comparison
    from mlcontrol.core.signals.log_columns import Log
    from mlcontrol.core.signals.log_rows import Rows
    from mlcontrol.core.signals.row_change import Parted

Mask = npt.NDArray[np.bool_]
ALONE = 0.5
"""Slices that moved at least this much as far as the one that moved furthest moved with it."""
STAYED_P, STAYED = 0.01, 0.1
"""The other slices stayed where they do not differ surely, or by less than this (Kolmogorov's D, total variation)."""
TELLING = 1.25
"""A smaller ratio hides what moved: 62 to 66 is 1.07 times, and may be all that there ever was between the least and the most."""
MOST_INPUTS = 6
EXAMPLES = 2
_FIRST = ("distribution", "missing", "filled", "new_category", "missing_category", "out_of_range", "proportions")


@dataclass(frozen=True, slots=True)
class Slices:
    """Values of one cut that a change is confined to; ``cut`` empty: it is confined to none."""

    cut: str = ""
    values: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(f"{self.cut} {value}" for value in self.values)

    def mask(self, log: Log) -> Mask:
        if not self.cut:
            return np.ones(log.rows, dtype=bool)
        return np.isin(log.columns[self.cut].words().astype(str), list(self.values))


@dataclass(frozen=True, slots=True)
class Found:
    """``parted`` `None`: the rows do not say when. ``inputs``: what moved furthest first."""

    where: Slices
    parted: Parted | None
    inputs: tuple[MovedInput, ...]


def look(rows: Rows, at_s: npt.NDArray[np.float64], calm: Mask, changed: Mask, near: Mask) -> Found | None:
    """``at_s``: of each row, UTC seconds. ``calm``, ``changed``: rows that are surely from before and from after; ``near``: those
    among which it began. `None` where the rows show no change."""
    from mlcontrol.core.signals.drift import Judged, compare
    from mlcontrol.core.signals.row_change import parted

    log = rows.log
    found = compare(log.where(calm), log.where(changed), rows.cuts, LEAST_ROWS)
    drifted = [c for c in found if c.judged is Judged.DRIFT and c.column != ANSWER and c.effect]
    drifted = [c for c in drifted if (c.effect or 0.0) >= LARGE] or drifted
    if not drifted:
        return None
    lead = max(drifted, key=lambda c: (c.aspect.value == "distribution", c.effect or 0.0, c.slice is None)).column
    where = _confined(log, calm, changed, lead, rows.cuts, drifted)
    inside = where.mask(log)
    when = None
    if lead in log.columns:
        mine = near & inside
        when = parted(at_s[mine], log.columns[lead].groups()[mine] + 1)
    before, since = calm, changed
    if when is not None:
        before, since = at_s < when.low_s, at_s > when.high_s
    return Found(where, when, _inputs(rows, before & inside, since & inside))


def _confined(
    log: Log, calm: Mask, changed: Mask, column: str, cuts: Sequence[str], drifted: Sequence[Comparison]
) -> Slices:
    """The smallest share of the traffic outside of which the column stayed as it was; nothing where it moved everywhere."""
    effects: dict[str, float] = {}
    for c in drifted:
        if c.column == column and c.slice:
            effects[c.slice] = max(effects.get(c.slice, 0.0), c.effect or 0.0)
    best: tuple[float, Slices] | None = None
    for cut in cuts:
        own = {name.removeprefix(f"{cut} "): effect for name, effect in effects.items() if name.startswith(f"{cut} ")}
        if not own or cut == column:
            continue
        furthest = max(own.values())
        one = Slices(cut, tuple(sorted(v for v, effect in own.items() if effect >= ALONE * furthest)))
        inside = one.mask(log)
        if not _stayed(log, calm & ~inside, changed & ~inside, column):
            continue
        share = float(np.count_nonzero(changed & inside)) / max(1, int(np.count_nonzero(changed)))
        if best is None or share < best[0]:
            best = share, one
    return best[1] if best is not None else Slices()


def _stayed(log: Log, before: Mask, since: Mask, column: str) -> bool:
    from mlcontrol.core.signals.far import far_apart

    only = type(log)({column: log.columns[column]}, log.rows) if column in log.columns else log
    (one, *_) = tuple(far_apart(only.where(before), only.where(since), (), LEAST_ROWS)) or (None,)
    return one is not None and (one.effect < STAYED or one.p_value() > STAYED_P)


def _inputs(rows: Rows, before: Mask, since: Mask) -> tuple[MovedInput, ...]:
    from mlcontrol.core.signals.drift import Judged, compare

    there, here = rows.log.where(before), rows.log.where(since)
    best: dict[str, Comparison] = {}
    for c in compare(there, here, None, LEAST_ROWS):
        if c.judged is Judged.DRIFT and c.column != ANSWER:
            known = best.get(c.column)
            if known is None or _rank(c) < _rank(known):
                best[c.column] = c
    large = [c for c in best.values() if (c.effect or 0.0) >= LARGE] or list(best.values())
    ranked = sorted(large, key=lambda c: (-(c.effect or 0.0), c.column))[:MOST_INPUTS]
    return tuple(_moved(c, there, here, c.column in rows.vectors) for c in ranked)


def _rank(c: Comparison) -> int:
    return _FIRST.index(c.aspect.value) if c.aspect.value in _FIRST else len(_FIRST)


def _moved(c: Comparison, there: Log, here: Log, vector: bool) -> MovedInput:
    from mlcontrol.core.signals.compared_as import Compared, compared_as
    from mlcontrol.core.signals.size import moved_mean, moved_share, times_the_mean

    name = f"mean of {c.column}" if vector else c.column
    n, m, effect = c.n_reference, c.n_log, c.effect or 0.0
    if c.column not in there.columns or c.column not in here.columns:
        return MovedInput(name, MovedBy.OTHER, n, m, what=c.why, effect=effect)
    before, now = there.columns[c.column], here.columns[c.column]
    if c.aspect.value == "distribution" and compared_as(before, now) is Compared.NUMBERS:
        a, b = before.numbers(), now.numbers()
        means = float(a.mean()), float(b.mean())
        shift, ratio = moved_mean(a, b), times_the_mean(a, b)
        if shift.holds(0.0):
            return MovedInput(name, MovedBy.SHAPE, n, m, *means, effect, what=c.why, effect=effect)
        telling = ratio is not None and max(ratio.value, 1 / ratio.value) >= TELLING
        by, size = (MovedBy.TIMES, ratio) if ratio is not None and telling else (MovedBy.SHIFT, shift)
        return MovedInput(name, by, n, m, *means, size.value, size.low, size.high, effect=effect)
    if c.before is None or c.after is None or not n or not m:
        return MovedInput(name, MovedBy.OTHER, n, m, what=c.why, effect=effect)
    size = moved_share(round(c.before * n), n, round(c.after * m), m)
    return MovedInput(name, MovedBy.SHARE, n, m, c.before, c.after, size.value, size.low, size.high, _whose(c), effect)


def _whose(c: Comparison) -> str:
    named = ", ".join(c.names[:3])
    return {
        "missing": "missing in",
        "filled": f"exactly {named} in",
        "new_category": f"{named}, never sent before, in",
        "missing_category": f"{named}, not sent any more, in",
        "out_of_range": "values beyond all seen before in",
    }.get(c.aspect.value, f"“{named}” in")


def examples(ids: Sequence[str], log: Log, newest_first: Sequence[int], columns: Sequence[str]) -> tuple[str, ...]:
    """Requests to look at, with what they sent: "3f2a…: price 4210, carat 1.31"."""
    shown = [name for name in columns if name in log.columns][:3]
    found = []
    for i in newest_first[:EXAMPLES]:
        values = (f"{name} {_value(log.columns[name].values[i])}" for name in shown)
        found.append(f"{ids[i][:36]}: {', '.join(values)}")
    return tuple(found)


def _value(value: object) -> str:
    if isinstance(value, float | np.floating):
        return f"{float(value):.6g}" if np.isfinite(value) else "missing"
    return "missing" if value is None else str(value)[:24]
