"""Single requests of a log and what they have in common: the questions in SQL, and their rows as values."""

from __future__ import annotations

import json
from typing import Any

from mlcontrol.core.judge.answers import Answers
from mlcontrol.ports.predictions import LoggedPrediction

LOGGED = (
    "request_id, at_s, version, inputs::varchar, outputs::varchar, slices::varchar, status, error, latency_ms, label::varchar,"
    " coalesce(contradicted, false)"
)

# Inputs that are words are categories, as slices are; longer ones are texts, no two alike.
FAILURES_BY_SLICE = (
    "select name, value, count(*), count(*) filter (failed) from ("
    "select pair.key as name, json_extract_string(pair.value, '$') as value, error is not null as failed"
    " from log, json_each(log.slices) as pair union all "
    "select pair.key, json_extract_string(pair.value, '$'), error is not null"
    " from log, json_each(log.inputs) as pair where pair.type = 'VARCHAR' and len(pair.value) <= 40)"
    " group by 1, 2 order by 4 desc, 1, 2"
)


def logged(row: tuple[Any, ...]) -> LoggedPrediction:
    """A row of `LOGGED`."""
    request_id, at_s, version, inputs, outputs, slices, status, error, latency_ms, label, contradicted = row
    named = {} if not slices else {str(name): str(value) for name, value in json.loads(slices).items()}
    return LoggedPrediction(
        request_id, at_s, version, inputs, outputs, named, status, error, latency_ms, label, contradicted
    )


def as_answers(rows: list[tuple[Any, ...]]) -> Answers:
    """Columns of one question as arrays."""
    import numpy as np

    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    names, answer = _coded(columns[4])
    versions, version = _coded(columns[6])
    waits = np.array([np.nan if wait is None else wait for wait in columns[3]], dtype=np.float64)
    return Answers(
        np.array(columns[0], dtype=np.float64),
        np.array(columns[1], dtype=np.float64),
        np.array(columns[2], dtype=np.bool_),
        waits,
        np.array(answer, dtype=np.int64),
        np.array(columns[5], dtype=np.int64),
        np.array(version, dtype=np.int64),
        names,
        versions,
    )


def _coded(values: tuple[str | None, ...]) -> tuple[tuple[str, ...], list[int]]:
    names = tuple(sorted({value for value in values if value is not None}))
    index = {name: place for place, name in enumerate(names)}
    return names, [-1 if value is None else index[value] for value in values]
