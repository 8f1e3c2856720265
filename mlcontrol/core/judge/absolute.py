"""Guards that need no old version beside the new one: golden items, evaluators, the service's objectives; and the server's work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log

import numpy as np

from mlcontrol.core.judge.bucket import Arm, Bucket
from mlcontrol.core.judge.policy import ALPHA, EVALUATORS, GOLDEN, OBJECTIVES, RESOURCES, JudgePolicy
from mlcontrol.core.judge.reading import Line, evidence_line
from mlcontrol.core.judge.verdict import Reading, Verdict
from mlcontrol.core.statistics.sequential import Floats, average_log_e
from mlcontrol.core.statistics.sequential_proportion import log_e_above, log_e_below, proportion_interval
from mlcontrol.core.statistics.sequential_ranks import log_e_ranks

HEAVIER_IGNORED = 1.1  # a tenth more work is no reason to go back
MOST_FAILED = 0.5  # whatever is tolerated: a service of which half fails is an incident
SLOW_ALLOWED = (
    0.05  # of the answers may take longer than the objective of the 99 % quantile before it counts as an incident
)


def golden(good: int, bad: int, critical: Sequence[str], policy: JudgePolicy) -> Reading:
    """Golden items the new version answered during the rollout. A critical item that fails decides at once."""
    return _proportion(
        GOLDEN,
        good,
        bad,
        policy.golden_minimum,
        policy,
        f"{good} of {good + bad} as expected",
        f"critical: {', '.join(critical[:3])}" if critical else "",
        bool(critical),
    )


def evaluators(good: int, bad: int, policy: JudgePolicy) -> Reading:
    """Judgements of people on answers of the new version."""
    figures = f"{good} of {good + bad} judged good"
    return _proportion(EVALUATORS, good, bad, policy.evaluator_minimum, policy, figures, "", False)


def _proportion(
    guard: str, good: int, bad: int, minimum: float, policy: JudgePolicy, figures: str, note: str, failed: bool
) -> Reading:
    seen = good + bad
    worse = np.array([log(1e9) if failed else log_e_below(good, bad, minimum)]) if seen else np.zeros(1)
    fine = np.array([log_e_above(good, bad, minimum)]) if seen else None
    line = evidence_line(worse, ALPHA[guard], fine)
    low, high = proportion_interval(good, bad)
    return Reading(
        guard,
        policy.role(guard),
        line.verdict,
        line.points,
        figures if seen else "none asked yet",
        f"at least {minimum:.0%}",
        f"{good / seen:.0%}" if seen else "",
        f"{low:.0%} to {high:.0%}" if seen else "",
        note=note,
    )


def resources(buckets: Sequence[Bucket], policy: JudgePolicy) -> Reading:
    """The server's work on one request and its restlessness, by ranks against the old version bucket by bucket."""
    pairs = [
        (x.new.compute_ms, x.old.compute_ms)
        for x in buckets
        if x.new.compute_ms is not None and x.old.compute_ms is not None
    ]
    if not pairs:
        return Reading(
            RESOURCES,
            policy.role(RESOURCES),
            Verdict.INCONCLUSIVE,
            note="the server does not tell its work by version",
        )
    new, old = np.array(pairs, dtype=np.float64).T
    heavier = _higher(new, old * HEAVIER_IGNORED)
    restless = _higher(np.abs(np.diff(new)), np.abs(np.diff(old)) * 2.0)
    padded = np.concatenate([np.zeros(1), restless])
    line = evidence_line(average_log_e(heavier, padded), ALPHA[RESOURCES], None)
    return Reading(
        RESOURCES,
        policy.role(RESOURCES),
        line.verdict,
        line.points,
        f"{new.mean():.2f} ± {new.std():.2f} ms new, {old.mean():.2f} ± {old.std():.2f} ms old, a request",
        f"stop when heavier than {HEAVIER_IGNORED:g} × or twice as restless, bucket after bucket",
        f"{new.mean() / old.mean():.2g} × old" if old.mean() else "",
    )


def _higher(new: Floats, old: Floats) -> Floats:
    return log_e_ranks((new > old).astype(np.int64), 1)


def objectives(
    buckets: Sequence[Bucket], stage_from: int, policy: JudgePolicy, slow_at: int | None, accuracy: float | None
) -> Reading:
    """What the service owes its callers, whichever version answers: a rollout does not go on through an incident.

    ``slow_at``: index of the threshold that is the objective of the 99 % quantile. ``accuracy``: the objective, 0..1.
    """
    stage = buckets[stage_from:]
    allowed = min(MOST_FAILED, max(5.0 * policy.error_tolerance, 0.02))
    lines: list[tuple[str, Floats]] = [
        ("errors", _over(stage, lambda a: a.errors, lambda a: a.requests, allowed)),
    ]
    if slow_at is not None:
        lines.append(("slow", _over(stage, lambda a: _slow(a, slow_at), lambda a: a.answered, SLOW_ALLOWED)))
    if accuracy is not None:
        wrong = 1.0 - accuracy
        lines.append(("wrong", _over(stage, lambda a: a.labelled - a.right, lambda a: a.labelled, wrong)))
    together = average_log_e(*(values for _, values in lines)) if stage else np.zeros(0)
    whole = np.concatenate([np.zeros(stage_from), together])
    line: Line = evidence_line(whole, ALPHA[OBJECTIVES], None)
    worst = max(lines, key=lambda item: item[1][-1] if len(item[1]) else 0.0)[0]
    requests = sum(x.new.requests + x.old.requests for x in stage)
    failed = sum(x.new.errors + x.old.errors for x in stage)
    figures = f"{failed} of {requests} requests failed" if requests else "no requests"
    if worst == "slow" and slow_at is not None:
        slow = sum(_slow(x.new, slow_at) + _slow(x.old, slow_at) for x in stage)
        figures = f"{slow} of {sum(x.new.answered + x.old.answered for x in stage)} answers slower than the objective"
    elif worst == "wrong":
        labelled = sum(x.new.labelled + x.old.labelled for x in stage)
        figures = f"{labelled - sum(x.new.right + x.old.right for x in stage)} of {labelled} labelled answers wrong"
    return Reading(
        OBJECTIVES,
        policy.role(OBJECTIVES),
        line.verdict,
        line.points,
        figures,
        "stop when the service itself breaks its objective, whichever version answers",
        {"errors": "too many errors", "slow": "too slow", "wrong": "too often wrong"}[worst]
        if line.verdict is Verdict.WORSE
        else "",
        "",
        None,
        None if line.decided_at is None else buckets[line.decided_at].end_s,
    )


def _slow(arm: Arm, at: int) -> int:
    return arm.slower[at] if at < len(arm.slower) else 0


def _over(stage: Sequence[Bucket], bad: Callable[[Arm], int], seen: Callable[[Arm], int], allowed: float) -> Floats:
    """ln E by bucket against "at most ``allowed`` of all are bad"."""
    bads = np.cumsum([bad(x.new) + bad(x.old) for x in stage])
    total = np.cumsum([seen(x.new) + seen(x.old) for x in stage])
    return np.array(
        [log_e_above(int(x), max(0, int(n - x)), allowed) if n else 0.0 for x, n in zip(bads, total, strict=True)]
    )
