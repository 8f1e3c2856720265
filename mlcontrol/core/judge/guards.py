"""One function for each guard that compares the new version with the old one on the same traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from mlcontrol.core.judge import bucket as b
from mlcontrol.core.judge.bucket import Bucket, Columns
from mlcontrol.core.judge.policy import ALPHA, ERRORS, FEEDBACK, LATENCY, PREDICTIONS, QUERY_RATE, JudgePolicy
from mlcontrol.core.judge.reading import evidence_line
from mlcontrol.core.judge.verdict import Reading, Verdict
from mlcontrol.core.statistics.sequential import (
    STANDARD,
    Floats,
    Mixture,
    average_log_e,
    log_e_rate_ratio,
    ratio_bounds,
)
from mlcontrol.core.statistics.sequential_dispersion import Dispersion, dispersion, split_dispersion, winsorized
from mlcontrol.core.statistics.sequential_proportion import log_e_below
from mlcontrol.core.statistics.sequential_ranks import log_e_ranks

RESTARTS = 0.1
ERROR_BETS = Mixture.around(2.5, 0.35)
"""Most of the errors' bet lies on what a rollout is stopped for, twice to thrice the old rate; less on slight differences,
which are found later."""
SIGN_BUCKETS = 3
MANY_CLASSES = 20
FEEDBACK_MARGIN = 1.5


def errors(buckets: Sequence[Bucket], stage_from: int, policy: JudgePolicy) -> Reading:
    """The rate of failed requests. Overdispersed counts are discounted by their scatter, and never called fine."""
    columns = b.error_columns(buckets)
    scatter = dispersion(*_four(columns))
    log_worse = worse_by_scatter(columns, scatter, 1.0, ERROR_BETS)
    stage = b.error_columns(buckets[stage_from:])
    log_fine = None if scatter.excessive else _errors_fine(stage, policy)
    line = evidence_line(log_worse, ALPHA[ERRORS], log_fine, stage_from)
    types: dict[str, int] = {}
    for bucket in buckets:
        for name, count in bucket.new.by_type.items():
            types[name] = types.get(name, 0) + count
    worst = ", ".join(f"{count} {name}" for name, count in sorted(types.items(), key=lambda t: -t[1])[:3] if count)
    note = _scatter_note(scatter) if line.verdict is Verdict.INCONCLUSIVE else ""
    return Reading(
        ERRORS,
        policy.role(ERRORS),
        line.verdict,
        line.points,
        _two_rates(columns) + (f"; new: {worst}" if worst else ""),
        f"fine below {policy.error_margin:g} × the old, or below {_percent(policy.error_tolerance)}",
        *_ratio_words(columns),
        scatter.phi,
        _when(buckets, line.decided_at),
        note,
    )


def latency(buckets: Sequence[Bucket], stage_from: int, policy: JudgePolicy, thresholds_ms: Sequence[float]) -> Reading:
    """Shares of answers slower than thresholds that were fixed beforehand; the e-values of the thresholds are averaged."""
    sides = [b.slow_columns(buckets, i) for i in range(len(thresholds_ms))]
    shown = sides[len(sides) // 2]
    scatter = dispersion(*_four(shown))
    log_worse = average_log_e(*(worse_by_scatter(side, scatter, policy.slower_ignored) for side in sides))
    middle = b.slow_columns(buckets[stage_from:], len(sides) // 2)
    log_fine = None if scatter.excessive else _below(middle, policy.slower_margin)
    line = evidence_line(log_worse, ALPHA[LATENCY], log_fine, stage_from)
    threshold = thresholds_ms[len(sides) // 2]
    return Reading(
        LATENCY,
        policy.role(LATENCY),
        line.verdict,
        line.points,
        f"over {threshold:.0f} ms: {_two_rates(shown)}",
        f"fine below {policy.slower_margin:g} × the old",
        *_ratio_words(shown),
        scatter.phi,
        _when(buckets, line.decided_at),
        _scatter_note(scatter) if line.verdict is Verdict.INCONCLUSIVE else "",
    )


def query_rate(buckets: Sequence[Bucket], stage_from: int, policy: JudgePolicy) -> Reading:
    """The share of requests that arrive at the new version, against the share that was asked for."""
    columns = b.share_columns(buckets)
    log_worse = average_log_e(_worse(columns, policy.share_off), _worse(_swapped(columns), policy.share_off))
    stage = b.share_columns(buckets[stage_from:])
    both = np.minimum(_below(stage, policy.share_off), _below(_swapped(stage), policy.share_off))
    line = evidence_line(log_worse, ALPHA[QUERY_RATE], both, stage_from)
    seen = sum(x.new.requests for x in buckets[stage_from:])
    total = seen + sum(x.old.requests for x in buckets[stage_from:])
    wished = buckets[-1].share if buckets else 0.0
    figures = f"{_percent(seen / total)} of {total} requests, {_percent(wished)} wanted" if total else "no requests"
    return Reading(
        QUERY_RATE,
        policy.role(QUERY_RATE),
        line.verdict,
        line.points,
        figures,
        f"stop outside a factor of {policy.share_off:g}",
        "as wanted" if line.verdict is Verdict.FINE else "",
        "",
        None,
        _when(buckets, line.decided_at),
    )


def predictions(buckets: Sequence[Bucket], stage_from: int, policy: JudgePolicy) -> Reading:
    """The shares of the predicted classes, each in both directions; their e-values are averaged."""
    totals: dict[str, int] = {}
    for bucket in buckets:
        for arm in (bucket.new, bucket.old):
            for name, count in arm.predictions.items():
                totals[name] = totals.get(name, 0) + count
    names = sorted(totals, key=lambda name: -totals[name])[:MANY_CLASSES]
    if not names:
        return Reading(PREDICTIONS, policy.role(PREDICTIONS), Verdict.INCONCLUSIVE, note="no class was predicted yet")
    sides = [b.class_columns(buckets, name) for name in names]
    log_worse = average_log_e(
        *(_worse(side, policy.class_off) for side in sides),
        *(_worse(_swapped(side), policy.class_off) for side in sides),
    )
    stages = [b.class_columns(buckets[stage_from:], name) for name in names[:3]]
    log_fine = np.min([_below(side, 2.0) for side in stages], axis=0)
    line = evidence_line(log_worse, ALPHA[PREDICTIONS], log_fine, stage_from)
    shift, name, new, old = max(
        (_shift(side, name) for side, name in zip(sides, names, strict=True)), key=lambda x: x[0]
    )
    return Reading(
        PREDICTIONS,
        policy.role(PREDICTIONS),
        line.verdict,
        line.points,
        f"{name[:24]}: {_percent(new)} new, {_percent(old)} old",
        f"stop beyond a factor of {policy.class_off:g}",
        f"{100 * (new - old):+.1f} points" if shift > 0 else "no difference",
        f"largest of {len(names)} classes",
        None,
        _when(buckets, line.decided_at),
    )


def feedback(buckets: Sequence[Bucket], stage_from: int, policy: JudgePolicy) -> Reading:
    """Answers that users or labels say were wrong."""
    columns = b.wrong_columns(buckets)
    line = evidence_line(
        _worse(columns, 1.0),
        ALPHA[FEEDBACK],
        _below(b.wrong_columns(buckets[stage_from:]), FEEDBACK_MARGIN),
        stage_from,
    )
    labelled = columns.exposure_new.sum()
    return Reading(
        FEEDBACK,
        policy.role(FEEDBACK),
        line.verdict,
        line.points,
        f"wrong: {_two_rates(columns)}" if labelled else "no label and no feedback has arrived yet",
        f"fine below {FEEDBACK_MARGIN:g} × the old",
        *_ratio_words(columns),
        None,
        _when(buckets, line.decided_at),
    )


def _errors_fine(stage: Columns, policy: JudgePolicy) -> Floats:
    """Against "twice as bad as the old version and also over the tolerance": the average of two e-values is one."""
    ratio = _below(stage, policy.error_margin)
    bad, seen = np.cumsum(stage.events_new), np.cumsum(stage.exposure_new)
    absolute = [_log_e_under(int(x), int(n), policy.error_tolerance) for x, n in zip(bad, seen, strict=True)]
    return average_log_e(ratio, np.array(absolute)) if absolute else ratio


def _log_e_under(bad: int, seen: int, tolerance: float) -> float:
    """ln E against "the rate of bad is at least ``tolerance``"."""
    return log_e_below(bad, max(0, seen - bad), tolerance) if seen else 0.0


def worse_by_scatter(columns: Columns, scatter: Dispersion, ignored: float, bets: Mixture = STANDARD) -> Floats:
    """ln E by bucket against "at most ``ignored`` times the old version's rate", as far as the scatter of the counts lets
    one trust it.

    As requests make it: each event counts, no bucket for more than an ordinary one could hold, and all of them divided by the
    scatter where it is above 1 (quasi-likelihood). The scatter is the larger of what is seen between the versions and of what
    the old version's own noise lets one expect, which is known much sooner; until it is known, noise is assumed. Excessive: the
    robust mode, in which a bucket counts only by which version was worse in it, whatever the noise; the smaller arm's rate is the
    more skewed, so that its median lies lower: the test is conservative.
    """
    if scatter.excessive:
        return _by_signs(columns, ignored)
    discount = max(1.0, scatter.phi or 1.0, split_dispersion(*_four(columns)))
    calm = replace(columns, events_new=winsorized(*_four(columns), ignored))
    return _worse(calm.scaled(1.0 / discount), ignored, bets)


def _by_signs(columns: Columns, ignored: float) -> Floats:
    new, old, n, m = _four(columns)
    groups = np.arange(len(new)) // SIGN_BUCKETS
    summed = [np.bincount(groups, weights=x) for x in (new, old, n, m)]
    rate_new = summed[0] / np.maximum(1.0, summed[2])
    rate_old = ignored * summed[1] / np.maximum(1.0, summed[3])
    told = (rate_new != rate_old) & (summed[2] > 0) & (summed[3] > 0)
    whole = np.bincount(groups) == SIGN_BUCKETS  # the last group may still grow
    log_e = np.zeros(len(whole))
    used = told & whole
    log_e[used] = log_e_ranks((rate_new > rate_old)[used].astype(np.int64), 1)
    # A group without a sign says nothing: the evidence stays where it was. It is known at the end of its group.
    kept = np.maximum.accumulate(np.where(used, np.arange(len(used)), -1))
    grouped = np.where(kept >= 0, log_e[kept], 0.0)
    shifted = np.concatenate([[0.0], grouped])
    return shifted[(np.arange(len(new)) + 1) // SIGN_BUCKETS]


def _worse(columns: Columns, ignored: float, bets: Mixture = STANDARD) -> Floats:
    return log_e_rate_ratio(*_four(columns), null_ratio=ignored, mixture=bets, restart_weight=RESTARTS)


def _below(columns: Columns, margin: float) -> Floats:
    """ln E against "the new version's rate is at least ``margin`` times the old one's": the arms change places."""
    new, old, n, m = _four(columns)
    return log_e_rate_ratio(old, new, m, n, null_ratio=1.0 / margin)


def _swapped(columns: Columns) -> Columns:
    new, old, n, m = _four(columns)
    return Columns(old, new, m, n)


def _four(columns: Columns) -> tuple[Floats, Floats, Floats, Floats]:
    return columns.events_new, columns.events_old, columns.exposure_new, columns.exposure_old


def _scatter_note(scatter: Dispersion) -> str:
    if not scatter.excessive:
        return ""
    return f"not decidable yet: counts scatter {scatter.phi:.1f} × more than independent requests would"


def _two_rates(columns: Columns) -> str:
    return (
        f"{_rate(columns.events_new, columns.exposure_new)} new, {_rate(columns.events_old, columns.exposure_old)} old"
    )


def _rate(events: Floats, exposure: Floats) -> str:
    seen = exposure.sum()
    return _percent(float(events.sum() / seen)) if seen else "?"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %" if share < 0.1 else f"{100 * share:.1f} %"


def _ratio_words(columns: Columns) -> tuple[str, str]:
    x, y, n, m = _four(columns)
    if not len(x) or not n.sum() or not m.sum() or not (x.sum() + y.sum()):
        return "", ""
    lower, upper = ratio_bounds(x, y, n, m)
    top = f"{upper:.2g}" if isfinite(upper) else "∞"
    result = f"{(x.sum() / n.sum()) / (y.sum() / m.sum()):.2g} × old" if y.sum() else "old: none"
    return result, f"{lower:.2g} to {top} ×"


def _shift(columns: Columns, name: str) -> tuple[float, str, float, float]:
    new = float(columns.events_new.sum() / max(1.0, columns.exposure_new.sum()))
    old = float(columns.events_old.sum() / max(1.0, columns.exposure_old.sum()))
    return abs(new - old), name, new, old


def _when(buckets: Sequence[Bucket], index: int | None) -> float | None:
    return None if index is None else buckets[index].end_s
