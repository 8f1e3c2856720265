"""One number that takes the place of many: what fills gaps in before the log is written looks like this, and like no gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcontrol.core.signals.distance import share_test
from mlcontrol.core.signals.noise import Floats

ALONE = 3.0
"""So many times as much as the next value's a share must have risen: where all counts move, the distribution moved."""


@dataclass(frozen=True, slots=True)
class Filled:
    """``value``: what stands there; ``before``, ``after``: its shares, 0..1. ``p_value``: corrected for the choice of the value."""

    value: float
    before: float
    after: float
    p_value: float


def filled_in(before: Floats, after: Floats) -> Filled | None:
    """The value whose share has risen most, where it stands alone. Both finite and not empty; `None`: no value stands out."""
    values, counts = np.unique(after, return_counts=True)
    had = np.sort(before)
    was = np.searchsorted(had, values, side="right") - np.searchsorted(had, values, side="left")
    risen = counts / after.size - was / before.size
    most = int(np.argmax(risen))
    second = float(np.partition(risen, -2)[-2]) if risen.size > 1 else 0.0
    share, old = float(counts[most] / after.size), float(was[most] / before.size)
    if share < ALONE * old or risen[most] < ALONE * second:
        return None
    p_value = share_test(int(was[most]), before.size, int(counts[most]), after.size)
    return Filled(float(values[most]), old, share, min(1.0, p_value * values.size))
