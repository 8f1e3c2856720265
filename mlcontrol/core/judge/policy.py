"""How strict the judge is: levels, margins and which guards must have decided before more traffic moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

ERRORS, LATENCY, QUERY_RATE, PREDICTIONS = "errors", "latency", "query-rate", "predictions"
GOLDEN, FEEDBACK, EVALUATORS, RESOURCES, OBJECTIVES = "golden", "feedback", "evaluators", "resources", "objectives"

TITLES = {
    ERRORS: "Errors",
    LATENCY: "Latency",
    QUERY_RATE: "Query rate",
    PREDICTIONS: "Predictions",
    GOLDEN: "Golden set",
    FEEDBACK: "Labels",
    EVALUATORS: "Evaluators",
    RESOURCES: "Resources",
    OBJECTIVES: "Objectives",
}


class Role(StrEnum):
    """``require``: must be fine before more traffic moves. ``watch``: can stop the rollout, need not have decided. ``off``:
    not asked."""

    REQUIRE = "require"
    WATCH = "watch"
    OFF = "off"


ALPHA = {
    ERRORS: 0.01,
    LATENCY: 0.003,
    QUERY_RATE: 0.001,
    PREDICTIONS: 0.002,
    GOLDEN: 0.001,
    FEEDBACK: 0.002,
    EVALUATORS: 0.001,
    RESOURCES: 0.001,
    OBJECTIVES: 0.001,
}
"""What each guard may spend of the false alarms: 0.022 together. As requests are whole and an hour is finite, not all of it is
spent in truth; `python -m tests.performance.judge_simulation` shows how much is, by the errors alone and by a whole plan."""

ALPHA_FINE = 0.05

_DEFAULT_ROLES = {
    ERRORS: Role.REQUIRE,
    LATENCY: Role.WATCH,
    QUERY_RATE: Role.WATCH,
    PREDICTIONS: Role.WATCH,
    GOLDEN: Role.WATCH,
    FEEDBACK: Role.WATCH,
    EVALUATORS: Role.WATCH,
    RESOURCES: Role.WATCH,
    OBJECTIVES: Role.WATCH,
}


@dataclass(frozen=True, slots=True)
class JudgePolicy:
    """``error_margin``: a ratio of error rates that must be excluded before the errors are fine, unless the rate itself is
    shown to be under ``error_tolerance`` (0..1). ``slower_margin``: the same for the share of slow answers;
    ``slower_ignored``: below this ratio slowness is no reason to go back. ``share_off``: the observed share may be off by
    this factor. ``class_off``: so may the share of a predicted class. ``stale_s``: a guard whose source was not read for so
    long knows nothing."""

    roles: dict[str, Role] = field(default_factory=lambda: dict(_DEFAULT_ROLES))
    error_margin: float = 2.0
    error_tolerance: float = 0.01
    slower_margin: float = 2.0
    slower_ignored: float = 1.25
    share_off: float = 1.2
    class_off: float = 1.25
    golden_minimum: float = 0.9
    evaluator_minimum: float = 0.5
    stale_s: float = 12.0

    def role(self, guard: str) -> Role:
        return self.roles.get(guard, Role.OFF)
