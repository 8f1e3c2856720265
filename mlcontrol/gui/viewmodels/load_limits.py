"""The limits that the engine watches a load by, as the band of its line."""

from __future__ import annotations

import numpy as np

from mlcontrol.core import series as names
from mlcontrol.core.load import server_name
from mlcontrol.core.types import SeriesKey
from mlcontrol.gui.models.series_store import SeriesStore
from mlcontrol.gui.viewmodels.chart_rows import Floats

HOLDS_S = 900.0
"""Limits are told every other minute; older ones are not those of now."""


def watched_limits(store: SeriesStore, load: SeriesKey, at_s: Floats) -> tuple[Floats, Floats] | None:
    """(low, high) at each moment, NaN where none were told; `None` where the engine has told none of this load."""
    sides: dict[str, Floats] = {}
    for key, data in store.of(names.LOAD_USUAL):
        server = server_name(load.label("source") or "", load.label("instance") or "")
        same = (key.label("source"), key.label("gpu")) == (server, load.label("gpu"))
        if same and key.label("metric") == load.metric and len(data.at_s):
            place = np.searchsorted(data.at_s, at_s, side="right") - 1
            value = data.value[np.maximum(place, 0)]
            fresh = (place >= 0) & (at_s - data.at_s[np.maximum(place, 0)] <= max(HOLDS_S, 2.5 * data.step_s))
            sides[key.label("side") or ""] = np.where(fresh, value, np.nan)
    return (sides["low"], sides["high"]) if {"low", "high"} <= sides.keys() else None
