"""Logged answers to a quality report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mlcontrol.core.logged_value import class_name, in_one_way, is_class, is_number, without_batch
from mlcontrol.core.quality.classes import accuracy, auc, by_class, calibration, class_order, log_loss
from mlcontrol.core.quality.estimated import estimated_accuracy
from mlcontrol.core.quality.numbers import ndcgs, numbers, ranking
from mlcontrol.core.quality.parts import left_out, slice_quality
from mlcontrol.core.quality.report import Measure, SliceQuality, Task


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: the outputs as JSON text, its label (JSON text) if it has come, its slices. ``contradicted``: several labels
    came that say different things."""

    outputs: str
    label: str | None = None
    slices: Mapping[str, str] = field(default_factory=dict)
    contradicted: bool = False
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    task: Task
    labelled: int
    measures: tuple[Measure, ...]
    slices: tuple[SliceQuality, ...]
    estimate: Measure | None
    notes: tuple[str, ...]


def measure(rows: Sequence[Answered], prediction: str, probability: str, regression: bool) -> Measured:
    """``prediction``, ``probability``: names of outputs; ``probability`` empty: the model tells none."""
    rows = sorted(rows, key=lambda row: row.at_s)
    told = [json.loads(row.outputs) for row in rows]
    answers = [without_batch(outputs.get(prediction)) for outputs in told]
    labels = [None if row.label is None else without_batch(json.loads(row.label)) for row in rows]
    lists, others = (sum(y is not None and isinstance(y, list) is kind for y in labels) for kind in (True, False))
    if lists > others:
        found, strange = (
            _ranked(rows, labels, answers),
            f"{others} labels are no lists as the others are, and are left out",
        )
    else:
        strange = f"{lists} labels are lists and not single values as the others are, and are left out"
        known = [i for i, (a, y) in enumerate(zip(answers, labels, strict=True)) if is_class(a) and is_class(y)]
        found = (
            _numbers(rows, answers, labels, known)
            if regression
            else _classes(rows, told, answers, labels, known, probability)
        )
    notes = [strange] if min(lists, others) else []
    unlike = sum(row.contradicted for row in rows)
    if unlike:
        notes.append(
            f"labels of {unlike} answers contradict each other; the last one counts, or none where no time tells which"
        )
    return replace(found, notes=(*found.notes, *notes)) if notes else found


def _ranked(rows: Sequence[Answered], labels: Sequence[Any], answers: Sequence[Any]) -> Measured:
    known = [i for i, pair in enumerate(zip(labels, answers, strict=True)) if all(map(_is_list_of_numbers, pair))]
    gains, scores = [labels[i] for i in known], [answers[i] for i in known]
    why = Measure("ndcg", None, note="a ranking has no confidence to estimate from", share=False)
    found = ndcgs(gains, scores)
    told = np.isfinite(found)
    slices = _slices([rows[i] for i, one in zip(known, told, strict=True) if one])
    parts = slice_quality(found[told], slices, Task.RANKING)
    return Measured(Task.RANKING, len(known), ranking(gains, scores), parts, why, left_out(slices))


def _is_list_of_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_number, value))


def _numbers(rows: Sequence[Answered], answers: Sequence[Any], labels: Sequence[Any], known: Sequence[int]) -> Measured:
    known = [i for i in known if is_number(answers[i]) and is_number(labels[i])]
    why = Measure("rmse", None, note="a number comes without a confidence to estimate from", share=False)
    if len(known) < 2:
        return Measured(Task.NUMBERS, len(known), (), (), why, ("fewer than two labels have come",))
    told = np.array([float(answers[i]) for i in known])
    true = np.array([float(labels[i]) for i in known])
    slices = _slices([rows[i] for i in known])
    with np.errstate(over="ignore", invalid="ignore"):
        parts = slice_quality(told - true, slices, Task.NUMBERS)
    return Measured(Task.NUMBERS, len(known), numbers(true, told), parts, why, left_out(slices))


