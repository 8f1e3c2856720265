"""Golden sets: curated queries with the answers they must get, and the score of a version that was asked them."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from math import isclose, isfinite
from typing import Any

from mlcontrol.core.review import wilson

STALE_DAYS = 180.0
_ROWS, _NUMBERS = (list, tuple), (int, float)  # a union is made anew each time it is asked for


class ToleranceKind(StrEnum):
    EXACT = "exact"
    NUMERIC = "numeric"
    TOP_K = "top-k"
    SET = "set"
    TEXT = "text"  # normalised: case, accents' composition and white space do not count


@dataclass(frozen=True, slots=True)
class Tolerance:
    """``abs``/``rel``: of a numeric answer (either suffices). ``k``: of a ranked answer."""

    kind: ToleranceKind = ToleranceKind.EXACT
    abs: float = 0.0
    rel: float = 0.0
    k: int = 1


@dataclass(frozen=True, slots=True)
class Expected:
    """The value the named output must have. A ranked or scored output is compared by ``tolerance.kind``."""

    output: str
    value: Any
    tolerance: Tolerance = field(default_factory=Tolerance)


@dataclass(frozen=True, slots=True)
class GoldenItem:
    """``inputs``: nested lists by tensor name, batch first. A ``critical`` item must be right, whatever the score.

    ``importance``: how much it weighs in the score against the others, above 0. ``added_s``: when somebody last said that the
    expected answer is right, seconds since the epoch; `None` = nobody knows.
    """

    id: str
    inputs: Mapping[str, Any]
    expected: Expected
    slices: Mapping[str, str] = field(default_factory=dict)
    critical: bool = False
    importance: float = 1.0
    added_s: float | None = None


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """``minimum_score``: share of right answers, by importance, that a version must reach, 0..1; `None` = nobody said.
    ``stale_days``: an item older than this is old: what was right then may not be right now."""

    service: str
    model: str
    items: tuple[GoldenItem, ...]
    minimum_score: float | None = None
    created_at: str = ""
    stale_days: float = STALE_DAYS


def set_name(items: Iterable[GoldenItem]) -> str:
    """A short digest of the items, what they expect and how much they weigh; their order and age do not matter."""
    texts = sorted(
        f"{i.id}\0{i.inputs!r}\0{_words(i.expected)}\0{i.critical}"
        + (f"\0{i.importance}" if i.importance != 1.0 else "")
        for i in items
    )
    return hashlib.sha256("\n".join(texts).encode(errors="backslashreplace")).hexdigest()[:16]


def _words(expected: Expected) -> str:
    """Its `repr`, which is what names of sets were always made of, for a third of the time."""
    return f"Expected(output={expected.output!r}, value={expected.value!r}, tolerance={_written(expected.tolerance)})"


@lru_cache(maxsize=256)
def _written(tolerance: Tolerance) -> str:
    """The items of a set share a few tolerances."""
    return repr(tolerance)


@dataclass(frozen=True, slots=True)
class GoldenScore:
    """``right`` of ``n``: a plain count. ``estimate``: the share by importance, with a 95 % Wilson interval at Kish's effective
    number of items. ``unanswered`` items, which the version refused or failed at, count as wrong. ``by_slice``: (right, n) by
    "name=value".

    ``unknown``: items to which no answer came (silence, no connection): neither right nor wrong, and in none of the counts.
    ``at_best``: the estimate, had all of these been right."""

    right: int
    n: int
    estimate: float | None
    low: float
    high: float
    wrong: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()
    critical_failed: tuple[str, ...] = ()
    by_slice: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    at_best: float | None = None


def score(
    items: Iterable[GoldenItem], answers: Mapping[str, Mapping[str, Any]], silent: Collection[str] = ()
) -> GoldenScore:
    """``answers``: outputs by item id; an item without one is wrong, unless it is among the ``silent``: those are unknown."""
    right = n = 0
    weight = weight_right = squares = weight_unknown = 0.0
    unknown: list[str] = []
    wrong: list[str] = []
    unanswered: list[str] = []
    critical: list[str] = []
    slices: dict[str, tuple[int, int]] = {}
    for item in items:
        answer = answers.get(item.id)
        if answer is None and item.id in silent:
            unknown.append(item.id)
            weight_unknown += item.importance
            continue
        n += 1
        good = answer is not None and matches(item.expected, answer)
        right += good
        weight += item.importance
        weight_right += item.importance * good
        squares += item.importance**2
        if answer is None:
            unanswered.append(item.id)
        elif not good:
            wrong.append(item.id)
        if item.critical and not good:
            critical.append(item.id)
        for name, value in item.slices.items():
            hits, total = slices.get(f"{name}={value}", (0, 0))
            slices[f"{name}={value}"] = (hits + good, total + 1)
    estimate = weight_right / weight if n else None
    effective = weight * weight / squares if n else 0.0  # Kish 1965, Survey Sampling, 11.7
    low, high = wilson(effective if right == n else effective * (estimate or 0.0), effective)
    whole = weight + weight_unknown
    at_best = (weight_right + weight_unknown) / whole if whole else None
    return GoldenScore(
        right, n, estimate, low, high, tuple(wrong), tuple(unanswered), tuple(critical), slices, tuple(unknown), at_best
    )


def matches(expected: Expected, outputs: Mapping[str, Any]) -> bool:
    """Is the answer right within its tolerance? A missing output, a NaN or another kind of value never is."""
    if expected.output not in outputs:
        return False
    got, want, tolerance = outputs[expected.output], expected.value, expected.tolerance
    match tolerance.kind:
        case ToleranceKind.EXACT:
            return _plain(got) == _plain(want) and isinstance(_plain(got), bool) == isinstance(_plain(want), bool)
        case ToleranceKind.NUMERIC:
            return _close(_plain(got), _plain(want), tolerance)
        case ToleranceKind.TOP_K:
            return _plain(want) in _ranked(got, tolerance.k)
        case ToleranceKind.SET:
            return _as_set(got) == _as_set(want)
        case ToleranceKind.TEXT:
            return _normal(got) == _normal(want)


def _plain(value: Any) -> Any:
    """A single value out of its batch and length-one lists; longer lists stay."""
    while isinstance(value, _ROWS) and len(value) == 1:
        value = value[0]
    return list(value) if isinstance(value, tuple) else value


def _close(got: Any, want: Any, tolerance: Tolerance) -> bool:
    if isinstance(got, list) and isinstance(want, list):
        return len(got) == len(want) and all(_close(g, w, tolerance) for g, w in zip(got, want, strict=True))
    if not _number(got) or not _number(want):
        return False
    return isfinite(got) and isclose(got, want, rel_tol=tolerance.rel, abs_tol=tolerance.abs)


def _number(value: Any) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def _ranked(got: Any, k: int) -> list[Any]:
    """The first ``k`` labels of a ranked list, or the indices of the ``k`` highest scores."""
    values = _plain(got)
    if not isinstance(values, list):
        return [values]
    if values and all(isinstance(v, float) for v in values):
        return sorted(range(len(values)), key=lambda i: -values[i])[:k]
    return values[:k]


def _as_set(value: Any) -> frozenset[str]:
    values = _plain(value)
    return frozenset(map(repr, values if isinstance(values, list) else [values]))


def _normal(value: Any) -> str | None:
    text = _plain(value)
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()) if isinstance(text, str) else None
