"""Accuracy from labels that arrive late: a share with its Wilson interval, or an RMSE with a chi-square interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp, inf, isfinite, sqrt

from mlcontrol.core.facts import Known, Quality
from mlcontrol.core.freshness import freshness
from mlcontrol.core.review import Z95, wilson
from mlcontrol.core.series import is_reading
from mlcontrol.core.types import Freshness, Health, Signal

ENOUGH = 30
LATE_S = 900.0
"""Of older answers than that it is said how old they are."""


def rmse_interval(squared_error: float, n: int, quartic_error: float | None = None) -> tuple[float, float, float]:
    """RMSE with a 95 % interval. ``n`` must be positive.

    Of normal errors it is chi-square's, with the quantiles of Wilson and Hilferty's (1931) approximation, within 1 % from n = 10
    on. Errors with heavy tails scatter more than that. So with the sum of their fourth powers it is the wider of that and of
    Student's on the mean of the squares, by the delta method on its logarithm.
    """
    value = sqrt(squared_error / n)

    def scale(z: float) -> float:
        part = 2 / (9 * n)
        return max(1e-9, 1 - part + z * sqrt(part)) ** 3

    low, high = value / sqrt(scale(Z95)), value / sqrt(scale(-Z95))
    if quartic_error is None or n < 2 or not 0 < value < inf or not isfinite(quartic_error):
        return value, low, high
    from scipy.special import stdtrit

    scatter = max(0.0, quartic_error / n / (squared_error / n) ** 2 - 1) / (
        n - 1
    )  # the squared relative error of the mean
    half = float(stdtrit(n - 1, 0.975)) * sqrt(scatter) / 2
    return value, min(low, value * exp(-half)), max(high, value * exp(half))


def pooled(buckets: Iterable[Quality], version: str | None = None) -> Quality:
    """Several buckets as one; ``version`` `None`: of all versions."""
    chosen = [q for q in buckets if version is None or q.version == version]
    return Quality(
        version or "",
        sum(q.n for q in chosen),
        sum(q.served for q in chosen),
        sum(q.correct for q in chosen),
        sum(q.squared_error for q in chosen),
        summed(q.quartic_error for q in chosen),
        min((q.late_s for q in chosen if q.n), default=0.0),
    )


def summed(parts: Iterable[float | None]) -> float | None:
    """`None` where one of them is."""
    total = 0.0
    for part in parts:
        if part is None:
            return None
        total += part
    return total


def accuracy_signal(
    quality: Known[tuple[Quality, ...]],
    version: str | None,
    regression: bool,
    objectives: Mapping[str, float],
    now_mono_s: float,
    poll_s: float,
    spark: tuple[float, ...] = (),
) -> Signal:
    """Of the version that answers now; fewer than 30 labels, no objective, no log: unknown, with what there is.

    Objectives read: ``accuracy`` (share at least) or ``rmse`` (at most).
    """
    fresh = freshness(quality.at, now_mono_s, poll_s)
    if quality.value is None or fresh is Freshness.UNKNOWN:
        why = quality.failed.what if quality.failed else "The prediction log has not been read yet."
        return Signal(
            text="no data" if quality.at else "no data yet", detail=why, freshness=fresh, at=quality.at, spark=spark
        )
    whole = pooled(quality.value, version)
    if whole.n == 0:
        detail = f"{whole.served} predictions are logged; none has a label yet that its answer can be compared with."
        return Signal(text="labels are late", detail=detail, n=0, freshness=fresh, at=quality.at, spark=spark)
    if regression and not is_reading(whole.squared_error):
        detail = (
            f"The errors of its {whole.n} labelled predictions do not add up to a number: something logged is none."
        )
        return Signal(text="n/a", detail=detail, n=whole.n, freshness=fresh, at=quality.at, spark=spark)
    limit = objectives.get("rmse" if regression else "accuracy")
    if regression:
        value, low, high = rmse_interval(whole.squared_error, whole.n, whole.quartic_error)
        words, unit = f"RMSE {value:.1f}", "rmse"
    else:
        value = whole.correct / whole.n
        low, high = wilson(whole.correct, whole.n)
        words, unit = f"{100 * value:.1f} %", "share"
    health, comment = _judge(value, low, high, whole.n, limit, regression)
    if fresh is Freshness.STALE:
        health = Health.UNKNOWN
    shown = f"{low:.1f} to {high:.1f}" if regression else f"{100 * low:.1f} to {100 * high:.1f} %"
    late = (
        f" {whole.served - whole.n} of {whole.served} predictions have no label yet." if whole.served > whole.n else ""
    )
    ago = _ago(whole.late_s) if whole.late_s > LATE_S else ""
    late += f" Labels come late: the newest that has one was answered {ago}." if ago else ""
    text = words if whole.n >= ENOUGH else f"{words}, n={whole.n}"
    return Signal(
        health=health,
        text=f"{text}, {ago}" if ago else text,
        detail=f"{words} (95 % interval {shown}) from {whole.n} labelled predictions. {comment}{late}",
        value=value,
        low=low,
        high=high,
        n=whole.n,
        unit=unit,
        freshness=fresh,
        at=quality.at,
        spark=spark,
    )


def _ago(age_s: float) -> str:
    minutes = round(age_s / 60)
    return (
        f"{minutes} min ago"
        if minutes < 120
        else f"{minutes / 60:.0f} h ago"
        if minutes < 2880
        else f"{minutes / 1440:.0f} days ago"
    )


def _judge(value: float, low: float, high: float, n: int, limit: float | None, regression: bool) -> tuple[Health, str]:
    if limit is None:
        return Health.UNKNOWN, "No objective is set, so it cannot be judged."
    if n < ENOUGH:
        return Health.UNKNOWN, f"Fewer than {ENOUGH} labels are too few to judge."
    named = f"The objective is {'at most' if regression else 'at least'} {limit:g}."
    surely_bad = low > limit if regression else high < limit
    looks_bad = value > limit if regression else value < limit
    if surely_bad:
        return Health.CRITICAL, f"{named} The whole interval misses it."
    return (Health.WARNING if looks_bad else Health.OK), named
