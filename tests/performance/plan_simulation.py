"""How often a whole plan stops a version as good as the old one: every guard at once, looked at every 10 s for an hour.

Each guard's source is drawn as a good version gives it: errors, waits around three thresholds, a split that is kept, the classes
of the answers, labels, the server's work, golden items and people's judgements. Counts are independent between guards, which is
the worst case: guards that see the same noise would stop the same runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log

import numpy as np
from numpy.typing import NDArray

from mlcontrol.core.judge import absolute, guards
from mlcontrol.core.judge.bucket import Arm, Bucket, Columns, error_columns, slow_columns
from mlcontrol.core.judge.judge import Evidence, judge
from mlcontrol.core.judge.policy import (
    ALPHA,
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
)
from mlcontrol.core.judge.verdict import Verdict
from mlcontrol.core.statistics.sequential import STANDARD, average_log_e, log_e_rate_ratio

LOOK_S = 10.0
THRESHOLDS_MS = (20.0, 60.0, 200.0)
SLOWER = (0.5, 0.1, 0.01)  # of the answers: the quantiles the live judge fixes its thresholds at
CLASSES = (0.42, 0.3, 0.15, 0.09, 0.04)
LABELLED, WRONG, ACCURACY = 0.1, 0.05, 0.9
GOLDEN_RIGHT, GOLDEN_PER_LOOK, GOLDEN_ITEMS = 0.95, 5, 200
JUDGED_PER_LOOK, JUDGED_GOOD = 1, 0.75
POLICY = JudgePolicy()
HAS = frozenset((ERRORS, LATENCY, QUERY_RATE, PREDICTIONS, FEEDBACK, RESOURCES, OBJECTIVES, GOLDEN, EVALUATORS))


@dataclass(frozen=True)
class Calm:
    """A version's hour. ``shares``: one stage each; ``burst_cv``: of each arm's own rate of errors, bucket by bucket; ``ratio``: of
    the new version's rate of errors to the old one's, 1 where it is as good."""

    name: str
    rate: float = 50.0
    shares: tuple[float, ...] = (0.1,)
    errors: float = 0.01
    drift: float = 1.0
    burst_cv: float = 0.0
    ratio: float = 1.0


CALM = (
    Calm("every guard, steady"),
    Calm("every guard, drift and ramp", shares=(0.01, 0.05, 0.25, 0.5), drift=2.7),
    Calm("every guard, bursts (CV 0.5)", burst_cv=0.5),
    Calm("every guard, bursts (CV 1)", burst_cv=1.0),
    Calm("every guard, bursts (CV 1) and ramp", shares=(0.01, 0.05, 0.25, 0.5), burst_cv=1.0),
)


def draw_run(calm: Calm, rng: np.random.Generator, looks: int = 360) -> Evidence:
    """One rollout's evidence, its stages of equal length."""
    share = np.repeat(calm.shares, looks // len(calm.shares))
    asked = rng.poisson(calm.rate * LOOK_S, looks)
    new = rng.binomial(asked, share)
    common = calm.errors * calm.drift ** np.sin(np.arange(looks) / looks * 4 * np.pi)
    cv = calm.burst_cv
    own = rng.gamma(1 / cv**2, cv**2, (2, looks)) if cv else np.ones((2, looks))
    rates = common * own[0] * calm.ratio, common * own[1]
    arms = [_arms(rng, n, np.minimum(1.0, rate)) for n, rate in zip((new, asked - new), rates, strict=True)]
    return Evidence(
        tuple(Bucket(LOOK_S * i, LOOK_S * (i + 1), float(share[i]), arms[0][i], arms[1][i]) for i in range(len(share))),
        thresholds_ms=THRESHOLDS_MS,
        accuracy=ACCURACY,
        has=HAS,
    )


def _arms(rng: np.random.Generator, requests: NDArray[np.int64], failing: NDArray[np.float64]) -> list[Arm]:
    failed = rng.binomial(requests, failing)
    answered = requests - failed
    slower, left = [], answered
    for at, before in zip(SLOWER, (1.0, *SLOWER), strict=False):
        left = rng.binomial(left, at / before)
        slower.append(left)
    classes = np.stack([rng.multinomial(n, CLASSES) for n in answered])
    labelled = rng.binomial(answered, LABELLED)
    right = rng.binomial(labelled, 1.0 - WRONG)
    work = rng.normal(5.0, 0.4, len(requests))
    return [
        Arm(
            int(requests[i]),
            int(failed[i]),
            {},
            int(answered[i]),
            tuple(int(s[i]) for s in slower),
            {str(c): int(count) for c, count in enumerate(classes[i])},
            int(labelled[i]),
            int(right[i]),
            compute_ms=float(work[i]),
        )
        for i in range(len(requests))
    ]


def stopped_by(evidence: Evidence, starts: Sequence[int], rng: np.random.Generator) -> dict[str, int]:
    """The look at which each guard that ever says worse does so first. ``starts``: of each stage, its first bucket.

    A guard whose evidence is a running product says the same of a look afterwards as it did then, so that one judgement of the
    whole hour holds all its looks. Errors and latency are weighed by scatter, which changes with every look: they are asked
    again wherever the bare evidence would do, which scatter only takes away from.
    """
    buckets = evidence.buckets
    found: dict[str, int] = {}
    for columns, ignored, guard in _by_scatter(buckets):
        look = _first_look(evidence, columns, ignored, guard)
        if look is not None:
            found[guard] = look
    whole = (
        guards.query_rate(buckets, 0, POLICY),
        guards.predictions(buckets, 0, POLICY),
        guards.feedback(buckets, 0, POLICY),
        absolute.resources(buckets, POLICY),
    )
    # Each stage asks anew whether the service keeps its objectives.
    for start, end in pairwise((*starts, len(buckets))):
        until = buckets[:end]
        whole = (*whole, absolute.objectives(until, start, POLICY, None, evidence.accuracy))
    for reading in whole:
        if reading.verdict is Verdict.WORSE:
            found.setdefault(reading.guard, len(buckets))
    for guard, good, bad in _people(rng, len(buckets)):
        ask = absolute.golden if guard == GOLDEN else None
        for g, b in zip(good, bad, strict=True):
            said = ask(int(g), int(b), (), POLICY) if ask else absolute.evaluators(int(g), int(b), POLICY)
            if said.verdict is Verdict.WORSE:
                found.setdefault(guard, len(buckets))
                break
    return found


def _by_scatter(buckets: tuple[Bucket, ...]) -> list[tuple[list[Columns], float, str]]:
    slow = [slow_columns(buckets, i) for i in range(len(THRESHOLDS_MS))]
    return [([error_columns(buckets)], 1.0, ERRORS), (slow, POLICY.slower_ignored, LATENCY)]


def _first_look(evidence: Evidence, columns: list[Columns], ignored: float, guard: str) -> int | None:
    bare = average_log_e(
        *(
            log_e_rate_ratio(
                c.events_new,
                c.events_old,
                c.exposure_new,
                c.exposure_old,
                null_ratio=ignored,
                mixture=guards.ERROR_BETS if guard == ERRORS else STANDARD,
                restart_weight=guards.RESTARTS,
            )
            for c in columns
        )
    )
    for look in np.flatnonzero(np.maximum.accumulate(bare) >= log(1.0 / ALPHA[guard])):
        seen = evidence.buckets[: look + 1]
        said = (
            guards.errors(seen, look, POLICY)
            if guard == ERRORS
            else guards.latency(seen, look, POLICY, evidence.thresholds_ms)
        )
        if said.verdict is Verdict.WORSE:
            return int(look)
    return None


def _people(rng: np.random.Generator, looks: int) -> list[tuple[str, NDArray[np.int64], NDArray[np.int64]]]:
    """Golden items and people's judgements so far, where a count has changed: (guard, good, bad)."""
    result = []
    for guard, each, most, good in (
        (GOLDEN, GOLDEN_PER_LOOK, GOLDEN_ITEMS, GOLDEN_RIGHT),
        (EVALUATORS, JUDGED_PER_LOOK, looks, JUDGED_GOOD),
    ):
        n = min(looks * each, most)
        right = np.cumsum(rng.random(n) < good)[each - 1 :: each]
        asked = np.arange(each, n + 1, each)
        result.append((guard, right, asked - right))
    return result


def false_aborts(calm: Calm, runs: int, seed: int) -> tuple[float, Counter[str]]:
    """The share of good rollouts that the plan stopped, and by which guards."""
    rng = np.random.default_rng(seed)
    by: Counter[str] = Counter()
    stopped = 0
    for _ in range(runs):
        evidence = draw_run(calm, rng)
        starts = range(0, len(evidence.buckets), len(evidence.buckets) // len(calm.shares))
        found = stopped_by(evidence, starts, rng)
        stopped += bool(found)
        by.update(found.keys())
    return stopped / runs, by


def judged_at_each_look(evidence: Evidence) -> set[str]:
    """The slow way round, for the tests: the whole judge, asked after every bucket."""
    said: set[str] = set()
    for look in range(1, len(evidence.buckets) + 1):
        seen = replace(evidence, buckets=evidence.buckets[:look])
        said |= {r.guard for r in judge(seen, POLICY, seen.buckets[-1].end_s).worse}
    return said
