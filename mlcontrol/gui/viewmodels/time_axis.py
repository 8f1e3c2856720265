"""Round times for an axis, in UTC."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from mlcontrol.gui.viewmodels.phrases import clock_text

_STEPS_S = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600,
    86_400, 2 * 86_400, 7 * 86_400, 14 * 86_400, 30 * 86_400, 90 * 86_400,
)  # fmt: skip


def ticks(since_s: float, until_s: float, about: int) -> tuple[tuple[float, str], ...]:
    """At most about ``about`` round moments in the span with their words; midnight shows the day."""
    span = max(1e-6, until_s - since_s)
    step = next(
        (s for s in _STEPS_S if span / s <= max(2, about)), _STEPS_S[-1] * math.ceil(span / _STEPS_S[-1] / about)
    )
    first = math.ceil(since_s / step) * step
    count = int((until_s - first) // step) + 1 if first <= until_s else 0
    return tuple((first + i * step, _words(first + i * step, step)) for i in range(count))


def day_text(at_s: float) -> str:
    """ "26 Nov", in UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%d %b")


def dated_text(at_s: float, now_s: float) -> str:
    """ "14:06:19" in UTC; of another day than today "26 Nov 14:06:19"."""
    clock = clock_text(at_s)
    return clock if at_s // 86_400 == now_s // 86_400 else f"{day_text(at_s)} {clock}"


def _words(at_s: float, step_s: float) -> str:
    moment = datetime.fromtimestamp(at_s, UTC)
    if step_s >= 86_400 or (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return day_text(at_s)
    return moment.strftime("%H:%M:%S" if step_s < 60 else "%H:%M")
