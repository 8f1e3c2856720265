"""Do raters agree more than chance would have them? `None` wherever the coefficient is not defined, never 1 or 0 instead."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from enum import StrEnum


class Level(StrEnum):
    """How values may be compared (Stevens 1946)."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    RATIO = "ratio"


Units = Sequence[Mapping[str, Hashable]]
"""One mapping an item: value by rater."""


def cohen(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Cohen's kappa of two raters (Cohen 1960). `None` without pairs, or when both always say the same one thing."""
    n = len(pairs)
    if n == 0:
        return None
    observed = sum(a == b for a, b in pairs) / n
    first: dict[Hashable, int] = {}
    second: dict[Hashable, int] = {}
    for a, b in pairs:
        first[a] = first.get(a, 0) + 1
        second[b] = second.get(b, 0) + 1
    expected = sum(count * second.get(value, 0) for value, count in first.items()) / (n * n)
    return None if expected >= 1 else (observed - expected) / (1 - expected)


def cohen_matrix(units: Units) -> dict[tuple[str, str], tuple[float | None, int]]:
    """Kappa and number of common items for every pair of raters in alphabetical order."""
    raters = sorted({rater for unit in units for rater in unit})
    result = {}
    for i, a in enumerate(raters):
        for b in raters[i + 1 :]:
            pairs = [(unit[a], unit[b]) for unit in units if a in unit and b in unit]
            result[a, b] = cohen(pairs), len(pairs)
    return result


def fleiss(table: Sequence[Sequence[int]]) -> float | None:
    """Fleiss' kappa (Fleiss 1971). ``table``: one row an item, how many raters chose each category; every row has the same
    number of raters, two or more, else `ValueError`. `None` without items, or when all chose one category throughout."""
    if not table:
        return None
    raters = sum(table[0])
    if raters < 2 or any(sum(row) != raters or len(row) != len(table[0]) for row in table):
        raise ValueError("every item needs the same number of raters, two or more, and the same categories")
    n = len(table)
    shares = [sum(row[j] for row in table) / (n * raters) for j in range(len(table[0]))]
    expected = sum(p * p for p in shares)
    observed = sum((sum(c * c for c in row) - raters) / (raters * (raters - 1)) for row in table) / n
    # All mass in one category: agreement by chance is certain, and nothing can be said.
    return None if expected >= 1 - 1e-15 else (observed - expected) / (1 - expected)


def krippendorff(units: Units, level: Level = Level.NOMINAL) -> float | None:
    """Krippendorff's alpha (Krippendorff 2011, "Computing Krippendorff's alpha-reliability"). Items with one value do not count.

    Values of any level but nominal must be numbers. `None` when no item has two values, or when all values are the same.
    """
    paired = [list(unit.values()) for unit in units if len(unit) >= 2]
    values = sorted({v for unit in paired for v in unit}, key=_order)
    if len(values) < 2:
        return None
    index = {v: i for i, v in enumerate(values)}
    size = len(values)
    coincidence = [[0.0] * size for _ in range(size)]
    for unit in paired:
        counts = [0] * size
        for v in unit:
            counts[index[v]] += 1
        for c in range(size):
            if not counts[c]:
                continue
            for k in range(size):
                coincidence[c][k] += counts[c] * (counts[k] - (c == k)) / (len(unit) - 1)
    totals = [sum(row) for row in coincidence]
    n = sum(totals)
    distance = _distance(level, values, totals)
    observed = sum(coincidence[c][k] * distance(c, k) for c in range(size) for k in range(c + 1, size))
    expected = sum(totals[c] * totals[k] * distance(c, k) for c in range(size) for k in range(c + 1, size))
    return None if expected == 0 else 1 - (n - 1) * observed / expected


def _order(value: Hashable) -> tuple[int, float, str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (0, float(value), "") if number else (1, 0.0, str(value))  # type: ignore[arg-type]


def _distance(level: Level, values: Sequence[Hashable], totals: Sequence[float]) -> Callable[[int, int], float]:
    if level is Level.NOMINAL:
        return lambda c, k: float(c != k)
    if not all(isinstance(v, int | float) for v in values):
        raise ValueError(f"values of level {level.value} must be numbers")
    numbers = [float(v) for v in values]  # type: ignore[arg-type]
    if level is Level.ORDINAL:
        return lambda c, k: (sum(totals[c : k + 1]) - (totals[c] + totals[k]) / 2) ** 2
    if level is Level.INTERVAL:
        return lambda c, k: (numbers[c] - numbers[k]) ** 2

    def ratio(c: int, k: int) -> float:
        total = numbers[c] + numbers[k]
        return ((numbers[c] - numbers[k]) / total) ** 2 if total else 0.0

    return ratio
