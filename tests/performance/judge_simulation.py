"""How often the judge stops a good version, and how soon it finds a bad one, beside a z-test that is repeated at every look.

    .venv/bin/python -m tests.performance.judge_simulation [--runs 1000] [--seed 1]

Then how often a whole plan, every guard at once, stops a good version: `plan_simulation.py`.

Counts are drawn per 10 s; both tests look every 10 s for an hour; the level of both is the judge's own for errors. "stopped"
of a version as good as the old one is a false alarm. Minutes are over the runs that were stopped, except the median, which
counts the others as never.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from math import erf, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray

from mlcontrol.core.judge.bucket import Columns
from mlcontrol.core.judge.guards import ERROR_BETS, RESTARTS, worse_by_scatter
from mlcontrol.core.judge.policy import ALPHA, ERRORS
from mlcontrol.core.statistics.sequential import log_e_rate_ratio
from mlcontrol.core.statistics.sequential_dispersion import dispersion
from tests.performance.plan_simulation import CALM, false_aborts

STEP_S = 10.0
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scenario:
    name: str
    ratio: float = 1.0
    rate: float = 50.0
    shares: tuple[float, ...] = (0.1,)  # one after the other over the hour
    errors: float = 0.01
    drift: float = 1.0
    burst_cv: float = 0.0


SCENARIOS = (
    Scenario("as good, steady"),
    Scenario("as good, common rate drifts × and / 2.7", drift=2.7),
    Scenario("as good, share ramps 1, 5, 25, 50 %", shares=(0.01, 0.05, 0.25, 0.5)),
    Scenario("as good, drift and ramp", shares=(0.01, 0.05, 0.25, 0.5), drift=2.7),
    Scenario("as good, bursts (CV 0.5 in each arm)", burst_cv=0.5),
    Scenario("as good, bursts (CV 1)", burst_cv=1.0),
    Scenario("as good, bursts (CV 1), 25 %", burst_cv=1.0, shares=(0.25,)),
    Scenario("doubled", 2.0),
    Scenario("doubled, drift", 2.0, drift=2.7),
    Scenario("doubled, ramp", 2.0, shares=(0.01, 0.05, 0.25, 0.5)),
    Scenario("doubled, bursts (CV 0.5)", 2.0, burst_cv=0.5),
    Scenario("tripled", 3.0),
)


def draw(scenario: Scenario, runs: int, rng: np.random.Generator, minutes: int = 60) -> tuple[Floats, ...]:
    """Errors and requests of both versions, each of shape (runs, buckets)."""
    n = int(minutes * 60 / STEP_S)
    share = np.repeat(scenario.shares, n // len(scenario.shares))
    new = rng.poisson(scenario.rate * STEP_S * share, (runs, n))
    old = rng.poisson(scenario.rate * STEP_S * (1 - share), (runs, n))
    common = scenario.errors * scenario.drift ** np.sin(np.arange(n) / n * 4 * np.pi)
    cv = scenario.burst_cv
    own = rng.gamma(1 / cv**2, cv**2, (2, runs, n)) if cv else np.ones((2, runs, n))
    bad_new = rng.binomial(new, np.minimum(1, common * scenario.ratio * own[0]))
    bad_old = rng.binomial(old, np.minimum(1, common * own[1]))
    return tuple(x.astype(np.float64) for x in (bad_new, bad_old, new, old))


def stopped_after(counts: tuple[Floats, ...], alpha: float) -> Floats:
    """Minutes until the judge's guard for errors says worse, by run; infinity where it never does."""
    threshold = log(1.0 / alpha)
    plain = log_e_rate_ratio(*counts, mixture=ERROR_BETS, restart_weight=RESTARTS)
    minutes = np.full(len(plain), inf)
    for run in np.flatnonzero(plain.max(axis=1) >= threshold):
        minutes[run] = _one_run(tuple(x[run] for x in counts), plain[run], threshold)
    return minutes


def _one_run(counts: tuple[Floats, ...], plain: Floats, threshold: float) -> float:
    """Minutes until the guard stops. Looks at which even the plain evidence does not suffice are passed over: the guard only
    takes away from it, except for the robust mode, which follows later."""
    for look in np.flatnonzero(np.maximum.accumulate(plain) >= threshold):
        seen = Columns(*(x[: look + 1] for x in counts))
        scatter = dispersion(*(x[: look + 1] for x in counts))
        if worse_by_scatter(seen, scatter, 1.0, ERROR_BETS).max() >= threshold:
            return float(look + 1) * STEP_S / 60.0
    return inf


def z_stopped_after(counts: tuple[Floats, ...], alpha: float) -> Floats:
    """The same for a one-sided z-test of two pooled proportions at every look."""
    bad_new, bad_old, new, old = (np.cumsum(x, axis=1) for x in counts)
    pooled = (bad_new + bad_old) / (new + old)
    spread = np.sqrt(np.maximum(1e-12, pooled * (1 - pooled) * (1 / np.maximum(new, 1) + 1 / old)))
    z = np.where(bad_new + bad_old >= 5, (bad_new / np.maximum(new, 1) - bad_old / old) / spread, 0.0)
    hit = z >= _normal_quantile(1.0 - alpha)
    return np.where(hit.any(axis=1), (hit.argmax(axis=1) + 1) * STEP_S / 60.0, inf)


def _normal_quantile(p: float) -> float:
    low, high = -10.0, 10.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if 0.5 * (1 + erf(middle / sqrt(2))) < p else (low, middle)
    return high


def figures(minutes: Floats) -> str:
    stopped = np.isfinite(minutes).mean()
    median, late = np.quantile(minutes, [0.5, 0.9], method="inverted_cdf")
    return f"{stopped:7.2%} stopped, median {median:5.1f}, 90 % {late:5.1f} min"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    alpha = ALPHA[ERRORS]
    print(f"{given.runs} runs of an hour each, seed {given.seed}, level {alpha:g}, a look every {STEP_S:g} s")
    for scenario in SCENARIOS:
        counts = draw(scenario, given.runs, np.random.default_rng(given.seed))
        judge, z = stopped_after(counts, alpha), z_stopped_after(counts, alpha)
        print(f"{scenario.name:42} judge {figures(judge)}   z-test {figures(z)}", flush=True)
    print(f"all guards together, level {sum(ALPHA.values()):.3g} in all: good versions stopped by any of them")
    for calm in CALM:
        stopped, by = false_aborts(calm, given.runs, given.seed)
        guards = ", ".join(f"{guard} {count}" for guard, count in by.most_common()) or "by none"
        print(f"{calm.name:42} plan  {stopped:7.2%} stopped ({guards})", flush=True)


if __name__ == "__main__":
    main()
