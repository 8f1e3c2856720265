"""A golden set looked at as a whole: what it covers, how old it is, and what each generation scored on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from mlcontrol.core.golden import GoldenSet, set_name

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class GenerationScore:
    """What one version scored; ``set_of`` names the items it was asked: scores of different sets cannot be compared.

    ``right`` of ``n``: a plain count; ``share``: by importance, `None` where only the count was kept; ``low``/``high``: its 95 %
    interval.
    """

    version: str
    at_s: float
    right: int
    n: int
    set_of: str
    share: float | None = None
    low: float = 0.0
    high: float = 1.0
    critical_failed: tuple[str, ...] = ()
    by_slice: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def estimate(self) -> float | None:
        if self.share is not None:
            return self.share
        return self.right / self.n if self.n else None


class Drift(StrEnum):
    """Where a generation stands against the good ones before it on the very same items."""

    FIRST = "first"  # nothing before it to hold it to
    AS_BEFORE = "as before"
    BETTER = "better"
    WORSE = "worse"
    OTHER_ITEMS = "other items"  # asked other items than the set holds now


@dataclass(frozen=True, slots=True)
class Generation:
    """``change``: in the share of right answers against the generation before it on the same items."""

    score: GenerationScore
    drift: Drift
    change: float | None = None
    known_good: bool = False


@dataclass(frozen=True, slots=True)
class Ages:
    """Days since the expected answers were last said to be right. ``old``: (item, days), the oldest first; ``undated``: items of
    which nobody knows."""

    oldest_days: float | None = None
    median_days: float | None = None
    old: tuple[tuple[str, float], ...] = ()
    undated: int = 0


@dataclass(frozen=True, slots=True)
class GoldenLook:
    """``slices``: items by "name=value". ``weights``: (lowest, highest) importance. ``generations``: in the order of their
    versions, the newest last; ``floor``: what the next one must reach, and ``floor_from``: who says so."""

    service: str
    set_of: str
    n: int
    critical: int
    weights: tuple[float, float]
    tolerances: Mapping[str, int]
    slices: Mapping[str, int]
    ages: Ages
    stale_days: float
    generations: tuple[Generation, ...]
    floor: float | None = None
    floor_from: str = ""


def ages(golden: GoldenSet, now_s: float) -> Ages:
    days = {item.id: (now_s - item.added_s) / DAY_S for item in golden.items if item.added_s is not None}
    old = sorted(((name, d) for name, d in days.items() if d > golden.stale_days), key=lambda row: -row[1])
    if not days:
        return Ages(undated=len(golden.items))
    return Ages(max(days.values()), median(days.values()), tuple(old), len(golden.items) - len(days))


def look(
    golden: GoldenSet, scores: Iterable[GenerationScore], known_good: Iterable[str], order: Iterable[str], now_s: float
) -> GoldenLook:
    """``scores``: newest first, the newest of each version and set. ``order``: versions, oldest first; one that is not named
    stands before them all."""
    name, good, place = set_name(golden.items), set(known_good), {v: i for i, v in enumerate(order)}
    newest: dict[str, GenerationScore] = {}
    for one in scores:  # of a version: what it scored on the present items, else on its last ones
        if one.version not in newest or (one.set_of == name != newest[one.version].set_of):
            newest[one.version] = one
    generations: list[Generation] = []
    before: GenerationScore | None = None
    best: list[float] = []
    for score in sorted(newest.values(), key=lambda s: (place.get(s.version, -1), s.at_s)):
        here = score.set_of == name
        drift, change = Drift.OTHER_ITEMS, None
        if here and score.estimate is not None:
            drift = _drift(score, best)
            change = None if before is None or before.estimate is None else score.estimate - before.estimate
            before = score
        generations.append(Generation(score, drift, change, score.version in good))
        if here and score.version in good and score.estimate is not None:
            best.append(score.estimate)
    floor, floor_from = golden.minimum_score, "the golden set's minimum"
    if floor is None and best:
        floor, floor_from = min(best), "the worst of the generations that served well"
    tolerances: dict[str, int] = {}
    slices: dict[str, int] = {}
    for item in golden.items:
        tolerances[item.expected.tolerance.kind.value] = tolerances.get(item.expected.tolerance.kind.value, 0) + 1
        for key, value in item.slices.items():
            slices[f"{key}={value}"] = slices.get(f"{key}={value}", 0) + 1
    weights = [item.importance for item in golden.items] or [1.0]
    return GoldenLook(
        golden.service, name, len(golden.items), sum(item.critical for item in golden.items),
        (min(weights), max(weights)), tolerances, dict(sorted(slices.items())), ages(golden, now_s), golden.stale_days,
        tuple(generations), floor, floor_from if floor is not None else "",
    )  # fmt: skip


def _drift(score: GenerationScore, good: list[float]) -> Drift:
    """By the interval, so that an item or two of luck is no drift: worse when even its upper end is below the worst good one."""
    if not good:
        return Drift.FIRST
    low, high = (score.low, score.high) if score.share is not None else (score.estimate or 0.0,) * 2
    if high < min(good):
        return Drift.WORSE
    return Drift.BETTER if low > max(good) else Drift.AS_BEFORE
