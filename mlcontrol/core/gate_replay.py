"""A plan's guards over a recorded past: what would they have stopped, when, and how often would they have stopped a good version?

The record is a log of answers. Its requests are dealt to the two versions by a number drawn from each request's id, as a router
would have dealt them, and the very judge and stages of a rollout look at the counts. What no log holds (the golden set, people's
judgements, the server's own figures) is left out, and said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mlcontrol.core.judge.answers import Answers
from mlcontrol.core.judge.backtest import Replayed
from mlcontrol.core.judge.bucket import Arm, Bucket
from mlcontrol.core.judge.judge import Evidence, judge
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
    TITLES,
    JudgePolicy,
    Role,
)
from mlcontrol.core.judge.verdict import Judgement
from mlcontrol.core.stage import Looked, Stage, StageState, advance_stage, begin_stage
from mlcontrol.core.strategy import Advance, Strategy

LOOK_S = 10.0
NOT_IN_A_LOG = (GOLDEN, EVALUATORS, RESOURCES, QUERY_RATE)
FEW_WAITS = 50


def replayable(policy: JudgePolicy, labelled: bool) -> tuple[JudgePolicy, tuple[str, ...]]:
    """The policy with only those guards that a log can feed, and the titles of those left out."""
    out = [*NOT_IN_A_LOG, *(() if labelled else (FEEDBACK,))]
    left = tuple(TITLES[name] for name in out if policy.role(name) is not Role.OFF)
    return replace(policy, roles={**policy.roles, **dict.fromkeys(out, Role.OFF)}), left


def replay(
    new: Answers,
    old: Answers,
    past: Answers,
    strategy: Strategy,
    objective_ms: float | None = None,
    accuracy: float | None = None,
    look_s: float = LOOK_S,
) -> Replayed:
    """Walk the stages of ``strategy`` over ``new``, what the new version said to each request, and ``old``, the same of the old
    one; both on one clock. ``past``: what went before, by which the latency thresholds are fixed. A person who is asked is taken
    to say yes. Ends at the latest with the record of ``new``."""
    start_s = float(new.at_s[0]) if len(new) else 0.0
    policy, _ = replayable(strategy.judge, bool(len(new)) and bool((new.right >= 0).any()))
    strategy = replace(strategy, judge=policy, advance=Advance.AUTO)
    thresholds, slow_at = _thresholds(past, objective_ms)
    evidence = Evidence(
        thresholds_ms=thresholds,
        slow_at=slow_at,
        accuracy=accuracy,
        has=frozenset((ERRORS, OBJECTIVES, PREDICTIONS, FEEDBACK, *([LATENCY] if thresholds else []))),
    )
    end_s = float(new.at_s[-1]) if len(new) else start_s
    now_s, met, failed = start_s, 0, 0
    stage: Stage | None = None
    shares = [(percent, False) for percent in strategy.steps] + ([(100.0, True)] if strategy.bake_s else [])
    for percent, bake in shares:
        stage = begin_stage(percent, strategy, now_s, bake, stage)
        evidence = replace(evidence, stage_from=len(evidence.buckets))
        while not stage.state.ended and stage.state is not StageState.HELD:
            if now_s + look_s > end_s + 1e-9:
                return _end("undecided", now_s - start_s, percent, stage, met, failed)
            bucket = _bucket(new, old, now_s, now_s + look_s, percent / 100.0, thresholds)
            now_s, met, failed = now_s + look_s, met + bucket.new.requests, failed + bucket.new.errors
            evidence = replace(evidence, buckets=(*evidence.buckets, bucket))
            judgement: Judgement = judge(evidence, policy, now_s)
            stage = advance_stage(stage, Looked(judgement))
        if stage.state is not StageState.PASSED:
            ended = "stopped" if stage.state is StageState.RETURN else "held"
            return _end(ended, now_s - start_s, percent, stage, met, failed)
    return Replayed("passed", now_s - start_s, 100.0, "", "", met, failed)


def _end(ended: str, after_s: float, percent: float, stage: Stage, met: int, failed: int) -> Replayed:
    worse = next(iter(stage.failed.items()), ("", ""))
    words = worse[1] or (str(stage.cause) if stage.cause is not None else stage.note)
    if ended == "undecided":
        words = f"waited for {stage.waiting_for(stage.started_s + after_s)}" if stage.judgement else "no look"
    return Replayed(ended, after_s, percent, worse[0], words, met, failed)


def _thresholds(past: Answers, objective_ms: float | None) -> tuple[tuple[float, ...], int | None]:
    """As the live judge fixes them: quantiles of the past, and the objective; nothing where too little is known."""
    waits = past.latency_ms[np.isfinite(past.latency_ms)]
    if len(waits) < FEW_WAITS:
        return (), None
    chosen = tuple(float(q) for q in np.quantile(waits, (0.5, 0.9, 0.99)))
    return (chosen, None) if objective_ms is None else ((*chosen, objective_ms), len(chosen))


def _bucket(
    new: Answers, old: Answers, since_s: float, until_s: float, share: float, thresholds: Sequence[float]
) -> Bucket:
    here, there = new.between(since_s, until_s), old.between(since_s, until_s)
    arms = _arm(here, here.ticket < share, thresholds), _arm(there, there.ticket >= share, thresholds)
    return Bucket(since_s, until_s, share, *arms)


def _arm(of: Answers, dealt: NDArray[np.bool_], thresholds: Sequence[float]) -> Arm:
    failed = of.failed[dealt]
    waits = of.latency_ms[dealt]
    waits = waits[np.isfinite(waits)]
    answers = of.answer[dealt & ~of.failed]
    right = of.right[dealt]
    counts = np.bincount(answers[answers >= 0], minlength=len(of.names))
    return Arm(
        int(dealt.sum()),
        int(failed.sum()),
        {},
        len(waits),
        tuple(int((waits > limit).sum()) for limit in thresholds),
        {name: int(count) for name, count in zip(of.names, counts, strict=True) if count},
        int((right >= 0).sum()),
        int((right == 1).sum()),
    )
