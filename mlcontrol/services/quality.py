"""Quality on demand: what a version's logged answers show, and every score known of the generations."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from mlcontrol.core import series
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.quality.generations import SHARES, Generations, Point, generations, metric_of
from mlcontrol.core.quality.report import FeedbackShare, QualityReport
from mlcontrol.core.review import wilson
from mlcontrol.core.review.version_scores import scores
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.signals.accuracy import rmse_interval
from mlcontrol.core.types import SeriesData, ServiceState
from mlcontrol.core.versions import version_order
from mlcontrol.ports.predictions import LoggedFeedback
from mlcontrol.services.collect_predictions import is_regression
from mlcontrol.services.context import ServiceContext

Floats = npt.NDArray[np.float64]
MOST_ROWS = 6000
SEED = 1
DEADLINE_S = 20.0
ENOUGH_STRETCHES = 10
REMEMBERED_S = 180 * 86_400.0


class QualityDesk:
    """*Thread:* any."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx

    def report(self, service: str, version: str | None, span_s: float) -> QualityReport:
        """``version`` `None`: the one that answers callers now. Raises `ProblemError` where there is no log or no such version."""
        from mlcontrol.core.quality.logged import Answered, measure

        settings, state = self._settings(service), self._state(service)
        if not settings.predictions or not settings.prediction:
            raise ProblemError(
                Problem(
                    "This service's quality cannot be measured.",
                    "It has no prediction log, or its settings do not name the output that is the answer.",
                    "Add a predictions connection and `prediction` to the service.",
                    code="not-configured",
                )
            )
        chosen = version or state.used.single or state.intended.single
        if chosen is None:
            raise ProblemError(
                Problem(
                    "Which version answers is not known.", next="Name one, or wait for the next poll.", code="unknown"
                )
            )
        until_s = self._ctx.clock.utc_s()
        since_s = until_s - span_s
        log = self._ctx.predictions(settings.predictions)
        served = sum(s.answered for s in log.shares(service, since_s, until_s, DEADLINE_S) if s.version == chosen)
        drawn = log.sample(service, MOST_ROWS, SEED, since_s, until_s, chosen, DEADLINE_S)
        rows = [Answered(p.outputs, p.label, p.slices, p.contradicted, p.at_s) for p in drawn]
        found = measure(rows, settings.prediction, settings.probability, is_regression(settings))
        before = log.feedback(service, since_s - span_s, since_s, DEADLINE_S)
        now = log.feedback(service, since_s, until_s, DEADLINE_S)
        notes = [f"{len(drawn)} of {served} answers were looked at"] if served > len(drawn) else []
        if strange := log.malformed(service, since_s, until_s, DEADLINE_S):
            notes.append(f"{strange:,} entries in the log's files of this span cannot be read and are left out")
        return QualityReport(
            service,
            chosen,
            found.task,
            since_s,
            until_s,
            served,
            len(drawn),
            found.labelled,
            found.measures,
            found.slices,
            found.estimate,
            feedback_shares(now, before, chosen, served),
            (*found.notes, *notes),
        )

    def generations(self, service: str) -> Generations | None:
        """`None` where no version carries a train, validation or test metric and nothing was measured."""
        settings, state = self._settings(service), self._state(service)
        versions = sorted(state.versions, key=lambda v: version_order(v.version))
        metric = metric_of([v.metrics for v in versions]) or ("rmse" if is_regression(settings) else "accuracy")
        points = list(self._measured(service, metric))
        if metric in SHARES:
            points += self._golden(service)
            judged = scores(self._ctx.store.reviews.judgements(service))
            points += [
                Point("human", s.version, s.estimate, s.low, s.high, s.n)
                for s in judged.values()
                if s.estimate is not None
            ]
        found = generations(
            metric, [(v.version, v.metrics) for v in versions], points, state.intended.single, _pinned(settings)
        )
        return found if found.points else None

    def _measured(self, service: str, metric: str) -> Iterable[Point]:
        """Production and canary, pooled over everything that history remembers."""
        if metric not in (*SHARES, "rmse"):
            return
        until_s = self._ctx.clock.utc_s()
        found = self._ctx.store.history.query(service, [series.QUALITY], until_s - REMEMBERED_S, until_s, 20_000)
        kinds = {"labels": "production", "canary": "canary"}
        for data in found:
            kind, version = kinds.get(data.key.label("source") or ""), data.key.label("version")
            if kind is not None and version and (point := pooled_point(kind, version, data, metric)) is not None:
                yield point

    def _golden(self, service: str) -> list[Point]:
        """Of the newest set only: scores of other items cannot be compared."""
        known = self._ctx.store.golden_scores.generations(service)
        same = [g for g in known if g.n and g.set_of == known[0].set_of]
        return [Point("golden", g.version, g.right / g.n, *wilson(g.right, g.n), g.n) for g in same]

    def _settings(self, service: str) -> ServiceSettings:
        settings = self._ctx.settings.services.get(service)
        if settings is None:
            raise ProblemError(Problem(f"There is no service {service}.", code="not-found"))
        return settings

    def _state(self, service: str) -> ServiceState:
        return self._ctx.state().services.get(service) or ServiceState(service)


def pooled_point(kind: str, version: str, data: SeriesData, metric: str) -> Point | None:
    """Many short stretches as one score, each weighted by its answers."""
    value, n = np.frombuffer(data.value, "<f8"), np.frombuffer(data.n, "<f8")
    if value.size == 0 or n.size != value.size:
        return None
    known = np.isfinite(value) & (n > 0)
    total = int(n[known].sum())
    if total == 0:
        return None
    if metric == "rmse":
        return Point(kind, version, *_pooled_rmse(value[known] ** 2, n[known]), total)
    right = min(total, round(float(np.sum(n[known] * value[known]))))
    return Point(kind, version, right / total, *wilson(right, total), total)


def _pooled_rmse(squares: Floats, n: Floats) -> tuple[float, float, float]:
    """Where there are many stretches, how they scatter tells how sure the whole is, heavy tails and bad days included."""
    total, whole = float(n.sum()), float(np.sum(n * squares))
    mean, stretches = whole / total, squares.size
    if stretches < ENOUGH_STRETCHES or mean == 0:
        return rmse_interval(whole, round(total))
    # A mean of weighted stretches (Cochran 1977, 6.4), as the fourth powers that would scatter the mean as much.
    variance = float(np.sum((n * (squares - mean)) ** 2)) / total**2 * stretches / (stretches - 1)
    return rmse_interval(whole, round(total), total * (mean**2 + (total - 1) * variance))


def feedback_shares(
    now: Iterable[LoggedFeedback], before: Iterable[LoggedFeedback], version: str, served: int
) -> tuple[FeedbackShare, ...]:
    """Of one version now; of all versions in the period before, for it may have been another's."""
    from mlcontrol.core.quality.parts import feedback_share

    mine: dict[str, tuple[int, int]] = {}
    past: dict[str, tuple[int, int]] = {}
    for known, rows in ((mine, [f for f in now if f.version == version]), (past, before)):
        for one in rows:
            x, n = known.get(one.kind, (0, 0))
            known[one.kind] = x + one.positive, n + one.n
    return tuple(feedback_share(kind, mine[kind], past.get(kind, (0, 0)), served) for kind in sorted(mine))


def _pinned(settings: ServiceSettings) -> tuple[str, ...]:
    return tuple(part.strip() for part in settings.data.get("pinned", "").split(",") if part.strip())
