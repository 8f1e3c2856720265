"""What a plan was decided on, as data that a digest can name."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from mlcontrol.core.plan import Plan


def evidence_of(plan: Plan) -> dict[str, Any]:
    """The verdicts that the person saw, what was assumed of the world, and who would feel it."""
    shown = {
        "report": plan.report,
        "assumes": plan.assumes,
        "blast": plan.blast,
        "unknown": plan.unknown,
        "warnings": plan.warnings,
        "owners": plan.owners,
    }
    body: dict[str, Any] = _finite(msgspec.to_builtins(shown))
    return body


def _finite(value: Any) -> Any:
    """Canonical JSON knows no NaN and no infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value
