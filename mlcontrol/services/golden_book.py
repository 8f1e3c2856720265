"""A service's golden set as a whole, for people: coverage, age, and its scores over the generations."""

from __future__ import annotations

from mlcontrol.core.golden_history import GoldenLook, look
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.versions import version_order
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings


class GoldenBook:
    """*Thread:* any."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx

    def look(self, service: str) -> GoldenLook:
        """Raises `ProblemError` when the service has no golden set or it cannot be read."""
        service_settings(self._ctx, service)
        golden = self._ctx.golden(service)
        if golden is None:
            raise ProblemError(
                Problem(
                    f"{service} has no golden set.",
                    "Nobody said which answers must be right, so no version can be held to them.",
                    "Name a golden file in the service's settings; G on the review bench puts an item into it.",
                    code="not-configured",
                )
            )
        scores = self._ctx.store.golden_scores.generations(service)
        good = (version for version, _ in self._ctx.store.knowledge.known_good(service))
        order = sorted({one.version for one in scores}, key=version_order)
        return look(golden, scores, good, order, self._ctx.clock.utc_s())
