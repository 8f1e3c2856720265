"""Exit codes that pipelines rely on."""

from __future__ import annotations

from mlcontrol.core.problem import Problem

DONE = 0
BLOCKED = 1
UNKNOWN = 2
CANNOT_RUN = 3

_BY_CODE = {
    "unknown": UNKNOWN,
    "timeout": UNKNOWN,
    "not-found": CANNOT_RUN,
    "not-configured": CANNOT_RUN,
    "not-viable": CANNOT_RUN,
    "no-engine": CANNOT_RUN,
    "engine-failed": CANNOT_RUN,
    "engine-lost": UNKNOWN,
    "unreachable": CANNOT_RUN,
    "store": CANNOT_RUN,
    "usage": CANNOT_RUN,
    "no-display": CANNOT_RUN,
    "protocol": CANNOT_RUN,
}


def of_problem(problem: Problem) -> int:
    """What a problem means for a pipeline; a refusal or failure is 1."""
    return _BY_CODE.get(problem.code, BLOCKED)
