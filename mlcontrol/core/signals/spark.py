"""A sparkline's numbers: at most 32, evenly spaced in time, NaN where nothing was known."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite, nan

WIDTH = 32


def spark(
    points: Iterable[tuple[float, float]], until_s: float, span_s: float, width: int = WIDTH
) -> tuple[float, ...]:
    """Means per slot of the last ``span_s`` seconds before ``until_s``, oldest first. ``points``: (UTC seconds, value)."""
    sums, counts = [0.0] * width, [0] * width
    for at_s, value in points:
        slot = int((at_s - (until_s - span_s)) / span_s * width)
        if 0 <= slot < width and isfinite(value):
            sums[slot] += value
            counts[slot] += 1
    return tuple(total / n if n else nan for total, n in zip(sums, counts, strict=True))
