"""A change in the last few readings, which are still too few to be a segment of their own."""

from __future__ import annotations

from math import comb

import numpy as np

from mlcontrol.core.signals.change import ChangePoint
from mlcontrol.core.signals.noise import Floats

FEW = 4
LOOK_BACK = 60
SURE = 0.95


def sudden_change(at_s: Floats, values: Floats, worse: int) -> ChangePoint | None:
    """The last one to four readings, if each is worse than every one of the up to 60 before them; `None` if not.

    ``at_s``: UTC seconds, ascending; ``values`` of equal length, NaN for a gap; ``worse``: +1 when more is worse, -1 when less
    is. It lies between the last reading as before and the first that is worse, however long nothing was read between them.
    Where nothing changes, the last k of n+k readings are the k worst ones with chance 1 / C(n+k, k): the confidence.
    """
    kept = np.flatnonzero(np.isfinite(values) & np.isfinite(at_s))
    times, oriented = at_s[kept], worse * values[kept]
    for k in range(min(FEW, kept.size - 1), 0, -1):
        before = oriented[-k - LOOK_BACK : -k]
        confidence = 1.0 - 1.0 / comb(before.size + k, k)
        if confidence >= SURE and float(np.min(oriented[-k:])) > float(np.max(before)):
            first = int(kept[-k])
            levels = worse * float(np.median(before)), worse * float(np.mean(oriented[-k:]))
            return ChangePoint(float(times[-k]), float(times[-k - 1]), float(times[-k]), first, *levels, confidence)
    return None
