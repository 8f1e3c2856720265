"""Logged predictions as columns: inputs by their names, vectors by their mean, the answer as "prediction", slices by theirs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlcontrol.core.data_report import ANSWER
from mlcontrol.core.logged_value import is_number, without_batch
from mlcontrol.core.signals.log_columns import Column, Log
from mlcontrol.core.signals.noise import Floats

STRAY = 0.01
"""So small a share of a column's values that are no numbers does not make it one of words."""


@dataclass(frozen=True, slots=True)
class LoggedRow:
    inputs: str
    outputs: str
    slices: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rows:
    """``vectors``: all values of a vector input, by name. ``cuts``: names of slices that are columns of ``log``."""

    log: Log
    vectors: Mapping[str, Floats]
    cuts: tuple[str, ...]


def rows_as_log(rows: Sequence[LoggedRow], prediction: str, cuts: Sequence[str] = ()) -> Rows:
    """``cuts``: slices to keep; empty: every one that the rows name."""
    values: dict[str, list[Any]] = {}
    vectors: dict[str, list[float]] = {}
    named = set(cuts) or {name for row in rows for name in row.slices}
    for i, row in enumerate(rows):
        entry: dict[str, Any] = {}
        for name, value in json.loads(row.inputs).items():
            value = without_batch(value)
            if isinstance(value, list):
                numbers = [float(x) for x in _flat(value) if is_number(x)]
                vectors.setdefault(name, []).extend(numbers)
                entry[name] = float(np.mean(numbers)) if numbers else None
            else:
                entry[name] = value
        entry[ANSWER] = without_batch(json.loads(row.outputs).get(prediction))
        entry |= {name: row.slices.get(name) for name in named}
        for name, value in entry.items():
            values.setdefault(name, [None] * i).append(value)
        for name, column in values.items():
            if name not in entry:
                column.append(None)
    columns = {name: Column(name, _array(column)) for name, column in values.items()}
    log = Log(columns, len(rows))
    return Rows(
        log, {n: np.asarray(v, dtype=np.float64) for n, v in vectors.items()}, tuple(sorted(named & set(columns)))
    )


def _array(values: list[Any]) -> np.ndarray:
    """Numbers, where nearly all are: a NaN, an infinity or a few "n/a" among them are missing, and make no words of the rest."""
    known = [v for v in values if v is not None and not _is_none(v)]
    numbers = sum(map(is_number, known))
    if len(known) - numbers <= STRAY * len(known):
        return np.array([float(v) if is_number(v) else np.nan for v in values], dtype=np.float64)
    words = np.empty(len(values), dtype=object)
    words[:] = [None if v is None or _is_none(v) else str(v) for v in values]
    return words


def _is_none(value: Any) -> bool:
    """A number by its type that is none: NaN, infinite, or beyond what a float holds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and not is_number(value)


def _flat(value: Any) -> list[Any]:
    return [one for part in value for one in _flat(part)] if isinstance(value, list) else [value]
