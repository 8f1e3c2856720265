"""A series as people have it on disk: a CSV of times and values, or a saved answer to a Prometheus range query."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime
from math import isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np

from mlcontrol.core.alerts.evaluate import History
from mlcontrol.core.problem import Problem, ProblemError

_TIME_NAMES = ("timestamp", "time", "ts", "at", "datetime", "date", "at_s")
_COUNTER_NAME = re.compile(r"_(total|count|sum|bucket)(\{.*)?$")
_MISSING = {"", "nan", "null", "none", "na", "n/a", "-"}
MOST_RESTARTS = 0.1
"""Of the readings. What falls oftener is a count of something by interval, whatever it is called."""
FEWEST_RISES = 10
"""So many steps up and none down: nobody's level, but a count of what is rare."""
LARGEST_BYTES = 512 * 1024 * 1024


def read_series(path: Path) -> tuple[list[History], list[str]]:
    """The series and what had to be said about reading them. Raises `ProblemError` (code "usage") when it is neither format."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise _unreadable(path, f"it is larger than {LARGEST_BYTES // 2**20} MB", "Ask for a wider step.")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error), "Check the path.") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is no UTF-8 text", "Save it as CSV or JSON.") from error
    histories, notes = _answer(path, text) if text.lstrip()[:1] == "{" else _table(path, text)
    return [_rate_of_counter(history, notes) for history in histories], notes


def _answer(path: Path, text: str) -> tuple[list[History], list[str]]:
    try:
        answer = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _unreadable(path, f"it is no JSON ({error})", "Save the whole answer of /api/v1/query_range.") from error
    if answer.get("status") == "error":
        raise _unreadable(
            path,
            f"Prometheus answered: {str(answer.get('error') or 'an error, without a reason')[:200]}",
            "Mend the query.",
        )
    data = answer.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
        raise _unreadable(path, "it is no range-query answer", "Save the whole answer of /api/v1/query_range.")
    notes = [f"Prometheus warned: {warning}" for warning in answer.get("warnings", [])]
    try:
        named = [(_series_name(one["metric"]), one.get("values", [])) for one in data["result"]]
        points = [(name, {float(at): _number(value) for at, value in values}) for name, values in named]
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, "a series in it has another form", "Save the answer as it came.") from error
    # One set of times for all, so that rules which need two series find them side by side.
    at_s = sorted({at for _, values in points for at in values})
    times = np.array(at_s, dtype=np.float64)
    return [History(name, times, np.array([values.get(at, nan) for at in at_s])) for name, values in points], notes


def _series_name(metric: dict[str, str]) -> str:
    labels = ",".join(f'{key}="{value}"' for key, value in sorted(metric.items()) if key != "__name__")
    name = metric.get("__name__", "")
    return f"{name}{{{labels}}}" if labels else name or "value"


def _table(path: Path, text: str) -> tuple[list[History], list[str]]:
    try:
        dialect: Any = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    rows = [row for row in csv.reader(text.splitlines(), dialect) if any(cell.strip() for cell in row)]
    if not rows:
        return [], ["the file is empty"]
    header = [cell.strip() for cell in rows[0]]
    if _moment(header[0]) is not None:
        header, body = (
            ["timestamp", *(["value"] if len(header) == 2 else [f"value{i}" for i in range(1, len(header))])],
            rows,
        )
    else:
        body = rows[1:]
    lowered = [name.casefold() for name in header]
    time_column = next((lowered.index(name) for name in _TIME_NAMES if name in lowered), 0)
    notes: list[str] = []
    moments = [_moment(row[time_column]) if time_column < len(row) else None for row in body]
    if bad := sum(at is None for at in moments):
        if bad == len(body) and body:
            raise _unreadable(path, f"column {header[time_column]!r} holds no times", "Name the time column timestamp.")
        notes.append(f"{bad} rows have no readable time and are left out")
    # The last reading of a moment counts; rows may come in any order.
    ordered = dict(
        sorted(((at, row) for at, row in zip(moments, body, strict=True) if at is not None), key=lambda one: one[0])
    )
    if len(ordered) < len(body) - bad:
        notes.append(f"{len(body) - bad - len(ordered)} rows repeat a time; the last of each counts")
    times = np.array(list(ordered), dtype=np.float64)
    histories = []
    for i, name in enumerate(header):
        if i == time_column:
            continue
        cells = [row[i].strip() if i < len(row) else "" for row in ordered.values()]
        values = np.array([_number(cell) for cell in cells], dtype=np.float64)
        words = sum(
            cell.casefold() not in _MISSING and not isfinite(v) for cell, v in zip(cells, values.tolist(), strict=True)
        )
        if words > len(cells) / 2:
            notes.append(f"column {name!r} holds words and is left out")
            continue
        if words:
            notes.append(f"{name}: {words} cells are no number")
        histories.append(History(name, times, values))
    return histories, notes


def _rate_of_counter(history: History, notes: list[str]) -> History:
    """A counter becomes its increase per second: its level says how long it has run, and a restart is no incident."""
    known = np.isfinite(history.values)
    values = history.values[known]
    if values.size < 20 or values.min() < 0:
        return history
    steps = np.diff(values)
    falls, rises = steps < 0, int(np.count_nonzero(steps > 0))
    named = _COUNTER_NAME.search(history.name) is not None
    # A restart begins near nothing; of what calls itself a counter every fall is one, as Prometheus has it.
    restarts = named or bool(np.all(values[1:][falls] <= 0.1 * values[:-1][falls]))
    few = np.count_nonzero(falls) <= (MOST_RESTARTS if named else 0.02) * steps.size
    whole = bool(np.all(values == np.round(values)))
    grows = rises > 0.95 * steps.size or (not falls.any() and rises >= FEWEST_RISES)
    if not (restarts and few) or not (named or (whole and grows)):
        return history
    grown = np.where(falls, values[1:], steps) / np.diff(history.at_s[known])
    rate = np.full(history.values.size, np.nan)
    rate[np.flatnonzero(known)[1:]] = grown
    resets = int(np.count_nonzero(falls))
    notes.append(f"{history.name} is a counter ({resets} restarts): judged is its increase per second")
    return History(history.name, history.at_s[1:], rate[1:])


def _number(cell: object) -> float:
    try:
        value = float(str(cell))
    except ValueError:
        return nan
    return value if isfinite(value) else nan


def _moment(cell: str) -> float | None:
    """UTC seconds of an ISO time or of a count of seconds, milli-, micro- or nanoseconds since 1970."""
    text = cell.strip()
    try:
        number = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not isfinite(number):
        return None
    for limit, unit in ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3)):
        if abs(number) >= limit:
            return number / unit
    return number


def _unreadable(path: Path, why: str, following: str) -> ProblemError:
    return ProblemError(Problem(f"{path} cannot be read.", f"{why[:1].upper()}{why[1:]}.", following, code="usage"))
