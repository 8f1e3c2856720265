"""A native histogram of Prometheus as the cumulative buckets of a classic one, always of the same bounds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from math import ceil, inf, log2

import msgspec

_FINEST_MS, _OCTAVES, _STEPS = 1.0, 18, 4
_NEAR = 1e-9


class NativeHistogram(msgspec.Struct):
    """As the query API tells it: each bucket with the rule of its bounds, the bounds and its count; empty ones are left out."""

    count: str
    buckets: list[tuple[int, str, str, str]] = []


@cache
def bounds(factor: float) -> tuple[float, ...]:
    """In the unit of the server; ``factor``: from that to milliseconds. Each is a bound of every native histogram whose buckets
    are at least as fine as these (four to an octave), from a millisecond to four minutes."""
    first = ceil(_STEPS * log2(_FINEST_MS / factor) - _NEAR)
    return (*(2.0 ** (step / _STEPS) for step in range(first, first + _STEPS * _OCTAVES + 1)), inf)


def cumulative(told: NativeHistogram, factor: float) -> list[float]:
    """How many observations were at or below each of the `bounds`; inside a wider bucket they are taken as spread evenly."""
    buckets = sorted((float(left), float(right), float(count)) for _, left, right, count in told.buckets)
    wanted = bounds(factor)
    return [*_upto(buckets, wanted[:-1]), float(told.count)]


def _upto(buckets: list[tuple[float, float, float]], wanted: Iterable[float]) -> Iterable[float]:
    below, place = 0.0, 0
    for bound in wanted:
        limit = bound * (1 + _NEAR)
        while place < len(buckets) and buckets[place][1] <= limit:
            below += buckets[place][2]
            place += 1
        inside = 0.0
        if place < len(buckets) and buckets[place][0] < bound:
            left, right, count = buckets[place]
            inside = count * (bound - left) / (right - left)
        yield below + inside
