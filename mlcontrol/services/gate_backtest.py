"""Replays a plan's guards over the prediction log: a change of the past as if it had been a rollout, and calm time for false
alarms."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from mlcontrol.core import journal
from mlcontrol.core.judge.backtest import FalseAlarms, GateBacktest, Replayed
from mlcontrol.core.operation import OperationKind
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import RolloutSettings, ServiceSettings
from mlcontrol.core.strategy import Strategy, strategy_of
from mlcontrol.services.collect_predictions import is_regression
from mlcontrol.services.context import ServiceContext, Tell
from mlcontrol.services.live import service_settings
from mlcontrol.services.watching import answered_numbers

if TYPE_CHECKING:
    from mlcontrol.core.judge.answers import Answers

HORIZON_S = 3600.0  # of the change that is replayed
CALM_S = 6 * 3600.0
WINDOW_S = 1800.0
REPLAYS = 24
PAST_S = 900.0
MONTH_S = 30 * 86400.0
LEAST_ANSWERS = 50
BINS = (0.1, 0.3, 0.5, 0.7, 0.9)
MIXED = 0.02  # of the answers after the change may still name another version
LOG_DEADLINE_S = 60.0


def backtest(
    ctx: ServiceContext,
    service: str,
    at_s: float,
    settings: RolloutSettings | None,
    rollouts_a_month: float | None,
    tell: Tell,
) -> GateBacktest:
    """``at_s``: the moment at which one version followed another (UTC seconds). ``settings`` `None`: the service's own plan.

    Raises `ProblemError` where there is nothing to replay: no log, no stages, no change of version at that moment.
    """
    s = service_settings(ctx, service)
    strategy = strategy_of(settings if settings is not None else s.rollout)
    _require(s, strategy)
    tell("Reading the prediction log", None)
    until_s = min(ctx.clock.utc_s(), at_s + HORIZON_S)
    whole = _log(ctx, s, at_s - CALM_S - PAST_S, until_s)
    before, after = whole.between(at_s - CALM_S - PAST_S, at_s), whole.between(at_s, until_s)
    old, new = _main_version(before, "before"), _main_version(after, "after")
    _require_one_version(after, old, new)
    span_s = min(HORIZON_S, at_s - float(before.at_s[0]))
    from mlcontrol.core.gate_replay import replay, replayable

    objective, accuracy = s.objectives.get("p99_ms"), s.objectives.get("accuracy")
    tell("Replaying the change", 0.1)
    past = before.between(at_s - PAST_S, at_s)
    then = before.between(at_s - span_s, at_s).shifted(span_s)
    found = replay(after.between(at_s, at_s + span_s), then, past, strategy, objective, accuracy)
    met = after.between(at_s, at_s + found.after_s)
    _, left_out = replayable(strategy.judge, bool((after.right >= 0).any()))
    month = rollouts_a_month if rollouts_a_month is not None else _rollouts_a_month(ctx, service)
    calm = _calm(before, at_s, strategy, objective, accuracy, month, tell)
    notes = [f"the old version's answers are those of the {span_s / 60:.0f} min before the change"]
    if strategy.advance.value != "auto":
        notes.append("a person who is asked is taken to say yes")
    return GateBacktest(
        service,
        strategy.words,
        at_s,
        old,
        new,
        found,
        len(met),
        int(met.failed.sum()),
        calm,
        left_out,
        tuple(notes),
    )


def _require(s: ServiceSettings, strategy: Strategy) -> None:
    if not s.predictions:
        raise ProblemError(
            Problem(
                f"Nothing of {s.id} is recorded.",
                "It has no prediction log, so there is nothing to replay.",
                "Add a predictions connection to the service.",
                code="not-configured",
            )
        )
    if not strategy.judged:
        raise ProblemError(
            Problem(
                "This plan has no guard to replay.",
                f"{strategy.words} moves all the traffic without a stage that is judged.",
                "Name steps, for example --steps 10,50, or a bake time.",
                code="usage",
            )
        )


def _log(ctx: ServiceContext, s: ServiceSettings, since_s: float, until_s: float) -> Answers:
    import numpy as np

    log = ctx.predictions(s.predictions)
    if not is_regression(s):
        return log.answers(s.id, s.prediction, since_s, until_s, (), LOG_DEADLINE_S)
    sample = log.sample(s.id, 400, 1, since_s, until_s, None, LOG_DEADLINE_S)
    values = answered_numbers(sample, s.prediction)
    bins = tuple(sorted({float(q) for q in np.quantile(values, BINS)})) if values else ()
    whole = log.answers(s.id, s.prediction, since_s, until_s, bins, LOG_DEADLINE_S)
    return replace(whole, right=np.full(len(whole), -1, dtype=np.int64))  # a number is never exactly its label


def _main_version(answers: Answers, when: str) -> str:
    named = answers.version[answers.version >= 0]
    if len(answers) < LEAST_ANSWERS or not len(named):
        raise ProblemError(
            Problem(
                f"The log holds too little {when} that moment: {len(answers)} answers.",
                f"A replay needs at least {LEAST_ANSWERS} on each side, some of which name their version.",
                "Choose another moment; `mlcontrol timeline` lists the changes.",
                code="not-found",
            )
        )
    import numpy as np

    return answers.versions[int(np.bincount(named).argmax())]


def _require_one_version(after: Answers, old: str, new: str) -> None:
    if old == new:
        raise ProblemError(
            Problem(
                f"v{new} answers before and after that moment.",
                "A replay needs the moment at which one version followed another.",
                "Choose another moment; `mlcontrol timeline` lists the changes.",
                code="usage",
            )
        )
    named = after.version[after.version >= 0]
    others = float((named != after.versions.index(new)).mean())
    if others > MIXED:
        raise ProblemError(
            Problem(
                f"After that moment {others:.0%} of the answers still come from another version than v{new}.",
                "Failed answers name no version, so they could not be told apart.",
                "Choose the moment at which one version took all the traffic, a little later.",
                code="usage",
            )
        )


def _calm(
    before: Answers,
    at_s: float,
    strategy: Strategy,
    objective: float | None,
    accuracy: float | None,
    month: float | None,
    tell: Tell,
) -> FalseAlarms | None:
    """Both arms dealt from the same answers, in half hours before the change: whatever is stopped there is a false alarm."""
    from mlcontrol.core.gate_replay import replay
    from mlcontrol.core.review.judging import wilson

    first = float(before.at_s[0])
    starts = [at_s - WINDOW_S * (i + 1) for i in range(int(CALM_S / WINDOW_S))]
    windows = [start for start in starts if start - PAST_S >= first and len(before.between(start, start + WINDOW_S))]
    if not windows:
        return None
    results: list[Replayed] = []
    for i in range(max(REPLAYS, len(windows))):
        start = windows[i % len(windows)]
        here = before.between(start, start + WINDOW_S).dealt_again(i)
        past = before.between(start - PAST_S, start)
        results.append(replay(here, here, past, strategy, objective, accuracy))
        tell(f"Calm time: {i + 1} replays", 0.2 + 0.8 * (i + 1) / max(REPLAYS, len(windows)))
    stopped = [r for r in results if r.ended == "stopped"]
    low, high = wilson(len(stopped), len(results))
    guards = Counter(r.guard or "no data" for r in stopped)
    hours = len(windows) * WINDOW_S / 3600.0
    share = len(stopped) / len(results)
    return FalseAlarms(len(results), len(stopped), hours, share, low, high, month, tuple(guards.most_common()))


def _rollouts_a_month(ctx: ServiceContext, service: str) -> float | None:
    """Deploys begun here in the last thirty days, by the journal; `None` where there was none."""
    since, audit = ctx.clock.utc_s() - MONTH_S, ctx.store.audit
    begun = 0
    for operation in audit.operations_of(service):
        folded = journal.fold(list(audit.of_operation(operation)))
        begun += folded is not None and folded.kind is OperationKind.DEPLOY and folded.started_s >= since
    return float(begun) or None
