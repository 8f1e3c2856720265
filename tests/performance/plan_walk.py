"""What becomes of a whole canary when errors come in bursts: stopped, passed, or held as not decidable.

    .venv/bin/python -m tests.performance.plan_walk [--runs 1000] [--seed 1] [--only CV 1]

Every step of the plan is walked as the live machine walks it: a stage is left at the first look at which the required guard says
fine and enough was answered, and held after its hour. Every guard may stop it at every look. "passed" of a bad version is the quiet
pass that must not be; beside it what a z-test says that is repeated at every look on the same counts.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import isfinite, log

import numpy as np

from mlcontrol.core.judge import guards
from mlcontrol.core.judge.bucket import Bucket, error_columns
from mlcontrol.core.judge.policy import ALPHA, ALPHA_FINE, ERRORS
from mlcontrol.core.judge.verdict import Verdict
from mlcontrol.core.strategy import DEFAULT_STEPS, Strategy, StrategyKind
from tests.performance import judge_simulation as alone
from tests.performance.plan_simulation import POLICY, Calm, draw_run, stopped_by

PLAN = Strategy(StrategyKind.CANARY, DEFAULT_STEPS[StrategyKind.CANARY])
LOOKS = 360

WALKS = (
    Calm("as good, steady"),
    Calm("as good, bursts (CV 0.5)", burst_cv=0.5),
    Calm("as good, bursts (CV 1)", burst_cv=1.0),
    Calm("as good, 200/s, bursts (CV 1)", rate=200.0, burst_cv=1.0),
    Calm("doubled, steady", ratio=2.0),
    Calm("doubled, bursts (CV 1)", ratio=2.0, burst_cv=1.0),
    Calm("tripled, bursts (CV 1)", ratio=3.0, burst_cv=1.0),
    Calm("doubled, 200/s, bursts (CV 1)", rate=200.0, ratio=2.0, burst_cv=1.0),
)


@dataclass(frozen=True)
class Walk:
    """``stopped``: the guards that said worse, and at which look; ``left``: stages that were left as fine."""

    buckets: tuple[Bucket, ...]
    left: int
    stopped: dict[str, int] = field(default_factory=dict)

    @property
    def end(self) -> str:
        return "stopped" if self.stopped else "passed" if self.left == len(PLAN.steps) else "held"


def walked(calm: Calm, rng: np.random.Generator) -> Walk:
    """One rollout from its first share to its end."""
    buckets: tuple[Bucket, ...] = ()
    starts: list[int] = []
    left = 0
    for percent in PLAN.steps:
        start, end_s = len(buckets), buckets[-1].end_s if buckets else 0.0
        starts.append(start)
        drawn = draw_run(replace(calm, shares=(percent / 100,)), rng, LOOKS).buckets
        drawn = tuple(replace(b, start_s=b.start_s + end_s, end_s=b.end_s + end_s) for b in drawn)
        look = next(_fine_at((*buckets, *drawn), start), None)
        buckets = (*buckets, *(drawn if look is None else drawn[: look + 1 - start]))
        if look is None:
            break
        left += 1
    evidence = replace(draw_run(calm, rng, 1), buckets=buckets)
    return Walk(buckets, left, stopped_by(evidence, starts, rng))


def _fine_at(buckets: tuple[Bucket, ...], start: int) -> Iterator[int]:
    """The looks at which the stage that began at ``start`` may be left. Those at which even the evidence as requests make it does
    not suffice are passed over: scatter only takes away from it."""
    bare = np.maximum.accumulate(guards._errors_fine(error_columns(buckets[start:]), POLICY))
    answered = np.cumsum([b.new.requests for b in buckets[start:]])
    aged = np.array([b.end_s - buckets[start].start_s for b in buckets[start:]])
    enough = (answered >= PLAN.min_requests) & (aged >= PLAN.min_s) & (bare >= log(1.0 / ALPHA_FINE))
    for look in np.flatnonzero(enough) + start:
        if guards.errors(buckets[: look + 1], start, POLICY).verdict is Verdict.FINE:
            yield int(look)


def z_stops(walk: Walk) -> bool:
    columns = error_columns(walk.buckets)
    counts = (columns.events_new, columns.events_old, columns.exposure_new, columns.exposure_old)
    return bool(isfinite(alone.z_stopped_after(tuple(c[None, :] for c in counts), ALPHA[ERRORS])[0]))


def figures(calm: Calm, runs: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    ends: Counter[str] = Counter()
    by: Counter[str] = Counter()
    z, minutes = 0, []
    for _ in range(runs):
        walk = walked(calm, rng)
        ends[walk.end] += 1
        by.update(walk.stopped.keys())
        z += z_stops(walk)
        last = min((look for look in walk.stopped.values()), default=len(walk.buckets) - 1)
        minutes.append(walk.buckets[min(last, len(walk.buckets) - 1)].end_s / 60)
    shares = ", ".join(f"{end} {ends[end] / runs:.2%}" for end in ("stopped", "held", "passed"))
    names = ", ".join(f"{guard} {count}" for guard, count in by.most_common()) or "none"
    return f"{shares}; by {names}; median {np.median(minutes):.0f} min; z-test stops {z / runs:.2%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a part of the names of what is walked")
    given = parser.parse_args()
    print(f"{given.runs} rollouts each, seed {given.seed}: {PLAN.words}; load {os.getloadavg()[0]:.1f}", flush=True)
    for calm in WALKS:
        if given.only in calm.name:
            print(f"{calm.name:30} {figures(calm, given.runs, given.seed)}", flush=True)


if __name__ == "__main__":
    main()