def _classes(
    rows: Sequence[Answered],
    told: Sequence[Mapping[str, Any]],
    answers: Sequence[Any],
    labels: Sequence[Any],
    known: Sequence[int],
    probability: str,
) -> Measured:
    if not known:
        return Measured(Task.CLASSES, 0, (), (), None, ("no label has come yet",))
    words = [class_name(a) if is_class(a) else None for a in answers]
    told_true = [class_name(labels[i]) for i in known]
    other = in_one_way({words[i] or "" for i in known}.union(told_true))
    words, told_true = [None if w is None else other.get(w, w) for w in words], [other.get(w, w) for w in told_true]
    names = sorted({words[i] or "" for i in known}.union(told_true))
    sure, order, notes = _probabilities(told, words, names, probability)
    names = list(order) if order is not None else names
    code = {name: i for i, name in enumerate(names)}
    true = np.array([code[name] for name in told_true], dtype=np.int64)
    mine = np.array([code[words[i] or ""] for i in known], dtype=np.int64)
    measures = [accuracy(true, mine), *by_class(true, mine, names)]
    estimate = None
    if sure is not None and order is not None:
        seen = np.array([i for i in range(len(known)) if np.isfinite(sure[known[i]]).all()], dtype=np.int64)
        if seen.size >= 2:
            given = sure[np.asarray(known)[seen]]
            measures += [auc(true[seen], given), log_loss(true[seen], given), calibration(true[seen], given)]
            has_label = set(known)
            waiting = [
                i for i, word in enumerate(words) if i not in has_label and np.isfinite(sure[i]).all() and word in code
            ]
            # Of the class that was answered, which a threshold may have made another than the likeliest one.
            confidence = given[np.arange(seen.size), mine[seen]]
            theirs = sure[waiting, [code[words[i] or ""] for i in waiting]]
            estimate = estimated_accuracy(confidence, true[seen] == mine[seen], theirs)
    if estimate is None:
        estimate = Measure("accuracy", None, note="the answers come without usable probabilities")
    slices = _slices([rows[i] for i in known])
    parts = slice_quality((true != mine).astype(np.float64), slices, Task.CLASSES)
    return Measured(Task.CLASSES, len(known), tuple(measures), parts, estimate, (*notes, *left_out(slices)))


def _probabilities(
    told: Sequence[Mapping[str, Any]], words: Sequence[str | None], names: Sequence[str], output: str
) -> tuple[Any, tuple[str, ...] | None, tuple[str, ...]]:
    """(answers x classes, NaN where an answer has none), the classes in that order, and what is wrong with them."""
    if not output:
        return None, None, ("no output is named as the probabilities",)
    given = [without_batch(outputs.get(output)) for outputs in told]
    single = any(is_number(g) for g in given)
    widths = {len(g) for g in given if isinstance(g, list)}
    if single and len(names) == 2:
        given = [[1 - g, g] if is_number(g) else None for g in given]
        widths = {2}
    if len(widths) != 1 or (width := widths.pop()) < 2:
        return None, None, (f"the output {output} holds no probabilities of classes",)
    table = np.full((len(given), width), np.nan)
    for i, g in enumerate(given):
        if isinstance(g, list) and len(g) == width and all(is_number(x) for x in g):
            table[i] = g
    bad = np.isfinite(table).all(axis=1) & ((table < 0).any(axis=1) | (np.abs(table.sum(axis=1) - 1) > 0.01))
    if bad.any():
        return None, None, (f"the output {output} holds numbers that are no probabilities",)
    held = [i for i in range(len(given)) if np.isfinite(table[i]).all() and words[i] is not None]
    if not held:
        return None, None, (f"no answer holds the output {output}",)
    said = [words[i] or "" for i in held]
    if single:
        # Whatever the threshold: the class that goes with the higher probability is the one it is of.
        order: tuple[str, ...] | None = _by_probability(names, said, table[held, 1])
    else:
        order = class_order(names, table[held].argmax(axis=1), said, width)
    if order is None:
        return None, None, ("which probability belongs to which class cannot be told from the log",)
    return table, order, ()


def _by_probability(names: Sequence[str], said: Sequence[str], probability: Any) -> tuple[str, ...] | None:
    told = np.asarray(said, dtype=object)
    means = [float(probability[told == name].mean()) if np.any(told == name) else np.nan for name in names]
    if np.isnan(means[0]) or np.isnan(means[1]):
        return tuple(names)
    return (names[0], names[1]) if means[0] <= means[1] else (names[1], names[0])


def _slices(rows: Sequence[Answered]) -> dict[str, Any]:
    names = sorted({name for row in rows for name in row.slices})
    return {name: np.array([row.slices.get(name) for row in rows], dtype=object) for name in names}
