"""What stands beside the chart of queries: the new version against the previous one, and the predictions of now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlcontrol.core import series as names
from mlcontrol.gui.models.series_store import SeriesStore
from mlcontrol.gui.viewmodels.chart_rows import Line
from mlcontrol.gui.viewmodels.phrases import rate_text

SPAN_S, LEAST = 300.0, 10


def against_previous(lines: Sequence[Line]) -> tuple[tuple[str, str], ...]:
    """The guide's question: does the new version handle a similar rate to the previous one? Medians of five minutes of both at one
    time: the newest five while both are asked, else those before and after the one took over, whatever the time of day is now."""
    busy = [(line.at_s[line.value > 0], line.value[line.value > 0]) for line in lines]
    busy = [(at, value) for at, value in busy if len(at) >= LEAST]
    if len(busy) < 2:
        return ()
    busy.sort(key=lambda part: (float(part[0][-1]), float(part[0][0])))
    (old_at, old), (new_at, new) = busy[-2:]
    ended = float(old_at[-1])
    together = float(new_at[-1]) - ended <= SPAN_S
    since = float(new_at[-1]) - SPAN_S if together else ended
    before = old[old_at >= (since if together else ended - SPAN_S)]
    after = new[new_at >= since] if together else new[(new_at > ended) & (new_at <= ended + SPAN_S)]
    if not len(before) or not len(after):
        return ()
    return (("new ÷ previous", f"{np.median(after) / np.median(before):.2f} x"),)


def predictions_now(store: SeriesStore, gap_s: float, until_s: float) -> tuple[tuple[str, str], ...]:
    """Of all versions now, where the server counts them: a query may ask for many. What lies after ``until_s`` is of before the
    clock was set back, and not of now."""
    now = []
    for _, data in store.of(names.PREDICTIONS_PER_S):
        last = int(np.searchsorted(data.at_s, until_s, side="right")) - 1
        if last >= 0 and until_s - float(data.at_s[last]) <= gap_s:
            now.append(float(data.value[last]))
    return (("predictions", rate_text(sum(now))),) if now else ()
