"""A shadow: what callers asked lately is asked of both versions directly, and their answers are compared. No caller gets any
of it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from math import isclose
from typing import Any

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.review import wilson
from mlcontrol.ports.errors import AdapterError
from mlcontrol.services.batching import batch_of_one
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings

PAST_S = 3600.0
MAX_PER_S = 50.0
NUMBERS_AGREE = 0.01  # relative


@dataclass(frozen=True, slots=True)
class Shadow:
    """``compared`` of ``asked`` inputs were answered by both; ``differ``: answers that are not the same;
    ``only_new_failed``: inputs that the new version refused and the old one answered."""

    asked: int
    compared: int
    differ: int
    only_new_failed: int
    first_difference: str = ""

    def evidence(self) -> str:
        low, high = wilson(self.differ, self.compared)
        return f"{self.compared} inputs to both, {self.differ} answers differ ({low:.1%} to {high:.1%})"

    def problem(self, version: str, tolerance: float) -> Problem | None:
        """Why the new version must not take over, if so. ``tolerance``: share of answers that may differ, 0..1."""
        if self.compared == 0:
            return Problem(
                "No input could be compared.", "Neither version answered, or nothing is logged.", "", "unknown"
            )
        if self.only_new_failed:
            what = (
                f"v{version} fails on {self.only_new_failed} of {self.asked} real inputs that the old version answers."
            )
            return Problem(what, self.first_difference, "Look at these inputs.", "blocked")
        if self.differ / self.compared > tolerance:
            what = (
                f"v{version} answers differently than the old version on {self.differ} of {self.compared} real inputs."
            )
            why = f"At most {tolerance:.1%} may differ. {self.first_difference}"
            return Problem(what, why, "If that is what the new version is for, raise shadow_tolerance.", "blocked")
        return None


def compare_answers(ctx: ServiceContext, service: str, new: str, old: str, wanted: int) -> Shadow:
    """Ask both versions up to ``wanted`` logged inputs. Raises `ProblemError` when there is no log to take inputs from."""
    s = service_settings(ctx, service)
    if not s.predictions or not s.serving:
        raise ProblemError(
            Problem(
                "There is nothing to compare on.", "This service has no prediction log.", "Add one.", "not-configured"
            )
        )
    now = ctx.clock.utc_s()
    logged = ctx.predictions(s.predictions).sample(service, wanted, 1, now - PAST_S, now)
    serving = ctx.serving(s.serving[0])
    compared = differ = only_new = 0
    first = ""
    for item in logged:
        started = time.monotonic()
        inputs = batch_of_one(json.loads(item.inputs))
        answers = [_ask(serving, s.serving_model, inputs, version) for version in (old, new)]
        if answers[0] is not None and answers[1] is None:
            only_new += 1
            first = first or f"First: request {item.request_id}."
        elif answers[0] is not None and answers[1] is not None:
            compared += 1
            if not _same(answers[0].get(s.prediction), answers[1].get(s.prediction)):
                differ += 1
                first = first or f"First: request {item.request_id}."
        time.sleep(max(0.0, 1.0 / MAX_PER_S - (time.monotonic() - started)))
    return Shadow(len(logged), compared, differ, only_new, first)


def _ask(serving: Any, model: str, inputs: dict[str, Any], version: str) -> dict[str, Any] | None:
    try:
        outputs: dict[str, Any] = serving.infer(model, inputs, version).outputs
    except AdapterError:
        return None
    return outputs


def _same(one: Any, other: Any) -> bool:
    while isinstance(one, list) and isinstance(other, list) and len(one) == len(other) == 1:
        one, other = one[0], other[0]
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) or isinstance(other, float):
        return isclose(one, other, rel_tol=NUMBERS_AGREE, abs_tol=1e-9)
    return bool(one == other)
