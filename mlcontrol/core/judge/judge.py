"""The judgement of a rollout at one moment: all guards, and what they allow together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlcontrol.core.judge import absolute, guards
from mlcontrol.core.judge.bucket import Bucket
from mlcontrol.core.judge.policy import (
    ERRORS,
    EVALUATORS,
    FEEDBACK,
    GOLDEN,
    LATENCY,
    OBJECTIVES,
    PREDICTIONS,
    QUERY_RATE,
    RESOURCES,
    JudgePolicy,
    Role,
)
from mlcontrol.core.judge.verdict import Judgement, Reading, Verdict

_FROM_COUNTERS = (ERRORS, QUERY_RATE, OBJECTIVES)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a rollout so far. ``stage_from``: the first bucket of the present stage. ``thresholds_ms``: for
    latency, fixed before the rollout began; ``slow_at``: which of them is the objective. Golden and evaluator counts are of
    the new version. ``has``: guards whose source exists for this service at all."""

    buckets: tuple[Bucket, ...] = ()
    stage_from: int = 0
    thresholds_ms: tuple[float, ...] = ()
    slow_at: int | None = None
    accuracy: float | None = None
    golden_good: int = 0
    golden_bad: int = 0
    golden_critical: tuple[str, ...] = ()
    judged_good: int = 0
    judged_bad: int = 0
    has: frozenset[str] = frozenset((ERRORS, QUERY_RATE, OBJECTIVES))


def judge(evidence: Evidence, policy: JudgePolicy, at_s: float, cleared: frozenset[str] = frozenset()) -> Judgement:
    """Judge everything known at ``at_s`` (UTC seconds). Pure: the same evidence gives the same judgement."""
    buckets, stage = evidence.buckets, evidence.buckets[evidence.stage_from :]
    readings = [
        _with_data(reading, buckets, policy, at_s) for reading in _all(evidence, policy) if reading.role is not Role.OFF
    ]
    new = sum(b.new.requests for b in stage)
    total = new + sum(b.old.requests for b in stage)
    return Judgement(
        at_s,
        tuple(readings),
        new,
        new / total if total else None,
        _silent(buckets, at_s),
        cleared,
    )


def _all(evidence: Evidence, policy: JudgePolicy) -> list[Reading]:
    buckets, start = evidence.buckets, evidence.stage_from
    found = []
    if buckets:
        found.append(guards.errors(buckets, start, policy))
        if LATENCY in evidence.has and evidence.thresholds_ms:
            found.append(guards.latency(buckets, start, policy, evidence.thresholds_ms))
        found.append(guards.query_rate(buckets, start, policy))
        if PREDICTIONS in evidence.has:
            found.append(guards.predictions(buckets, start, policy))
        if FEEDBACK in evidence.has:
            found.append(guards.feedback(buckets, start, policy))
        if RESOURCES in evidence.has:
            found.append(absolute.resources(buckets, policy))
        found.append(absolute.objectives(buckets, start, policy, evidence.slow_at, evidence.accuracy))
    else:
        found += [
            Reading(name, policy.role(name), Verdict.UNKNOWN, note="nothing was read yet")
            for name in (ERRORS, QUERY_RATE, OBJECTIVES)
        ]
    if GOLDEN in evidence.has:
        found.append(absolute.golden(evidence.golden_good, evidence.golden_bad, evidence.golden_critical, policy))
    if EVALUATORS in evidence.has:
        found.append(absolute.evaluators(evidence.judged_good, evidence.judged_bad, policy))
    return found


def _with_data(reading: Reading, buckets: Sequence[Bucket], policy: JudgePolicy, at_s: float) -> Reading:
    """The reading, or unknown where its source has been silent for too long. What is decided worse stays worse."""
    if reading.verdict is Verdict.WORSE or reading.guard in (GOLDEN, EVALUATORS):
        return reading
    counters = reading.guard in _FROM_COUNTERS
    last = next((b.end_s for b in reversed(buckets) if (b.counted if counters else b.logged)), None)
    if last is not None and at_s - last <= policy.stale_s:
        return reading
    age = "never read" if last is None else f"not read for {at_s - last:.0f} s"
    source = "counters" if counters else "prediction log"
    return replace(reading, verdict=Verdict.UNKNOWN, note=f"the {source}: {age}", decided_s=None)


def _silent(buckets: Sequence[Bucket], at_s: float) -> float:
    """Seconds since counters were last read that show an answered request; since the beginning if never."""
    for bucket in reversed(buckets):
        if bucket.counted and bucket.new.requests + bucket.old.requests > 0:
            return max(0.0, at_s - bucket.end_s)
    return max(0.0, at_s - buckets[0].start_s) if buckets else 0.0
