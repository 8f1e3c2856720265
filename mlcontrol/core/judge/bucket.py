"""What was counted in one short span of a rollout, for the new version and for the old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mlcontrol.core.statistics.sequential import Floats


@dataclass(frozen=True, slots=True)
class Arm:
    """Counts of one version. ``answered`` and ``slower``: logged answers, and how many of them took longer than each threshold.

    ``predictions``: answers by class. ``labelled`` of them are known to be right or wrong by now,
    ``rated`` of them were told of by users. ``compute_ms``: mean time the
    server spent on a request, `None` where it does not say.
    """

    requests: int = 0
    errors: int = 0
    by_type: Mapping[str, int] = field(default_factory=dict)
    answered: int = 0
    slower: tuple[int, ...] = ()
    predictions: Mapping[str, int] = field(default_factory=dict)
    labelled: int = 0
    right: int = 0
    rated: int = 0
    liked: int = 0
    compute_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """``share``: what the router was told to send to the new version, 0..1. ``counted``/``logged``: whether the router's counters
    and the prediction log were read; counts of a source that was not read mean nothing. Times are UTC seconds."""

    start_s: float
    end_s: float
    share: float
    new: Arm = field(default_factory=Arm)
    old: Arm = field(default_factory=Arm)
    counted: bool = True
    logged: bool = True


@dataclass(frozen=True, slots=True)
class Columns:
    """Events and exposures of both arms by bucket, shape (buckets,)."""

    events_new: Floats
    events_old: Floats
    exposure_new: Floats
    exposure_old: Floats

    def scaled(self, factor: float) -> Columns:
        """Events counted as ``factor`` of one each: less evidence in the same proportion."""
        return Columns(self.events_new * factor, self.events_old * factor, self.exposure_new, self.exposure_old)


def error_columns(buckets: Sequence[Bucket]) -> Columns:
    return Columns(
        _column(b.new.errors for b in buckets),
        _column(b.old.errors for b in buckets),
        _column(b.new.requests for b in buckets),
        _column(b.old.requests for b in buckets),
    )


def slow_columns(buckets: Sequence[Bucket], threshold: int) -> Columns:
    """Answers slower than the threshold of that index."""
    return Columns(
        _column(_slower(b.new, threshold) for b in buckets),
        _column(_slower(b.old, threshold) for b in buckets),
        _column(b.new.answered for b in buckets),
        _column(b.old.answered for b in buckets),
    )


def wrong_columns(buckets: Sequence[Bucket]) -> Columns:
    """Answers that labels call wrong or users do not like, among all that were told of."""
    return Columns(
        _column(_wrong(b.new) for b in buckets),
        _column(_wrong(b.old) for b in buckets),
        _column(b.new.labelled + b.new.rated for b in buckets),
        _column(b.old.labelled + b.old.rated for b in buckets),
    )


def share_columns(buckets: Sequence[Bucket]) -> Columns:
    """Requests as events, the wished shares as exposures: their ratio is 1 when the split is what was asked for."""
    return Columns(
        _column(b.new.requests for b in buckets),
        _column(b.old.requests for b in buckets),
        _column(b.share for b in buckets),
        _column(1.0 - b.share for b in buckets),
    )


def class_columns(buckets: Sequence[Bucket], name: str) -> Columns:
    """Answers of one class among all classified answers."""
    return Columns(
        _column(b.new.predictions.get(name, 0) for b in buckets),
        _column(b.old.predictions.get(name, 0) for b in buckets),
        _column(sum(b.new.predictions.values()) for b in buckets),
        _column(sum(b.old.predictions.values()) for b in buckets),
    )


def _wrong(arm: Arm) -> int:
    return arm.labelled - arm.right + arm.rated - arm.liked


def _slower(arm: Arm, threshold: int) -> int:
    return arm.slower[threshold] if threshold < len(arm.slower) else 0


def _column(values: object) -> Floats:
    return np.fromiter(values, dtype=np.float64)  # type: ignore[call-overload,no-any-return]
