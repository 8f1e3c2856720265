"""Runs a service's golden set on one version, asked directly, at a bounded rate; no traffic moves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from mlcontrol.core.golden import GoldenItem, GoldenScore, score
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.ports.errors import AdapterError, Rejected
from mlcontrol.ports.serving import Serving
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings

MAX_PER_S = 50.0
ITEM_DEADLINE_S = 5.0
COMPARED_ITEMS = 8
SLOWER = 2.0


@dataclass(frozen=True, slots=True)
class GoldenRun:
    """``slowest_ms``/``median_ms`` over the answered items; ``first_error``: the first item that was not answered, and why.

    ``current_median_ms``: of the version that serves now, asked some of the same items in the same minute. ``objective_ms``: p99.
    """

    score: GoldenScore
    minimum: float | None
    median_ms: float | None
    slowest_ms: float | None
    first_error: str
    current_median_ms: float | None = None
    objective_ms: float | None = None

    def evidence(self) -> str:
        timing = "" if self.median_ms is None else f", median {self.median_ms:.0f} ms, slowest {self.slowest_ms:.0f} ms"
        return f"{self.score.right} of {self.score.n} golden items as expected{timing}"

    def problem(self, version: str) -> Problem | None:
        """Why this version must not be deployed, if so. Without a declared minimum only critical items decide."""
        result = self.score
        if result.n == 0:
            return Problem("There is no golden item to ask.", code="unknown", next="Add items to the golden set.")
        if len(result.unanswered) == result.n:
            return Problem(
                f"v{version} answered none of {result.n} golden queries.", self.first_error, _COMPARE, "blocked"
            )
        if result.critical_failed:
            names = ", ".join(result.critical_failed[:3])
            return Problem(
                f"v{version} fails critical golden items: {names}.", self.evidence() + ".", _COMPARE, "blocked"
            )
        if self.minimum is not None and result.right / result.n < self.minimum:
            return Problem(
                f"v{version} is worse than this service allows.",
                f"{self.evidence()}; at least {self.minimum:.0%} are asked for, set by the versions before.",
                _COMPARE,
                "blocked",
            )
        return self._too_slow(version)

    def _too_slow(self, version: str) -> Problem | None:
        """Slow by itself and against the version that serves: a busy machine slows both and is no reason to refuse."""
        if self.median_ms is None or self.current_median_ms is None or self.objective_ms is None:
            return None
        if self.median_ms <= self.objective_ms or self.median_ms <= SLOWER * self.current_median_ms:
            return None
        return Problem(
            f"v{version} is too slow.",
            f"Half of its answers take longer than {self.median_ms:.0f} ms; the version that serves needs"
            f" {self.current_median_ms:.0f} ms, and the objective for 99 % of all answers is {self.objective_ms:.0f} ms.",
            "Look at what this version computes for each query; the serving version was not touched.",
            "blocked",
        )


_COMPARE = "Look at the failing items and at the training of this version; the serving version was not touched."


def run_golden(ctx: ServiceContext, service: str, version: str, current: str | None) -> GoldenRun:
    """Ask every item of the first serving endpoint. Raises `ProblemError` when there is no golden set or nobody answers."""
    golden = ctx.golden(service)
    s = service_settings(ctx, service)
    if golden is None or not s.serving:
        raise ProblemError(
            Problem("This service has no golden set to ask.", "", "Add one to the service's settings.", code="unknown")
        )
    serving = ctx.serving(s.serving[0])
    answers: dict[str, dict[str, Any]] = {}
    latencies: list[float] = []
    first_error = ""
    for item in golden.items:
        started = time.monotonic()
        try:
            answer = serving.infer(s.serving_model, item.inputs, version, ITEM_DEADLINE_S)
        except AdapterError as error:
            first_error = first_error or str(error.problem)
            if not isinstance(error, Rejected) and not answers:
                raise  # nobody answers at all: that is not the version's fault
            continue
        answers[item.id] = answer.outputs
        latencies.append(answer.latency_ms)
        time.sleep(max(0.0, 1.0 / MAX_PER_S - (time.monotonic() - started)))
    return GoldenRun(
        score(golden.items, answers),
        golden.minimum_score,
        median(latencies) if latencies else None,
        max(latencies, default=None),
        first_error,
        None if current in (None, version) else _median_of(serving, s.serving_model, golden.items, current),
        s.objectives.get("p99_ms"),
    )


def _median_of(serving: Serving, model: str, items: tuple[GoldenItem, ...], version: str | None) -> float | None:
    """Median latency of a version on the first items; `None` when it does not answer."""
    try:
        return median(
            serving.infer(model, item.inputs, version, ITEM_DEADLINE_S).latency_ms for item in items[:COMPARED_ITEMS]
        )
    except AdapterError:
        return None
