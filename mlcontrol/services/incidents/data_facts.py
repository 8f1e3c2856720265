"""An incident of data read anew: the change that the watch told, beside the rows of the prediction log that show it."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlcontrol.core.data_report import DataSettings
from mlcontrol.core.incidents.data_change import Answers, DataChange
from mlcontrol.core.logged_value import is_class, is_number, same_class, without_batch
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import TimelineEvent
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.predictions import LoggedPrediction, PredictionLog
from mlcontrol.services.collect_predictions import is_regression
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.data_back import MARGINS_S
from mlcontrol.services.data_events import told_s
from mlcontrol.services.incidents import data_rows
from mlcontrol.services.incidents.data_rows import Slices
from mlcontrol.services.sudden_data import FEWEST, ROWS_BEFORE, SEED, logged

LOG_DEADLINE_S = 3.0
AGAIN_S = 10.0
SURELY_S = 20.0
"""It is told when it was found twice, so long apart at least: what came since the first time is surely of after it."""
SHOWS_S = 120.0  # so much of after it tells when it began
LABELS = 20
"""Fewer labels tell nothing of the answers: where 20 of 20 are right, one in six may still be wrong."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """``events``: of the watch, of one disturbance, oldest first; ``ended_s``: when it told that all of it is over."""

    events: tuple[TimelineEvent, ...]
    ended_s: float | None = None


class DataFacts:
    """Keeps what was read for `AGAIN_S`. *Thread:* any."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, float, DataChange]] = {}

    def read(self, key: str, service: str, told: Disturbance, until_s: float) -> DataChange:
        """``key``: of the incident. ``until_s``: what came later is not of it. Never raises: what cannot be read is said."""
        now_s = self._ctx.clock.utc_s()
        until_s = min(until_s, now_s, told.ended_s if told.ended_s is not None else now_s)
        with self._lock:
            known = self._known.get(key)
        same = known is not None and known[2].event == told.events[0].id and known[2].ended_s == told.ended_s
        if known is not None and same and (now_s - known[0] < AGAIN_S or known[1] == until_s):
            return known[2]
        found = self._read(service, told, until_s)
        with self._lock:
            self._known[key] = (now_s, until_s, found)
        return found

    def _read(self, service: str, told: Disturbance, until_s: float) -> DataChange:
        first = told.events[0]
        at_s = told_s(first)
        # Without the rows it is known to have begun between two looks of the watch.
        base = DataChange(
            first.id, at_s, first.title, first.detail, (first.at_s + at_s) / 2, first.at_s, at_s, ended_s=told.ended_s
        )
        settings = self._ctx.settings.services.get(service)
        if settings is None or not settings.predictions:
            return replace(base, why="no prediction log tells what callers send")
        try:
            log = self._ctx.predictions(settings.predictions)
            return _from_rows(base, log, settings, DataSettings.read(settings.data), first.at_s, max(until_s, at_s))
        except (AdapterError, ProblemError, ValueError) as error:
            return replace(base, why=str(error)[:200])


def _from_rows(
    base: DataChange, log: PredictionLog, service: ServiceSettings, data: DataSettings, dated_s: float, until_s: float
) -> DataChange:
    shows_s = min(until_s, base.told_s + SHOWS_S)
    begin_s = dated_s - MARGINS_S[0] - data.window_s
    rows = list(log.sample(service.id, 2 * ROWS_BEFORE, SEED, begin_s, shows_s, None, LOG_DEADLINE_S))
    if until_s > shows_s:
        rows += log.sample(service.id, ROWS_BEFORE, SEED, shows_s, until_s, None, LOG_DEADLINE_S)
    if not rows:
        return replace(base, why="the prediction log holds nothing of then any more")
    at_s = np.array([row.at_s for row in rows])
    calm = _calm(at_s, dated_s)
    changed = at_s > base.told_s - SURELY_S
    if np.count_nonzero(changed) < FEWEST:
        changed = at_s > dated_s
    if min(np.count_nonzero(calm), np.count_nonzero(changed)) < FEWEST:
        return replace(base, why="too few requests are logged from before or since to compare them")
    columns = logged(rows, service, data.slices)
    found = data_rows.look(columns, at_s, calm, changed, at_s <= shows_s)
    if found is None or not found.inputs:
        return replace(base, why="the requests that are still logged do not show it")
    when = found.parted
    if when is not None:
        base = replace(base, at_s=when.at_s, low_s=when.low_s, high_s=when.high_s, by_rows=True)
        calm, changed = at_s < when.low_s, at_s > when.high_s
    inside = found.where.mask(columns.log)
    newest = [int(i) for i in np.argsort(-at_s) if inside[i] and changed[i]]
    moved = [one.column.removeprefix("mean of ") for one in found.inputs]
    touched, asked = _requests(log, service.id, found.where, base.high_s, until_s)
    return replace(
        base,
        inputs=found.inputs,
        where=found.where.words,
        touched=touched,
        asked=asked,
        answers=_answers([r for r, i in zip(rows, calm & inside, strict=True) if i],
                         [r for r, i in zip(rows, changed & inside, strict=True) if i], service),
        examples=data_rows.examples([row.request_id for row in rows], columns.log, newest, moved),
    )  # fmt: skip


def _calm(at_s: Any, dated_s: float) -> Any:
    """Rows of well before it; the margin is the most that leaves rows enough."""
    for margin_s in MARGINS_S:
        calm = at_s < dated_s - margin_s
        if np.count_nonzero(calm) >= FEWEST:
            break
    return calm


def _requests(log: PredictionLog, service: str, where: Slices, since_s: float, until_s: float) -> tuple[int, int]:
    """(those that the change touched, all) since then, failed ones too."""
    if not where.cut:
        all_of_them = sum(s.answered + s.failed for s in log.shares(service, since_s, until_s, LOG_DEADLINE_S))
        return all_of_them, all_of_them
    counts = log.slices(service, since_s, until_s, LOG_DEADLINE_S).get(where.cut, {})
    return sum(counts.get(value, 0) for value in where.values), sum(counts.values())


def _answers(before: Sequence[LoggedPrediction], since: Sequence[LoggedPrediction], s: ServiceSettings) -> Answers:
    from mlcontrol.core.signals.size import moved_share, times_the_mean

    classes = not is_regression(s)
    was, now = (_missed(rows, s.prediction, classes) for rows in (before, since))
    n, m = len(was), len(now)
    if min(n, m) < LABELS:
        return Answers(n, m, LABELS, classes)
    if classes:
        size = moved_share(n - int(sum(was)), n, m - int(sum(now)), m)
        return Answers(n, m, LABELS, True, 1 - sum(was) / n, 1 - sum(now) / m, size.low, size.high)
    ratio = times_the_mean(np.array(was), np.array(now))
    if ratio is None:
        return Answers(n, m, LABELS, False)
    return Answers(n, m, LABELS, False, float(np.mean(was)), float(np.mean(now)), ratio.low, ratio.high)


def _missed(rows: Sequence[LoggedPrediction], prediction: str, classes: bool) -> list[float]:
    """Of the labelled answers: 1 for a wrong one, or by how much it misses."""
    found = []
    for row in rows:
        if row.label is None:
            continue
        label, answer = without_batch(json.loads(row.label)), without_batch(json.loads(row.outputs).get(prediction))
        if classes and is_class(label) and is_class(answer):
            found.append(0.0 if same_class(label, answer) else 1.0)
        elif not classes and is_number(label) and is_number(answer):
            found.append(abs(float(answer) - float(label)))
    return found
