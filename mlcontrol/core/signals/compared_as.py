"""What a column is compared as, before it is: numbers, categories, or nothing because it tells rows apart; and what was renamed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np

from mlcontrol.core.signals.distance import kolmogorov, total_variation
from mlcontrol.core.signals.log_columns import Column, Log

FEWEST = 100
ALIKE = 0.05
"""Of Kolmogorov's D or of total variation."""


class Compared(StrEnum):
    NUMBERS = "numbers"
    CATEGORIES = "categories"
    NOT = "not"  # words that tell rows apart, or numbers against words


def compared_as(before: Column, after: Column) -> Compared:
    # A short log has too few rows to be sure that its values tell rows apart; that the other's do is enough.
    apart = before.hardly_repeats and after.hardly_repeats and (before.numbers_rows or after.numbers_rows)
    if before.numeric and after.numeric and apart:
        return Compared.NOT
    if before.numeric and after.numeric and not before.few_values:
        return Compared.NUMBERS
    if before.numeric != after.numeric and not (before if before.numeric else after).few_values:
        return Compared.NOT  # another type, and said to be: that none of the numbers is among the words says nothing
    rows_apart = before.identifier or after.identifier
    return Compared.NOT if rows_apart and before.mostly_once and after.mostly_once else Compared.CATEGORIES


def telling_rows_apart(reference: Log, log: Log) -> tuple[str, ...]:
    """Columns that are there in both and whose values are not compared, because each row has its own."""
    shared = [(name, column, log.columns[name]) for name, column in reference.columns.items() if name in log.columns]
    return tuple(
        name
        for name, a, b in shared
        if a.numeric == b.numeric and a.known and b.known and compared_as(a, b) is Compared.NOT
    )


def counted(before: np.ndarray, after: np.ndarray) -> tuple[list[str], tuple[np.ndarray, np.ndarray]]:
    """The categories of either, and how often each stands in both."""
    names = sorted(set(before.tolist()) | set(after.tolist()))
    index: Mapping[str, int] = {name: i for i, name in enumerate(names)}
    counts = tuple(
        np.bincount([index[v] for v in values.tolist()], minlength=len(names)).astype(np.int64)
        for values in (before, after)
    )
    return names, (counts[0], counts[1])


def date_words(at_s: float) -> str:
    """A date of any century: what Python's own conversion of seconds bears depends on the platform."""
    try:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(at_s)):%Y-%m-%d %H:%M}".removesuffix(
            " 00:00"
        )
    except OverflowError:
        return f"{at_s:.4g} s"


def renamed(reference: Log, log: Log) -> dict[str, str]:
    """Columns that are gone, each with the one that is new and distributed alike, if there is exactly one."""
    gone = [column for name, column in reference.columns.items() if name not in log.columns and name not in log.times]
    new = [
        column for name, column in log.columns.items() if name not in reference.columns and name not in reference.times
    ]
    pairs = {one.name: [other.name for other in new if _alike(one, other)] for one in gone}
    taken = [names[0] for names in pairs.values() if len(names) == 1]
    return {name: names[0] for name, names in pairs.items() if len(names) == 1 and taken.count(names[0]) == 1}


def _alike(before: Column, after: Column) -> bool:
    if min(before.known, after.known) < FEWEST or before.numeric != after.numeric:
        return False
    kind = compared_as(before, after)
    if kind is Compared.NUMBERS:
        a, b = before.numbers(), after.numbers()
        return bool(np.ptp(a) > 0) and kolmogorov(a, b) < ALIKE
    if kind is Compared.CATEGORIES:
        names, (had, has) = counted(before.words_known(), after.words_known())
        return len(names) > 1 and total_variation(had / had.sum(), has / has.sum()) < ALIKE
    return False
