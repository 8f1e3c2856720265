"""Control charts of a service's main series, their limits from the fleet's alert budget."""

from __future__ import annotations

from mlcontrol.core.control_chart import ControlChart
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.onsets import read

BUDGET_PER_WEEK = 2.0
CHARTS = ("errors", "latency of callers", "traffic", "quality")
INSTEAD = {"latency of callers": "latency p99"}
SPAN_S = 6 * 3600.0


class ControlDesk:
    """*Thread:* any."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx

    def charts(self, service: str, kind: str, span_s: float = SPAN_S) -> tuple[ControlChart, ...]:
        """Of what is recorded. Raises `ProblemError` ("usage") for a kind of chart that is none."""
        from mlcontrol.core.signals.control import KINDS, control_chart

        if kind not in KINDS:
            raise ProblemError(Problem(f"{kind} is no kind of control chart.", next=f"Say one of {', '.join(KINDS)}."))
        now_s = self._ctx.clock.utc_s()
        tracks = {t.name: t for t in read(self._ctx, service, now_s - span_s, now_s).tracks}
        shared = len(CHARTS) * max(1, len(self._ctx.settings.services))
        found = []
        for name in CHARTS:
            track = tracks.get(name) or tracks.get(INSTEAD.get(name, ""))
            if track is not None:
                found.append(control_chart(track.name, track.at_s, track.value, kind, BUDGET_PER_WEEK, shared))
        return tuple(found)
